"""Somebody works elsewhere."""

import asyncio

import pytest

from support.clients import problem


async def company(client, name):
    body = {"name": name, "domains": [f"{name.lower()}.example.com"]}
    return (await client.made("companies", body))["id"]


async def employed(client):
    before, after = await company(client, "Before"), await company(client, "After")
    body = {
        "last_name": "Example",
        "title": "Clerk",
        "company_id": before,
        "emails": [{"value": "a@before.example.com"}, {"value": "a@example.com", "kind": "home"}],
    }
    return await client.made("contacts", body), before, after


async def test_one_employment_ends_and_another_begins(client):
    contact, before, after = await employed(client)
    path = f"/v1/contacts/{contact['id']}/change-job"
    body = {"company_id": after, "title": "Head", "on": "2026-03-01", "retires_emails": True}
    answer = await client.post(path, json=body, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    now = answer.json()
    assert (now["company_id"], now["title"], now["department"]) == (after, "Head", None)
    assert now["email"] == "a@example.com"
    states = {one["value"]: (one["status"], one["primary"]) for one in now["emails"]}
    assert states == {
        "a@before.example.com": ("invalid", False),
        "a@example.com": ("ok", True),
    }
    found = {
        one["company_id"]: (one["is_primary"], one["title"], one["started_on"], one["ended_on"])
        for one in (await client.read("employments"))["data"]
    }
    assert found == {
        before: (False, "Clerk", None, "2026-02-28"),
        after: (True, "Head", "2026-03-01", None),
    }
    (event,) = await client.told(contact["id"], 1, types="contact.changed_job")
    assert event["data"]["company_before_id"] == before
    assert event["data"]["company_id"] == after
    assert event["data"]["on"] == "2026-03-01"
    asked = """mutation ($id: UUID!, $input: JobChangeInput!) {
        changeContactJob(id: $id, input: $input) { companyId title }
    }"""
    data = await client.data(asked, id=contact["id"], input={"companyId": None})
    assert data["changeContactJob"] == {"companyId": None, "title": None}
    primaries = [one["is_primary"] for one in (await client.read("employments"))["data"]]
    assert primaries == [False, False]


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"company_id": "same"}, "same_company", "/company_id"),
        ({"company_id": "none"}, "unknown_reference", "/company_id"),
        ({"company_id": "after", "on": "2020-01-01"}, "ends_before_start", "/on"),
    ],
)
async def test_what_is_no_change_leaves_everything(client, change, code, pointer):
    contact, before, after = await employed(client)
    (employment,) = (await client.read("employments"))["data"]
    await client.changed(f"employments/{employment['id']}", {"started_on": "2024-01-01"})
    ids = {"same": before, "after": after, "none": contact["id"]}
    body = {**change, "company_id": ids[change["company_id"]]}
    told = problem(await client.post(f"/v1/contacts/{contact['id']}/change-job", json=body), 422)
    assert [(e["code"], e["pointer"]) for e in told["errors"]] == [(code, pointer)]
    assert (await client.read(f"contacts/{contact['id']}"))["company_id"] == before
    (left,) = (await client.read("employments"))["data"]
    assert left["is_primary"]


async def test_at_once_one_job_is_the_main_one(client):
    contact, _, after = await employed(client)
    others = [after, *[await company(client, name) for name in ("One", "Two", "Three")]]
    path = f"/v1/contacts/{contact['id']}/change-job"
    answers = await asyncio.gather(*(client.post(path, json={"company_id": one}) for one in others))
    done = [answer.status_code for answer in answers]
    assert set(done) <= {200, 422}
    assert done.count(200) >= 1
    found = (await client.read("employments"))["data"]
    (primary,) = [one for one in found if one["is_primary"]]
    assert primary["company_id"] == (await client.read(f"contacts/{contact['id']}"))["company_id"]


async def test_who_has_no_name_is_called_by_the_address_that_is_left(client):
    before = await company(client, "Before")
    emails = [{"value": "a@before.example.com"}, {"value": "a@example.com"}]
    contact = await client.made("contacts", {"company_id": before, "emails": emails})
    assert contact["name"] == "a@before.example.com"
    body = {"company_id": None, "retires_emails": True}
    answer = await client.post(f"/v1/contacts/{contact['id']}/change-job", json=body)
    assert answer.json()["name"] == answer.json()["email"] == "a@example.com"
