"""What nobody gets by a detour: more rights, more time, or a look at what is not theirs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.clients import Api, pointers, problem
from support.exports import begun, ended
from support.members import Member, custom_role, member, role_of, team
from support.people import joined

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}
ALL = dict.fromkeys(OWN, "all")


@pytest.fixture
async def rep(client: Api) -> Member:
    """Somebody who may do everything with the own records."""
    return await member(client, await custom_role(client, levels={"*": OWN}, permissions=["merge"]))


async def shared(client: Api, one: Member, **body: Any) -> dict[str, Any]:
    """A contact of nobody's reach that somebody may change by a share."""
    made = await client.made("contacts", {"last_name": "A", "owner_id": (await member(client)).id})
    share = {"target": "contact", "record_id": made["id"], "user_id": one.id, "access": "write"}
    await client.made("shares", {**share, **body})
    return made


async def test_a_share_makes_nobody_the_owner(client, rep):
    made = await shared(client, rep)
    path = f"/v1/contacts/{made['id']}"
    answer = await rep.api.patch(path, json={"owner_id": rep.id})
    assert pointers(problem(answer, 403, "owner_out_of_reach")) == ["/owner_id"]
    assert (await rep.api.patch(path, json={"owner_id": made["owner_id"]})).status_code == 200
    free = await client.made("contacts", {"last_name": "B"})
    body = {"target": "contact", "record_id": free["id"], "user_id": rep.id, "access": "write"}
    await client.made("shares", body)
    assert (await rep.api.changed(f"contacts/{free['id']}", {"owner_id": rep.id}))["version"] == 2


async def test_a_share_that_ends_is_not_made_longer_by_who_has_it(client, rep):
    ends = datetime.now(UTC) + timedelta(hours=1)
    made = await shared(client, rep, expires_at=ends.isoformat())
    body = {"target": "contact", "record_id": made["id"], "user_id": rep.id}
    for longer in (None, (ends + timedelta(seconds=1)).isoformat()):
        answer = await rep.api.post("/v1/shares", json={**body, "expires_at": longer})
        assert pointers(problem(answer, 403, "exceeds_grantor")) == ["/expires_at"]
    sooner = (ends - timedelta(minutes=1)).isoformat()
    given = await rep.api.made("shares", {**body, "expires_at": sooner})
    answer = await rep.api.patch(f"/v1/shares/{given['id']}", json={"expires_at": None})
    problem(answer, 403, "exceeds_grantor")
    lasting = await shared(client, rep)
    await rep.api.made("shares", {**body, "record_id": lasting["id"]})


async def test_a_merge_makes_nobody_the_owner(client, rep):
    made = await shared(client, rep)
    mine = await rep.api.made("contacts", {"last_name": "A"})
    body = {"winner_id": made["id"], "loser_ids": [mine["id"]]}
    answer = await rep.api.post(
        "/v1/contacts/merge", json={**body, "fields": {"owner_id": mine["id"]}}
    )
    assert pointers(problem(answer, 403, "owner_out_of_reach")) == ["/fields/owner_id"]
    assert (await rep.api.post("/v1/contacts/merge", json=body)).status_code == 201
    assert (await client.read(f"contacts/{made['id']}"))["owner_id"] == made["owner_id"]


async def test_estimates_tell_nothing_of_what_is_out_of_sight(client, rep):
    for api, count in ((rep.api, 37), (client, 100)):
        items = [{"last_name": "A"} for _ in range(count)]
        answer = await api.post("/v1/contacts/bulk", json={"op": "create", "items": items})
        assert answer.status_code == 200, answer.text
    assert (await rep.api.read("contacts", count="estimate"))["total"] == 37


@pytest.mark.usefixtures("worker")
async def test_a_file_is_for_those_who_see_what_is_in_it(client):
    admin, manager = [await member(client, key) for key in ("admin", "sales_manager")]
    await team(client, admin, manager)
    await client.made("contacts", {"last_name": "A"})
    started = await begun(admin.api, "contacts", format="csv")
    id = started["export"]["id"]
    assert (await ended(admin.api, id))["download_url"]
    assert (await client.read(f"exports/{id}"))["download_url"]
    assert (await manager.api.read(f"exports/{id}"))["download_url"] is None
    asked = "query($id: UUID!) { export(id: $id) { downloadUrl } }"
    assert (await manager.api.data(asked, id=id))["export"]["downloadUrl"] is None
    own = (await begun(manager.api, "contacts", format="csv"))["export"]["id"]
    assert (await ended(manager.api, own))["download_url"]


async def masked(client: Api, **mask: Any) -> Member:
    """Somebody who may do everything with contacts but for some of their fields."""
    masks = {"contact": {"hidden": [], "read_only": [], **mask}}
    role = await custom_role(
        client, levels={"*": ALL}, masks=masks, permissions=["merge", "import"]
    )
    return await member(client, role)


async def test_clearing_all_custom_fields_leaves_those_that_are_closed(client):
    for name in ("tier", "size"):
        field = {"target": "contact", "name": name, "type": "text"}
        await client.made("custom-fields", field)
    one = await masked(client, read_only=["custom.tier"])
    made = await client.made(
        "contacts", {"last_name": "A", "custom": {"tier": "gold", "size": "small"}}
    )
    cleared = await one.api.changed(f"contacts/{made['id']}", {"custom": None})
    assert cleared["custom"] == {"tier": "gold"}


async def test_a_conflict_does_not_name_what_is_hidden(client):
    one = await masked(client, hidden=["birth_date"])
    made = await client.made("contacts", {"last_name": "A"})
    path = f"/v1/contacts/{made['id']}"
    await client.changed(f"contacts/{made['id']}", {"birth_date": "1980-02-29", "title": "A"})
    answer = await one.api.delete(path, headers={"If-Match": '"1"'})
    assert problem(answer, 412)["conflicts"] == ["title"]


async def test_a_merge_does_not_choose_what_may_not_be_set(client):
    one = await masked(client, read_only=["title"])
    ids = [
        (await client.made("contacts", {"last_name": "A", "title": title}))["id"]
        for title in ("First", "Second")
    ]
    body = {"winner_id": ids[0], "loser_ids": ids[1:], "fields": {"title": ids[1]}}
    answer = await one.api.post("/v1/contacts/merge", json=body)
    assert pointers(problem(answer, 403, "read_only_field")) == ["/fields/title"]
    answer = await one.api.post("/v1/contacts/merge", json={**body, "fields": {}})
    assert answer.status_code == 201


async def test_what_may_not_be_set_is_not_set_by_who_only_creates(client):
    reach = {"read": "all", "create": "own", "update": "none", "delete": "none"}
    masks = {"contact": {"hidden": [], "read_only": ["title"]}}
    one = await member(client, await custom_role(client, levels={"*": reach}, masks=masks))
    answer = await one.api.post("/v1/contacts", json={"last_name": "A", "title": "Chief"})
    assert pointers(problem(answer, 403, "read_only_field")) == ["/title"]


async def test_calling_a_pair_two_tells_nothing_of_hidden_fields(client):
    one = await masked(client, hidden=["birth_date"])
    ids = [(await client.made("contacts", {"last_name": "A"}))["id"] for _ in range(2)]
    body = {"record_ids": ids}
    problem(await one.api.post("/v1/contacts/duplicates/dismiss", json=body), 403, "hidden_field")


async def test_merges_are_seen_by_those_who_see_what_is_left(client):
    levels = {"*": {**OWN, "read": "all"}, "contacts": OWN}
    one = await member(client, await custom_role(client, levels=levels, permissions=["merge"]))
    ids = [(await client.made("contacts", {"last_name": "A"}))["id"] for _ in range(2)]
    body = {"winner_id": ids[0], "loser_ids": ids[1:]}
    answer = await client.post("/v1/contacts/merge", json=body)
    merge = answer.json()["id"]
    assert (await one.api.read("merges"))["data"] == []
    problem(await one.api.get(f"/v1/merges/{merge}"), 404)
    problem(await one.api.post(f"/v1/merges/{merge}/undo"), 404)
    told = (await one.api.read("events", types="merge.*"))["data"]
    assert told == []
    await client.changed(f"contacts/{ids[0]}", {"owner_id": one.id})
    assert [row["id"] for row in (await one.api.read("merges"))["data"]] == [merge]


async def test_shares_are_seen_whatever_is_hidden_of_the_records(client):
    one = await masked(client, hidden=["birth_date"])
    made = await one.api.made("contacts", {"last_name": "A"})
    body = {"target": "contact", "record_id": made["id"], "user_id": one.id}
    share = await one.api.made("shares", body)
    assert (await one.api.delete(f"/v1/shares/{share['id']}")).status_code == 204


async def test_results_of_a_search_do_not_show_what_is_hidden(client):
    one = await masked(client, hidden=["email", "phone"])
    await client.made("contacts", {"last_name": "Unlikely", "email": "a@example.com"})
    (found,) = (await one.api.read("search", q="unlikely"))["data"]
    assert found["subtitle"] is None


async def test_mistakes_are_forgiven_whatever_is_out_of_sight(client, rep):
    mine = await rep.api.made("contacts", {"last_name": "Mayerling"})
    for asked in ({"sort": "name"}, {}, {"count": "exact"}):
        found = await rep.api.read("contacts", q="Meyerling", **asked)
        assert [row["id"] for row in found["data"]] == [mine["id"]]
    await client.made("contacts", {"last_name": "Meyerling"})
    for asked in ({"sort": "name"}, {}, {"count": "exact"}):
        found = await rep.api.read("contacts", q="Meyerling", **asked)
        assert [row["id"] for row in found["data"]] == [mine["id"]], asked
    (row,) = (await rep.api.read("search", q="Meyerling"))["data"]
    assert row["id"] == mine["id"]


async def test_the_rights_of_others_are_not_for_every_key(client, keyed):
    made = await client.made("contacts", {"last_name": "A"})
    one = await member(client, "sales_rep")
    path = f"/v1/contacts/{made['id']}/access"
    api = await keyed("contacts:read")
    problem(await api.get(path, params={"user": one.id}), 403, "insufficient_scope")
    api = await keyed("contacts:read", "roles:read")
    assert (await api.get(path, params={"user": one.id})).status_code == 200


async def test_the_roles_of_a_user_who_is_there_are_not_set_by_an_upsert(client):
    body = {"email": "upserted@example.com", "name": "A", "role_ids": []}
    path = "/v1/users/upsert"
    assert (await client.post(path, params={"match": "email"}, json=body)).status_code == 201
    given = {**body, "role_ids": [await role_of(client, "admin")]}
    answer = await client.post(path, params={"match": "email"}, json=given)
    assert pointers(problem(answer, 422)) == ["/role_ids"]


async def test_nobody_finds_by_guessing_where_people_are_reached(client):
    body = {"last_name": "A", "email": "known@example.com", "phone": "+493023125001"}
    made = await client.made("contacts", body)
    one = await masked(client, hidden=["email", "emails", "phone", "phones"])

    lead = {"last_name": "B", "email": "known@example.com", "phone": "+493023125001"}
    shown = await one.api.made("leads", lead)
    assert shown["matched_contact_id"] is None
    assert shown["candidates"] == []
    assert (await client.made("leads", lead))["matched_contact_id"] == made["id"]

    event = {"events": [{"name": "seen", "email": "known@example.com"}]}
    answer = await one.api.post("/v1/events/track", json=event)
    assert answer.json()["data"][0]["faults"][0]["code"] == "unknown_contact"

    asked = {"channel": "email", "purpose": "newsletter"}
    for path in ("outreach/check", "guards/evaluate"):
        items = [{**asked, "record_id": made["id"]}, {**asked, "address": "known@example.com"}]
        answer = await one.api.post(f"/v1/{path}", json={"items": items})
        assert pointers(problem(answer, 403, "hidden_field")) == ["/items/1/address"]
        answer = await one.api.post(f"/v1/{path}", json={"items": items[:1]})
        (told,) = answer.json()["data"]
        assert (told["record_id"], told["address"]) == (made["id"], None)
        answer = await client.post(f"/v1/{path}", json={"items": items})
        assert [row["address"] for row in answer.json()["data"]] == ["known@example.com"] * 2


async def test_nobody_gets_records_of_others_by_putting_people_into_teams(client):
    levels = dict.fromkeys(OWN, "subtree")
    role = await custom_role(client, levels={"*": levels}, permissions=["manage_users"])
    lead, new = await member(client, role), await member(client, role)
    stranger = (await joined(client)).user_id
    top, there, was = [await team(client, *who) for who in ((lead,), (), (lead,))]
    await client.made("team-members", {"team_id": there, "user_id": stranger})
    below = (await client.made("teams", {"name": "Below", "parent_id": top}))["id"]
    await client.delete(f"/v1/teams/{was}")

    async def put(user_id: str, where: str) -> Any:
        body = {"team_id": where, "user_id": user_id}
        return await lead.api.post("/v1/team-members", json=body)

    for pointer, answer in (
        ("/team_id", await put(lead.id, there)),
        ("/user_id", await put(stranger, top)),
        ("/user_id", await put(stranger, below)),
        ("/parent_id", await lead.api.patch(f"/v1/teams/{there}", json={"parent_id": top})),
        ("", await lead.api.post(f"/v1/teams/{was}/restore")),
    ):
        assert pointers(problem(answer, 403, "exceeds_grantor")) == [pointer]
    items = [{"team_id": there, "user_id": lead.id}]
    answer = await lead.api.post("/v1/team-members/bulk", json={"op": "create", "items": items})
    assert pointers(problem(answer, 422, "bulk_failed")) == ["/items/0/team_id"]

    # What gives them nothing is theirs to decide, and whoever has not joined yet brings none.
    assert (await put(stranger, await team(client))).status_code == 201
    assert (await put(new.id, below)).status_code == 201
    await lead.api.made("teams", {"name": "Another", "parent_id": top})
    assert (await client.post(f"/v1/teams/{was}/restore")).status_code == 200


async def test_who_left_a_team_is_not_let_in_again_by_themselves(client):
    role = await custom_role(client, levels={"*": OWN}, permissions=["manage_users"])
    one = await member(client, role)
    there = await team(client)
    body = {"team_id": there, "user_id": one.id}
    membership = (await client.made("team-members", body))["id"]
    await client.delete(f"/v1/team-members/{membership}")
    answer = await one.api.post(f"/v1/team-members/{membership}/restore")
    problem(answer, 403, "exceeds_grantor")
    assert (await client.post(f"/v1/team-members/{membership}/restore")).status_code == 200
