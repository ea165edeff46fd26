"""What of the parts of the product somebody sees who does not see all records."""

from typing import Any

import pytest

from support.clients import Api, problem
from support.members import Member, custom_role, key_for, member
from support.people import joined, logged_in
from support.waiting import patiently

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}
ALL = dict.fromkeys(OWN, "all")
JOHN: dict[str, Any] = {"first_name": "Jon", "last_name": "Example", "email": "jon@example.com"}


@pytest.fixture
async def rep(client: Api) -> Member:
    """Somebody who may do everything with the own records."""
    role = await custom_role(client, levels={"*": OWN}, permissions=["merge", "export", "purge"])
    return await member(client, role)


def ids_of(page: dict[str, Any]) -> list[str]:
    return [row["id"] for row in page["data"]]


async def test_access_tokens_are_held_to_the_roles(app, client):
    person = await joined(client, role="sales_rep")
    theirs = await client.made("contacts", {"last_name": "A", "owner_id": person.user_id})
    other = await client.made("contacts", {"last_name": "B"})
    async with Api(app, (await logged_in(app, person))["access_token"]) as api:
        assert ids_of(await api.read("contacts")) == [theirs["id"]]
        problem(await api.get(f"/v1/contacts/{other['id']}"), 404)
        made = await api.made("contacts", {"last_name": "C"})
        assert made["owner_id"] == person.user_id
        found = problem(await api.post("/v1/roles", json={"name": "A"}), 403)
        assert found["code"] == "missing_right"
        problem(await api.get("/v1/modules"), 403)
        await api.read("usage")
        await api.read("me")


async def test_without_a_role_a_login_opens_nothing(app, client):
    person = await joined(client, role="sales_rep")
    (given,) = (await client.read("role-assignments", **{"filter[user_id]": person.user_id}))[
        "data"
    ]
    tokens = await logged_in(app, person)
    assert (await client.delete(f"/v1/role-assignments/{given['id']}")).status_code == 204
    app.state.services.authenticator.forget()
    async with Api(app, tokens["access_token"]) as api:
        for path in ("contacts", "companies", "jobs", "events"):
            problem(await api.get(f"/v1/{path}"), 403)


@pytest.mark.usefixtures("worker")
async def test_a_pair_is_seen_by_those_who_see_both(client, rep):
    both = [await client.made("contacts", JOHN) for _ in range(2)]
    scan = (await client.post("/v1/contacts/duplicates/scan")).json()
    await client.ended(scan["job_id"])
    (pair,) = (await client.read("contacts/duplicates"))["data"]
    first = f"contacts/{both[0]['id']}"
    await client.changed(first, {"owner_id": rep.id})

    assert (await rep.api.read("contacts/duplicates", count="exact"))["total"] == 0
    assert (await rep.api.read(f"{first}/duplicates"))["data"] == []
    problem(await rep.api.get(f"/v1/contacts/{both[1]['id']}/duplicates"), 404)
    for verb in ("dismiss", "merge", "reopen"):
        problem(await rep.api.post(f"/v1/contacts/duplicates/{pair['id']}/{verb}"), 404)
    assert [e for e in (await rep.api.read("events"))["data"] if e["entity"] == "duplicate"] == []
    asked = await rep.api.post("/v1/contacts/duplicates/check", json=JOHN)
    assert [found["id"] for found in asked.json()["data"]] == [both[0]["id"]]
    answer = await rep.api.post("/graphql", json={"query": "{ duplicates { totalCount } }"})
    assert "errors" in answer.json() or answer.json()["data"]["duplicates"]["totalCount"] == 0
    assert (
        problem(await rep.api.post("/v1/contacts/duplicates/scan"), 403)["code"] == "missing_right"
    )
    found = problem(
        await rep.api.put("/v1/contacts/duplicates/policy", json={"action": "allow"}), 403
    )
    assert found["code"] == "missing_right"

    await client.changed(f"contacts/{both[1]['id']}", {"owner_id": rep.id})
    assert ids_of(await rep.api.read("contacts/duplicates")) == [pair["id"]]
    (found,) = (await rep.api.read(f"{first}/duplicates"))["data"]
    assert found["duplicate_id"] == pair["id"]
    dismissed = await rep.api.post(f"/v1/contacts/duplicates/{pair['id']}/dismiss")
    assert dismissed.json()["status"] == "not_duplicate"


async def test_what_stands_in_the_way_is_not_told_to_those_who_do_not_see_it(client, rep):
    body = {"action": "block"}
    assert (await client.put("/v1/contacts/duplicates/policy", json=body)).status_code == 200
    made = await client.made("contacts", JOHN)
    told = problem(await client.post("/v1/contacts", json=JOHN), 409)
    assert [found["id"] for found in told["candidates"]] == [made["id"]]
    told = problem(await rep.api.post("/v1/contacts", json=JOHN), 409)
    assert told["candidates"] == []


async def test_likeness_tells_nothing_of_hidden_fields(client):
    masks = {"contact": {"hidden": ["birth_date"]}}
    one = await member(client, await custom_role(client, levels={"*": ALL}, masks=masks))
    made = await client.made("contacts", {**JOHN, "birth_date": "1980-02-29"})
    body = {**JOHN, "birth_date": "1980-02-29"}
    for answer in (
        await one.api.post("/v1/contacts/duplicates/check", json=body),
        await one.api.get(f"/v1/contacts/{made['id']}/duplicates"),
    ):
        assert problem(answer, 403)["code"] == "hidden_field"
    assert (await one.api.read("contacts/duplicates"))["data"] == []


@pytest.fixture
async def fleet(client: Api) -> None:
    """A custom object that refers to contacts."""
    body = {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles"}
    await client.made("custom-objects", body)
    for field in (
        {"name": "holder", "type": "relation", "relates_to": "contact"},
        {"name": "wheels", "type": "integer"},
    ):
        await client.made("custom-fields", {"target": "vehicle", **field})
    rollup = {"relation": "vehicle.holder", "function": "sum", "field": "custom.wheels"}
    field = {"target": "contact", "name": "wheels", "type": "rollup", "rollup": rollup}
    await client.made("custom-fields", field)


@pytest.mark.usefixtures("fleet")
async def test_records_of_custom_objects_are_seen_like_all_others(client, rep):
    mine = await rep.api.made("objects/vehicle", {"name": "Mine"})
    other = await client.made("objects/vehicle", {"name": "Other"})
    assert mine["owner_id"] == rep.id
    assert ids_of(await rep.api.read("objects/vehicle")) == [mine["id"]]
    assert (await rep.api.read("objects/vehicle", count="exact"))["total"] == 1
    assert (await rep.api.read("search", q="other"))["data"] == []
    assert ids_of(await rep.api.read("objects/vehicle", q="other")) == []
    path = f"/v1/objects/vehicle/{other['id']}"
    for method, where in (
        ("GET", path),
        ("GET", f"{path}?as_of=@now"),
        ("GET", f"{path}/history"),
        ("PATCH", path),
        ("DELETE", path),
        ("POST", f"{path}/restore"),
    ):
        body = {"name": "B"} if method == "PATCH" else None
        problem(await rep.api.request(method, where, json=body), 404)
    events = (await rep.api.read("events"))["data"]
    assert [e["record_id"] for e in events if e["entity"] == "vehicle"] == [mine["id"]]
    query = '{ customRecords(object: "vehicle") { edges { node { id } } } }'
    answer = (await rep.api.post("/graphql", json={"query": query})).json()
    found = [edge["node"]["id"] for edge in answer["data"]["customRecords"]["edges"]]
    assert found == [mine["id"]]


@pytest.mark.usefixtures("fleet")
async def test_what_is_counted_and_referred_to_is_seen(client, rep):
    holder = await client.made("contacts", {"last_name": "A", "owner_id": rep.id})
    hidden = await client.made("contacts", {"last_name": "B"})
    for api, wheels in ((rep.api, 3), (client, 4)):
        body = {"name": "V", "custom": {"holder": holder["id"], "wheels": wheels}}
        await api.made("objects/vehicle", body)
    for api, sum_of in ((client, 7), (rep.api, 3)):
        row = await api.read(f"contacts/{holder['id']}")
        assert row["custom"]["wheels"] == sum_of
        for filter in ({"filter[custom][wheels]": sum_of}, {"sort": "custom.wheels"}):
            assert holder["id"] in ids_of(await api.read("contacts", **filter))
    assert ids_of(await rep.api.read("contacts", **{"filter[custom][wheels]": 7})) == []
    body = {"name": "V", "custom": {"holder": hidden["id"]}}
    problem(await rep.api.post("/v1/objects/vehicle", json=body), 422)
    mine = (await rep.api.read("objects/vehicle"))["data"][0]
    await client.changed(f"objects/vehicle/{mine['id']}", {"custom": {"holder": hidden["id"]}})
    for name in ("A", "B"):
        asked = {"filter[custom][holder][last_name]": name}
        assert ids_of(await rep.api.read("objects/vehicle", **asked)) == []


@pytest.mark.usefixtures("fleet")
async def test_a_merge_moves_what_its_maker_does_not_see(client, rep):
    winner, loser = [
        await client.made("contacts", {"last_name": "A", "owner_id": rep.id}) for _ in range(2)
    ]
    other = await client.made("objects/vehicle", {"name": "V", "custom": {"holder": loser["id"]}})
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    answer = await rep.api.post("/v1/contacts/merge", json=body)
    assert answer.status_code == 201, answer.text
    path = f"objects/vehicle/{other['id']}"
    assert (await client.read(path))["custom"]["holder"] == winner["id"]
    undone = await rep.api.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await client.read(path))["custom"]["holder"] == loser["id"]


async def test_what_is_computed_from_a_hidden_field_is_hidden(client):
    for name, formula in (("born", "year(birth_date)"), ("later", "custom.born + 1")):
        field = {"target": "contact", "name": name, "type": "formula", "result_type": "integer"}
        answer = await client.post("/v1/custom-fields", json={**field, "formula": formula})
        assert answer.status_code == 201, answer.text
    masks = {"contact": {"hidden": ["birth_date"]}}
    one = await member(client, await custom_role(client, levels={"*": ALL}, masks=masks))
    made = await client.made("contacts", {"last_name": "A", "birth_date": "1980-02-29"})
    assert made["custom"] == {"born": 1980, "later": 1981}
    assert (await one.api.read(f"contacts/{made['id']}"))["custom"] == {}
    for name in ("born", "later"):
        problem(await one.api.get(f"/v1/contacts?filter[custom][{name}]=1980"), 403)
        problem(await one.api.get(f"/v1/contacts?sort=custom.{name}"), 403)
    events = (await one.api.read("events", types="contact.*"))["data"]
    assert [event["data"]["custom"] for event in events] == [{}]


async def test_words_of_what_is_computed_from_a_hidden_field_are_not_searched(client):
    field = {"target": "contact", "name": "about", "type": "formula", "result_type": "text"}
    more = {"formula": "upper(description)", "searchable": True}
    await client.made("custom-fields", {**field, **more})
    await client.made("contacts", {"last_name": "A", "description": "unlikely"})
    assert len((await client.read("contacts", q="unlikely"))["data"]) == 1
    masks = {"contact": {"hidden": ["description"]}}
    one = await member(client, await custom_role(client, levels={"*": ALL}, masks=masks))
    for path in ("/v1/contacts?q=unlikely", "/v1/search?q=unlikely&types=contact"):
        assert problem(await one.api.get(path), 403)["code"] == "hidden_field"


@pytest.mark.usefixtures("worker")
async def test_jobs_are_seen_by_those_who_asked_for_them(client, rep):
    theirs = await client.post("/v1/contacts/export", json={"format": "csv"})
    mine = await rep.api.post("/v1/contacts/export", json={"format": "csv"})
    await client.ended(theirs.json()["job_id"])
    await client.ended(mine.json()["job_id"])
    assert ids_of(await rep.api.read("jobs")) == [mine.json()["job_id"]]
    problem(await rep.api.get(f"/v1/jobs/{theirs.json()['job_id']}"), 404)
    problem(await rep.api.post(f"/v1/jobs/{theirs.json()['job_id']}/cancel"), 404)


@pytest.mark.usefixtures("worker")
async def test_an_index_holds_what_its_maker_does_not_see(client):
    role = await custom_role(client, levels={"*": OWN}, permissions=["manage_settings"])
    one = await member(client, role)
    field = {"target": "contact", "name": "tier", "type": "text"}
    made = await client.made("custom-fields", field)
    row = await client.made("contacts", {"last_name": "A", "custom": {"tier": "gold"}})
    await one.api.changed(f"custom-fields/{made['id']}", {"indexed": True})
    async for _ in patiently():
        if (await client.read(f"custom-fields/{made['id']}"))["indexed_at"] is not None:
            break
    found = await client.read("contacts", **{"filter[custom][tier]": "gold"})
    assert ids_of(found) == [row["id"]]


async def test_a_key_for_a_user_is_held_to_the_roles_as_a_login_is(client):
    person = await joined(client, role="read_only")
    api = await key_for(client, person.user_id)
    await client.made("contacts", {"last_name": "A"})
    assert len((await api.read("contacts"))["data"]) == 1
    problem(await api.post("/v1/contacts", json={"last_name": "B"}), 403)


async def test_a_list_by_age_is_of_what_is_owned_and_shared_each_once(client):
    role = await custom_role(client, levels={"*": OWN})
    rep = await member(client, role)
    made = [await client.made("contacts", {"last_name": f"N{n}"}) for n in range(9)]
    await client.changed(f"contacts/{made[1]['id']}", {"owner_id": rep.id})
    for n, record in enumerate(made):
        for whom in ({"user_id": rep.id}, {"role_id": role}) if n % 2 else ():
            share = {"target": "contact", "record_id": record["id"], "access": "read", **whom}
            await client.made("shares", share)
    assert (await client.delete(f"/v1/contacts/{made[5]['id']}")).status_code == 204
    seen = [made[n]["id"] for n in (1, 3, 7)]
    for sort, expected in (("created_at", seen), ("-created_at", seen[::-1])):
        found: list[str] = []
        asked: dict[str, Any] = {"sort": sort, "limit": 2}
        while True:
            page = await rep.api.read("contacts", **asked)
            found += ids_of(page)
            if page["next_cursor"] is None:
                break
            asked["cursor"] = page["next_cursor"]
        assert found == expected
    assert ids_of(await rep.api.read("contacts", deleted="only")) == [made[5]["id"]]


async def test_the_sync_feed_tells_no_ids_of_records_that_were_never_seen(client, rep):
    """What was handed over, no longer shared, binned or destroyed is told to who had it."""

    async def step(after=None):
        page = await rep.api.read("contacts/changes", **({"after": after} if after else {}))
        while page["more"]:
            page = await rep.api.read("contacts/changes", after=page["next_cursor"])
        return page

    async def mine(name):
        return await client.made("contacts", {"last_name": name, "owner_id": rep.id})

    given, binned, gone = [await mine(name) for name in ("Given", "Binned", "Gone")]
    lent = await client.made("contacts", {"last_name": "Lent"})
    body = {"target": "contact", "record_id": lent["id"], "user_id": rep.id}
    share = await client.made("shares", body)
    never = await client.made("contacts", {"last_name": "Never"})
    after = (await step())["next_cursor"]
    await client.changed(f"contacts/{never['id']}", {"title": "Example"})
    await client.made("contacts", {"last_name": "New"})
    await client.changed(f"contacts/{given['id']}", {"owner_id": None})
    await client.delete(f"/v1/contacts/{binned['id']}")
    await client.delete(f"/v1/contacts/{gone['id']}", params={"purge": "true"})
    await client.delete(f"/v1/shares/{share['id']}")
    removed: set[str] = set()
    wanted = {row["id"] for row in (given, binned, gone, lent)}
    async for _ in patiently():
        page = await rep.api.read("contacts/changes", after=after)
        after = page["next_cursor"]
        removed |= {row["id"] for row in page["removed"]}
        if removed >= wanted:
            break
    assert removed == wanted
