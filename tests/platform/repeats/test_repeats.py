"""Keys that are wrong, requests that are at work, servers that die, answers that grow old."""

import asyncio
from uuid import uuid4

import httpx
import pytest

from crm_api.kit.db import answers
from crm_api.kit.db.answers import claim, forget_old
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem
from support.processes import Server

PERSON = {"last_name": "Person"}
CSV = b"first_name,last_name,email\nSample,Person,sample@example.com\n"


def key():
    return {"Idempotency-Key": str(uuid4())}


async def people(client):
    return (await client.read("contacts", limit=200))["data"]


@pytest.mark.parametrize(
    "text", ["", '""', " ", "a b", "é", "x" * 256, "a\tb", '"' + "x" * 256 + '"', "\x7f"]
)
async def test_key_that_is_none_is_told(client, text):
    headers = [(b"Idempotency-Key", text.encode("latin-1"))]
    found = problem(await client.post("/v1/contacts", json=PERSON, headers=headers), 422)
    assert pointers(found) == ["Idempotency-Key"]
    assert found["errors"][0]["code"] == "invalid_idempotency_key"
    assert await people(client) == []


async def test_quoted_and_bare_key_are_one(client):
    text = "x" * 255
    first = await client.post("/v1/contacts", json=PERSON, headers={"Idempotency-Key": text})
    quoted = {"Idempotency-Key": f'"{text}"'}
    second = await client.post("/v1/contacts", json=PERSON, headers=quoted)
    assert second.json() == first.json()


async def test_request_at_work_is_waited_for_and_then_told(client, tx_of, org, monkeypatch):
    again = key()
    monkeypatch.setattr(answers, "PAUSES", answers.PAUSES[:6])
    async with unit_of_work(tx_of(org)) as tx:
        assert await claim(tx, again["Idempotency-Key"]) is None
        answer = await client.post("/v1/contacts", json=PERSON, headers=again)
        problem(answer, 409, "in_progress")
        assert answer.headers["retry-after"] == "1"
        assert (await client.post("/v1/contacts", json=PERSON, headers=key())).status_code == 201
        waiting = asyncio.create_task(client.post("/v1/contacts", json=PERSON, headers=again))
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert (await waiting).status_code == 201
    assert len(await people(client)) == 2


async def test_waiting_takes_no_connection(client, tx_of, org):
    """More requests than connections wait for one, and others are served meanwhile."""
    again = key()
    async with unit_of_work(tx_of(org)) as tx:
        await claim(tx, again["Idempotency-Key"])
        waiting = [
            asyncio.create_task(client.post("/v1/contacts", json=PERSON, headers=again))
            for _ in range(15)
        ]
        await asyncio.sleep(0.3)
        assert (await client.get("/v1/contacts")).status_code == 200
    given = await asyncio.gather(*waiting)
    assert {answer.status_code for answer in given} == {201}
    assert len({answer.content for answer in given}) == 1
    assert len(await people(client)) == 1


async def test_upload_is_the_same_whatever_its_boundary(client):
    async def send(content, boundary, headers):
        kind = f"multipart/form-data; boundary={boundary}"
        lines = [
            f"--{boundary}\r\n".encode(),
            b'Content-Disposition: form-data; name="entity"\r\n\r\ncontact\r\n',
            f"--{boundary}\r\n".encode(),
            b'Content-Disposition: form-data; name="file"; filename="people.csv"\r\n\r\n',
            content,
            f"\r\n--{boundary}--\r\n".encode(),
        ]
        return await client.post(
            "/v1/imports", content=b"".join(lines), headers={**headers, "Content-Type": kind}
        )

    again = key()
    first = await send(CSV, "one", again)
    assert first.status_code == 201, first.text
    second = await send(CSV, "two", again)
    assert second.headers["idempotency-replayed"] == "true"
    assert second.content == first.content
    third = await send(CSV + b"Other,Person,\n", "one", again)
    problem(third, 422, "idempotency_key_reused")
    assert len((await client.read("imports"))["data"]) == 1


async def test_long_work_is_begun_once(client):
    made = await client.post(
        "/v1/imports", files={"file": ("people.csv", CSV)}, data={"entity": "contact"}
    )
    path, again = f"/v1/imports/{made.json()['id']}/validate", key()
    first, second = [await client.post(path, headers=again) for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert second.json()["job_id"] == first.json()["job_id"]
    assert second.headers["location"] == first.headers["location"]
    assert len((await client.read("jobs"))["data"]) == 1


async def test_secret_is_not_stored(client, owner, org):
    again, body = key(), {"name": "Example", "scopes": ["contacts:read"]}
    made = (await client.post("/v1/api-keys", json=body, headers=again)).json()
    rows = await owner.fetch("SELECT * FROM kept_answers WHERE organization_id = $1", org.id)
    assert len(rows) == 1
    assert made["token"].rpartition("_")[2] not in str(rows)


@pytest.mark.parametrize(
    ("document", "kept"),
    [
        ("{ organization { name } }", False),
        ('mutation { createContact(input: {email: "wrong"}) { id } }', False),
        ('mutation { createContact(input: {lastName: "A"}) { nothing } }', False),
        ('mutation { createContact(input: {lastName: "A"}) { id } }', True),
        ('mutation { createContact(input: {lastName: "A"}, dryRun: true) { id } }', True),
        (
            (
                'mutation { a: createContact(input: {lastName: "A"}) { id } '
                'b: createContact(input: {email: "wrong"}) { id } }'
            ),
            True,
        ),
    ],
)
async def test_graphql_keeps_what_must_not_be_done_twice(client, document, kept):
    again = key()
    first, second = [
        await client.post("/graphql", json={"query": document}, headers=again) for _ in range(2)
    ]
    assert second.status_code == first.status_code
    assert ("idempotency-replayed" in second.headers) is kept
    assert len(await people(client)) == (
        document.count('"A"') > 0 and "true" not in document and "nothing" not in document
    )


async def test_old_answers_are_forgotten(client, owner, org, database):
    old, fresh = key(), key()
    for headers in (old, fresh):
        assert (await client.post("/v1/contacts", json=PERSON, headers=headers)).status_code == 201
    await owner.execute(
        "UPDATE kept_answers SET created_at = created_at - interval '49 hours' WHERE key = $1",
        old["Idempotency-Key"],
    )
    # Not removed yet, but not an answer any more.
    again = await client.post("/v1/contacts", json=PERSON, headers=old)
    assert "idempotency-replayed" not in again.headers
    await owner.execute(
        "UPDATE kept_answers SET created_at = created_at - interval '49 hours' WHERE key = $1",
        old["Idempotency-Key"],
    )
    await forget_old(database)
    left = await owner.fetch("SELECT key FROM kept_answers WHERE organization_id = $1", org.id)
    assert [row["key"] for row in left] == [fresh["Idempotency-Key"]]


async def test_requests_without_a_key_ask_nothing_more(client, statements):
    async with statements() as seen:
        assert (await client.post("/v1/contacts", json=PERSON)).status_code == 201
    assert len(seen) == 1, seen


# Servers of their own


@pytest.fixture
def server(settings):
    """A process beside this one."""
    found = Server(settings)
    yield found
    found.kill()


@pytest.mark.timeout(400)
async def test_processes_share_answers_and_nothing_of_a_dead_one_is_lost_or_doubled(
    client, org, server, owner
):
    """Killed while it waits for the record: nothing is done, nothing is kept, the retry does it."""
    await asyncio.to_thread(server.wait)
    again = key()
    async with server.client(org) as there:
        sent = [
            (there if turn % 2 else client).post("/v1/contacts", json=PERSON, headers=again)
            for turn in range(20)
        ]
        given = await asyncio.gather(*sent)
        assert {answer.status_code for answer in given} == {201}
        assert len({answer.content for answer in given}) == 1
        assert len(await people(client)) == 1

        path, body, again = f"/v1/contacts/{given[0].json()['id']}", {"last_name": "Other"}, key()
        async with owner.acquire() as holder, holder.transaction():
            await holder.execute("SELECT FROM contacts WHERE id = $1 FOR UPDATE", path[13:])
            asked = asyncio.create_task(there.patch(path, json=body, headers=again))
            while not await holder.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
                assert not asked.done()
                await asyncio.sleep(0.05)
            server.kill()
            with pytest.raises(httpx.TransportError):
                await asked
    retried = await client.patch(path, json=body, headers=again)
    assert retried.status_code == 200, retried.text
    assert "idempotency-replayed" not in retried.headers
    assert retried.json()["version"] == 2
    replayed = await client.patch(path, json=body, headers=again)
    assert replayed.headers["idempotency-replayed"] == "true"
    assert replayed.content == retried.content
    assert (await client.read(path[4:]))["version"] == 2
