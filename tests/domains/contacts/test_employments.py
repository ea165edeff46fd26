"""Who works where: the contact and its main employment say the same."""

import asyncio

import pytest

from support.clients import pointers, problem


@pytest.fixture
async def companies(client):
    return [await client.made("companies", {"name": f"Company {n}"}) for n in range(3)]


async def jobs_of(client, contact):
    params = {"filter[contact_id]": contact["id"], "sort": "created_at"}
    return (await client.read("employments", **params))["data"]


def primary(rows):
    return [row for row in rows if row["is_primary"]]


async def consistent(client, contact):
    """The contact repeats its main employment; there is at most one."""
    shown = await client.read(f"contacts/{contact['id']}")
    main = primary(await jobs_of(client, contact))
    assert len(main) <= 1
    for name in ("company_id", "title", "department"):
        assert shown[name] == (main[0][name] if main else None), name
    return shown


async def test_company_of_a_new_contact_is_its_main_employment(client, companies):
    body = {"last_name": "P", "company_id": companies[0]["id"], "title": "Buyer"}
    contact = await client.made("contacts", body)
    (job,) = await jobs_of(client, contact)
    assert job["is_primary"]
    assert (job["company_id"], job["title"]) == (companies[0]["id"], "Buyer")
    await consistent(client, contact)


async def test_another_company_ends_the_employment_and_begins_one(client, companies):
    contact = await client.made("contacts", {"last_name": "P", "company_id": companies[0]["id"]})
    await client.changed(f"contacts/{contact['id']}", {"company_id": companies[1]["id"]})
    old, new = await jobs_of(client, contact)
    assert (old["is_primary"], bool(old["ended_on"])) == (False, True)
    assert (new["company_id"], new["is_primary"]) == (companies[1]["id"], True)
    await consistent(client, contact)
    await client.changed(f"contacts/{contact['id']}", {"company_id": None, "title": None})
    assert primary(await jobs_of(client, contact)) == []
    await consistent(client, contact)


async def test_title_follows_both_ways(client, companies):
    contact = await client.made("contacts", {"last_name": "P", "company_id": companies[0]["id"]})
    await client.changed(f"contacts/{contact['id']}", {"title": "Head", "department": "Sales"})
    (job,) = await jobs_of(client, contact)
    assert (job["title"], job["department"]) == ("Head", "Sales")
    await client.changed(f"employments/{job['id']}", {"title": "Director"})
    assert (await consistent(client, contact))["title"] == "Director"


async def test_new_primary_takes_the_place_of_the_old(client, companies):
    contact = await client.made("contacts", {"last_name": "P", "company_id": companies[0]["id"]})
    body = {"contact_id": contact["id"], "company_id": companies[1]["id"], "is_primary": True}
    await client.made("employments", {**body, "title": "Head"})
    shown = await consistent(client, contact)
    assert (shown["company_id"], shown["title"]) == (companies[1]["id"], "Head")
    first = (await jobs_of(client, contact))[0]
    await client.changed(f"employments/{first['id']}", {"is_primary": True})
    assert (await consistent(client, contact))["company_id"] == companies[0]["id"]


async def test_end_of_the_main_employment_clears_the_contact(client, companies):
    contact = await client.made("contacts", {"last_name": "P", "company_id": companies[0]["id"]})
    (job,) = await jobs_of(client, contact)
    changed = await client.changed(f"employments/{job['id']}", {"ended_on": "2026-01-31"})
    assert not changed["is_primary"]
    assert (await consistent(client, contact))["company_id"] is None


async def test_bin_and_restore_of_the_main_employment(client, companies):
    contact = await client.made("contacts", {"last_name": "P", "company_id": companies[0]["id"]})
    (job,) = await jobs_of(client, contact)
    await client.delete(f"/v1/employments/{job['id']}")
    assert (await consistent(client, contact))["company_id"] is None
    back = await client.post(f"/v1/employments/{job['id']}/restore")
    assert back.status_code == 200
    assert not back.json()["is_primary"]
    await consistent(client, contact)


@pytest.mark.parametrize(
    "change",
    [
        {"started_on": "2026-02-01", "ended_on": "2026-01-01"},
        {"is_primary": True, "ended_on": "2026-01-01"},
    ],
)
async def test_dates_must_make_sense(client, companies, change):
    contact = await client.made("contacts", {"last_name": "P"})
    body = {"contact_id": contact["id"], "company_id": companies[0]["id"]}
    problem(await client.post("/v1/employments", json={**body, **change}), 422)
    made = await client.made("employments", {**body, "started_on": "2026-02-01"})
    path = f"/v1/employments/{made['id']}"
    problem(await client.patch(path, json=change), 422)
    answer = await client.patch(path, json={"ended_on": "2026-01-01"})
    assert pointers(problem(answer, 422)) == ["/ended_on"]
    assert (await client.read(f"employments/{made['id']}"))["version"] == 1


async def test_unknown_contact_or_company_has_its_place(client, companies):
    contact = await client.made("contacts", {"last_name": "P"})
    nobody = "01990000-0000-7000-8000-0000000000ff"
    good = {"contact_id": contact["id"], "company_id": companies[0]["id"]}
    for field in good:
        for extra in ({}, {"is_primary": True}):
            answer = await client.post("/v1/employments", json={**good, field: nobody, **extra})
            assert pointers(problem(answer, 422)) == [f"/{field}"], (field, extra)


async def test_one_primary_under_parallel_writes(client, companies):
    for _ in range(8):
        contact = await client.made("contacts", {"last_name": "P"})

        def post(n, contact=contact):
            body = {"contact_id": contact["id"], "company_id": companies[n % 3]["id"]}
            return client.post("/v1/employments", json={**body, "is_primary": True})

        def move(n, contact=contact):
            body = {"company_id": companies[n % 3]["id"]}
            return client.patch(f"/v1/contacts/{contact['id']}", json=body)

        answers = await asyncio.gather(*(f(n) for n in range(3) for f in (post, move)))
        assert all(answer.status_code in {200, 201, 409, 503} for answer in answers), [
            answer.text for answer in answers
        ]
        await consistent(client, contact)


async def test_without_the_scope_nobody_learns_which_there_are(keyed):
    blind = await keyed("events:read")
    path = "/v1/employments/01990000-0000-7000-8000-00000000dead/restore"
    problem(await blind.post(path), 403, "insufficient_scope")


async def test_companies_lead_to_their_people(client):
    acme, other = [await client.made("companies", {"name": name}) for name in ("Acme", "Other")]
    person = await client.made("contacts", {"last_name": "Person", "company_id": acme["id"]})
    for quantifier, wanted in (("some", acme), ("none", other)):
        for way in ({"contacts": {"last_name": "Person"}}, {"employments": {"is_primary": True}}):
            ((name, condition),) = way.items()
            answer = await client.post(
                "/v1/companies/query", json={"filter": {name: {quantifier: condition}}}
            )
            assert [row["id"] for row in answer.json()["data"]] == [wanted["id"]], answer.text
    page = await client.read("companies", include="contacts,employments", sort="name")
    first, second = page["data"]
    assert [row["id"] for row in first["contacts"]["data"]] == [person["id"]]
    assert [row["contact_id"] for row in first["employments"]["data"]] == [person["id"]]
    assert second["contacts"]["data"] == second["employments"]["data"] == []
    found = await client.data(
        "query($id: UUID!) { company(id: $id) { contacts(where: {lastName: {eq: "
        '"Person"}}) { totalCount nodes { id } } employments { nodes { contactId } } } }',
        id=acme["id"],
    )
    assert found["company"] == {
        "contacts": {"totalCount": 1, "nodes": [{"id": person["id"]}]},
        "employments": {"nodes": [{"contactId": person["id"]}]},
    }
