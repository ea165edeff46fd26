"""The quota of records: exact, whatever way they come, and however many write at once."""

import asyncio

import pytest

from crm_api.api.services import open_database
from crm_api.kit.db.database import WORKER_ROLE
from crm_api.platform.quotas.repository import set_quotas
from crm_api.registry import DOMAINS
from support.clients import problem


@pytest.fixture
def limit(settings, org):
    """`await limit(number)`: how many records the organization may have."""

    async def set_to(number):
        database = open_database(settings, role=WORKER_ROLE)
        try:
            await set_quotas(database, org.id, {"records": number})
        finally:
            await database.close()

    return set_to


async def used(client):
    return (await client.read("usage"))["records"]


def person(number=0):
    return {"last_name": f"Example {number}"}


async def test_without_a_limit_nobody_counts(client):
    await client.made("contacts", person())
    assert await used(client) == {"limit": None, "used": None}


async def test_records_are_no_more_than_the_quota_however_many_write(client, other, limit):
    await client.made("companies", {"name": "Example"})
    await limit(4)
    assert await used(client) == {"limit": 4, "used": 1}
    answers = await asyncio.gather(
        *(client.post("/v1/contacts", json=person(n)) for n in range(12))
    )
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 9
    found = problem(next(a for a in answers if a.status_code == 409), 409, "quota_exceeded")
    assert (found["quota"], found["limit"]) == ("records", 4)
    assert await used(client) == {"limit": 4, "used": 4}
    assert len((await client.read("contacts"))["data"]) == 3
    await other.made("contacts", person())
    document = "{ usage { records { limit used } } }"
    assert (await client.data(document))["usage"]["records"] == {"limit": 4, "used": 4}
    mutation = 'mutation { createContact(input: {lastName: "x"}) { id } }'
    (error,) = (await client.gql(mutation))["errors"]
    assert error["extensions"]["code"] == "quota_exceeded"


async def test_the_bin_counts_and_the_end_does_not(client, limit):
    await limit(1)
    made = await client.made("contacts", person())
    path = f"/v1/contacts/{made['id']}"
    assert (await client.delete(path)).status_code == 204
    problem(await client.post("/v1/contacts", json=person()), 409, "quota_exceeded")
    assert (await client.post(f"{path}/restore")).status_code == 200
    await client.changed(f"contacts/{made['id']}", {"last_name": "Changed"})
    assert (await client.delete(f"{path}?purge=true")).status_code == 204
    assert await used(client) == {"limit": 1, "used": 0}
    await client.made("contacts", person())


async def test_what_is_rolled_back_does_not_count(client, limit):
    await limit(2)
    for _ in range(3):
        answer = await client.post("/v1/contacts", json=person(), params={"dry_run": "true"})
        assert answer.status_code == 201
        bad = {"items": [person(), {"last_name": "x", "owner_id": "no id"}]}
        await client.post("/v1/contacts/bulk", json=bad, params={"dry_run": "true"})
    assert await used(client) == {"limit": 2, "used": 0}


async def test_bulk_and_upserts_and_batches_obey(client, limit):
    await limit(3)
    items = [person(n) for n in range(4)]
    for on_error, stored in (("abort", 0), ("skip", 3)):
        path = f"/v1/contacts/bulk?on_error={on_error}"
        answer = await client.post(path, json={"items": items})
        assert "quota_exceeded" in answer.text
        assert (await used(client))["used"] == stored
    operations = [{"op": "create", "entity": "contact", "data": person()}]
    answer = await client.post("/v1/batch", json={"operations": operations})
    assert "quota_exceeded" in answer.text
    body = {"emails": [{"value": "new@example.com"}], **person()}
    answer = await client.post("/v1/contacts/upsert", json=body, params={"match": "email"})
    problem(answer, 409, "quota_exceeded")
    assert (await used(client))["used"] == 3


async def test_an_import_stops_at_the_limit(client, worker, limit):
    await limit(5)
    content = b"last_name\n" + b"".join(b"Person %d\n" % n for n in range(8))
    file = {"file": ("people.csv", content, "text/csv")}
    answer = await client.post("/v1/imports", data={"entity": "contact"}, files=file)
    assert answer.status_code == 201, answer.text
    run = await client.post(f"/v1/imports/{answer.json()['id']}/start")
    assert run.status_code == 202, run.text
    await client.ended(run.json()["job_id"])
    counts = (await client.read(f"imports/{answer.json()['id']}"))["counts"]
    assert (counts["create"], counts["error"]) == (5, 3), counts
    assert await used(client) == {"limit": 5, "used": 5}


async def test_custom_records_count(client, limit):
    words = {"label": "Vehicle", "plural_label": "Vehicles", "name_label": "Plate"}
    body = {"key": "vehicle", **words}
    await client.made("custom-objects", body)
    await limit(1)
    await client.made("objects/vehicle", {"name": "Example"})
    problem(await client.post("/v1/objects/vehicle", json={"name": "x"}), 409, "quota_exceeded")


async def test_a_limit_that_is_set_anew_counts_anew(client, limit):
    await limit(10)
    await client.made("contacts", person())
    await limit(None)
    await client.made("contacts", person())
    await limit(2)
    assert await used(client) == {"limit": 2, "used": 2}
    await limit(1)
    # What is there already stays.
    assert await used(client) == {"limit": 1, "used": 2}
    problem(await client.post("/v1/contacts", json=person()), 409, "quota_exceeded")


async def test_every_collection_counts(owner):
    rows = await owner.fetch(
        "SELECT tgrelid::regclass::text AS name FROM pg_trigger WHERE tgname = ANY($1)",
        ["count_records", "uncount_records"],
    )
    names = [row["name"] for row in rows]
    whole = {
        service.repository.model.__tablename__
        for module in DOMAINS
        for service in module.services
        # Neither parts nor settings.
        if service.repository.listing.within is None
        and service.repository.listing.area not in module.managed
    }
    for table in {*whole, "custom_records"}:
        assert names.count(table) == 2, table
