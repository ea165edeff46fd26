"""The `traceparent` of a webhook is that of the request from which its event comes."""

import pytest

from crm_api.kit import traces
from crm_api.platform.audit import chain
from support.clients import problem
from support.receivers import receiving

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
GIVEN = f"00-{TRACE}-00f067aa0ba902b7-01"
BEFORE = "2026-01-01T00:00:00Z"
BULK = {"items": [{"last_name": "One"}, {"last_name": "Two"}]}
DOCUMENT = 'mutation { createContact(input: {lastName: "Three"}) { __typename } }'


def of(received):
    return received.headers["traceparent"]


async def hook(client, receiver):
    body = {"url": receiver.url, "topics": ["contact.*"]}
    return await client.made("webhooks", body)


@pytest.mark.usefixtures("worker")
async def test_a_trace_that_came_in_goes_out_by_both_faces(client, statements):
    async with receiving(
        answer=lambda r: 204 if r.headers["crm-webhook-attempt"] > "1" else 500
    ) as r:
        made = await hook(client, r)
        headers = {"traceparent": GIVEN}
        async with statements() as seen:
            answer = await client.post("/v1/contacts", json={"last_name": "P"}, headers=headers)
        assert answer.status_code == 201
        assert len(seen) == 1
        assert of((await r.have(1))[0]) == GIVEN
        # The next attempt and a replay belong to it as much as the first.
        await r.have(2)
        assert await client.post(f"/v1/webhooks/{made['id']}/replay", json={"since": BEFORE})
        await client.post("/graphql", json={"query": DOCUMENT}, headers=headers)
        got = await r.have(4)
        assert {of(one) for one in got} == {GIVEN}


@pytest.mark.usefixtures("worker")
async def test_without_one_the_request_begins_it(client):
    async with receiving() as receiver:
        made = await hook(client, receiver)
        answer = await client.post("/v1/contacts/bulk", json=BULK)
        assert answer.status_code == 200, answer.text
        traced = {of(got) for got in await receiver.have(2)}
        assert traced == {traces.begun(answer.headers["x-request-id"])}
        assert traced.pop().split("-")[1] == answer.headers["x-request-id"]
        odd = {"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01", "X-Request-ID": "mine"}
        await client.post("/v1/contacts", json={"last_name": "P"}, headers=odd)
        assert of((await receiver.have(3))[2]) == traces.begun("mine")
        await client.post(f"/v1/webhooks/{made['id']}/test", json={})
        sent = (await receiver.have(4))[3]
        assert of(sent) == traces.begun(sent.id)


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("given", [GIVEN, None])
async def test_what_a_job_does_belongs_to_who_asked_for_it(client, given):
    contact = await client.made("contacts", {"last_name": "Person"})
    async with receiving() as receiver:
        await hook(client, receiver)
        body = {"filter": {"id": {"eq": contact["id"]}}, "expected_count": 1, "action": "delete"}
        headers = {"traceparent": given} if given else {}
        answer = await client.post("/v1/contacts/bulk/by-filter", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        await client.ended(answer.json()["job_id"])
        wanted = given or traces.begun(answer.headers["x-request-id"])
        assert [of(got) for got in await receiver.have(1)] == [wanted]


async def test_the_header_is_nobodys_to_set(client):
    body = {"url": "https://example.com/", "topics": ["*"], "headers": {"TraceParent": GIVEN}}
    problem(await client.post("/v1/webhooks", json=body), 422, "validation")


async def test_it_is_no_part_of_what_is_sealed(client, owner, org):
    await client.post("/v1/contacts", json={"last_name": "P"}, headers={"traceparent": GIVEN})
    row = await owner.fetchrow(
        "SELECT * FROM events WHERE organization_id = $1 AND type = 'contact.created'", org.id
    )
    assert row["trace"] == GIVEN
    assert "trace" not in chain.plain_header(row)
