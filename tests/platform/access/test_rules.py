"""Rules that share whatever passes a filter."""

import asyncio
from typing import Any

import pytest

from crm_api.kit.db.tx import unit_of_work
from support.clients import Api, pointers, problem, tx_of
from support.members import Member, custom_role, member, team
from support.waiting import patiently

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}
ALL = dict.fromkeys(OWN, "all")
FAIR = {"source": {"eq": "fair"}}


@pytest.fixture
async def rep(client: Api) -> Member:
    """Somebody who sees the own records alone."""
    return await member(client, await custom_role(client, levels={"*": OWN}))


async def rule(client: Api, **body: Any) -> dict[str, Any]:
    """A new rule about contacts from a fair, which holds for all records."""
    made = await client.made(
        "sharing-rules", {"name": "Fairs", "target": "contact", "filter": FAIR, **body}
    )
    return await applied(client, made["id"])


async def applied(client: Api, id: str) -> dict[str, Any]:
    async for _ in patiently():
        found = await client.read(f"sharing-rules/{id}")
        if found["applied_at"] is not None:
            break
    return found


async def sees(one: Member, path: str = "contacts") -> set[str]:
    return {row["last_name"] for row in (await one.api.read(path, limit=200))["data"]}


async def contact(client: Api, name: str, source: str | None = "fair", **more: Any) -> str:
    return (await client.made("contacts", {"last_name": name, "source": source, **more}))["id"]


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("by", ["user", "team", "role"])
async def test_what_passes_is_seen_and_changed(client, by):
    role = await custom_role(client, levels={"*": OWN})
    one, stranger = await member(client, role), await member(client, "sales_rep")
    principal = {"user": one.id, "role": role}.get(by) or await team(client, one)
    old, other = await contact(client, "Old"), await contact(client, "Other", "web")
    made = await rule(client, **{f"{by}_id": principal})
    assert await sees(one) == {"Old"}
    assert await sees(stranger) == set()
    problem(await one.api.get(f"/v1/contacts/{other}"), 404)
    problem(await one.api.patch(f"/v1/contacts/{old}", json={"title": "A"}), 403, "missing_right")

    # At once, whatever the worker does.
    await contact(client, "New")
    await client.changed(f"contacts/{other}", {"source": "fair"})
    assert await sees(one) == {"Old", "New", "Other"}
    await client.changed(f"contacts/{old}", {"source": "web"})
    assert await sees(one) == {"New", "Other"}
    problem(await one.api.get(f"/v1/contacts/{old}"), 404)

    await client.changed(f"sharing-rules/{made['id']}", {"access": "write"})
    await applied(client, made["id"])
    assert (await one.api.patch(f"/v1/contacts/{other}", json={"title": "A"})).status_code == 200
    await client.changed(f"sharing-rules/{made['id']}", {"is_active": False})
    assert await sees(one) == set()
    await client.changed(f"sharing-rules/{made['id']}", {"is_active": True})
    await applied(client, made["id"])
    assert await sees(one) == {"New", "Other"}
    await client.delete(f"/v1/sharing-rules/{made['id']}")
    assert await sees(one) == set()
    await contact(client, "Late")
    assert await sees(one) == set()
    await client.post(f"/v1/sharing-rules/{made['id']}/restore")
    await applied(client, made["id"])
    assert await sees(one) == {"New", "Other", "Late"}
    await client.delete(f"/v1/sharing-rules/{made['id']}", params={"purge": "true"})
    assert await sees(one) == set()


@pytest.mark.usefixtures("worker")
async def test_whoever_loses_a_record_by_their_change_sees_it_no_more(client, rep):
    await rule(client, user_id=rep.id, access="write")
    id = await contact(client, "A")
    answer = await rep.api.patch(f"/v1/contacts/{id}", json={"source": "web"})
    assert (answer.status_code, answer.json()["source"]) == (200, "web")
    problem(await rep.api.get(f"/v1/contacts/{id}"), 404)


@pytest.mark.usefixtures("worker")
async def test_many_writes_follow_the_rules(client, rep):
    await rule(client, user_id=rep.id)
    items = [{"last_name": f"Person {n}", "source": "fair"} for n in range(60)]
    answer = await client.post("/v1/contacts/bulk", json={"op": "create", "items": items})
    assert answer.status_code == 200, answer.text
    assert len(await sees(rep)) == 60
    asked = {
        "action": "update",
        "filter": {"last_name": {"starts_with": "Person 1"}},
        "patch": {"source": "web"},
        "expected_count": 11,
    }
    answer = await client.post("/v1/contacts/bulk/by-filter", json=asked)
    await client.ended(answer.json()["job_id"])
    assert len(await sees(rep)) == 49
    data = {"last_name": "Batch", "source": "fair"}
    operations = [{"op": "create", "entity": "contact", "data": data}]
    answer = await client.post("/v1/batch", json={"operations": operations})
    assert answer.status_code == 200, answer.text
    assert "Batch" in await sees(rep)


@pytest.mark.usefixtures("worker")
async def test_a_rehearsal_and_a_rollback_share_nothing(client, rep):
    await rule(client, user_id=rep.id)
    body = {"last_name": "A", "source": "fair"}
    await client.post("/v1/contacts", params={"dry_run": "true"}, json=body)
    answer = await client.post(
        "/v1/contacts/bulk",
        json={"op": "create", "items": [body, {"last_name": "B", "email": "nonsense"}]},
    )
    assert answer.status_code == 422, answer.text
    assert await sees(rep) == set()


@pytest.mark.usefixtures("worker")
async def test_records_in_the_bin_keep_who_sees_them(client):
    role = await custom_role(client, levels={"*": {**OWN, "delete": "own"}})
    one = await member(client, role)
    await rule(client, user_id=one.id)
    id = await contact(client, "A")
    await client.delete(f"/v1/contacts/{id}")
    page = await one.api.read("contacts", deleted="only")
    assert [row["id"] for row in page["data"]] == [id]
    await client.post(f"/v1/contacts/{id}/restore")
    assert await sees(one) == {"A"}


@pytest.mark.usefixtures("worker")
async def test_custom_fields_and_custom_objects(client, rep):
    body = {"target": "contact", "name": "tier", "type": "select"}
    options = [{"value": "gold"}, {"value": "silver"}]
    field = await client.made("custom-fields", {**body, "options": options})
    await rule(client, user_id=rep.id, filter={"custom": {"tier": {"eq": "gold"}}})
    await contact(client, "Gold", custom={"tier": "gold"})
    await contact(client, "Silver", custom={"tier": "silver"})
    assert await sees(rep) == {"Gold"}
    found = problem(await client.delete(f"/v1/custom-fields/{field['id']}"), 409, "in_use")
    assert found["fields"][0].startswith("sharing_rule.")

    named = {"label": "Vehicle", "plural_label": "Vehicles"}
    await client.made("custom-objects", {"key": "vehicle", **named})
    made = await client.made(
        "sharing-rules",
        {
            "name": "Red",
            "target": "vehicle",
            "filter": {"name": {"eq": "Red"}},
            "user_id": rep.id,
        },
    )
    await applied(client, made["id"])
    red = await client.made("objects/vehicle", {"name": "Red"})
    await client.made("objects/vehicle", {"name": "Blue"})
    page = await rep.api.read("objects/vehicle")
    assert [row["id"] for row in page["data"]] == [red["id"]]
    why = await rep.api.read(f"objects/vehicle/{red['id']}/access")
    assert why["read"] == {"allowed": True, "level": "own", "because": "rule"}
    assert [(r["rule_id"], r["name"], r["by"]) for r in why["rules"]] == [
        (made["id"], "Red", "user")
    ]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"target": "nonsense"}, "/target"),
        ({"target": "user"}, "/target"),
        ({"user_id": None}, "/user_id"),
        ({"team_id": "01990000-0000-7000-8000-000000000001"}, "/user_id"),
        ({"user_id": "01990000-0000-7000-8000-000000000001"}, "/user_id"),
        ({"access": "all"}, "/access"),
        ({"filter": {"nonsense": {"eq": 1}}}, "/filter/nonsense"),
        ({"filter": {"company": {"name": {"eq": "A"}}}}, "/filter"),
        ({"filter": {"not": {"company": {"name": {"eq": "A"}}}}}, "/filter"),
        ({"filter": {"or": [{"employments": {"some": {}}}]}}, "/filter"),
        ({"filter": {"owner_id": {"eq": "@me"}}}, "/filter/owner_id/eq"),
        ({"filter": {"owner_id": {"in": ["@me"]}}}, "/filter/owner_id/in/0"),
        ({"filter": {"created_at": {"gte": "@now-1d"}}}, "/filter/created_at/gte"),
        ({"filter": {"created_at": {"gte": "@start_of_week"}}}, "/filter/created_at/gte"),
    ],
)
async def test_bad_rules(client, change, pointer):
    user = (await member(client)).id
    body = {"name": "A", "target": "contact", "user_id": user, **change}
    found = problem(await client.post("/v1/sharing-rules", json=body), 422)
    assert pointers(found)[0] == pointer


async def test_rules_are_for_those_who_reach_what_they_share(client, keyed):
    share = {"permissions": ["manage_sharing"]}
    one = await member(client, await custom_role(client, levels={"*": OWN}, **share))
    reader = await member(client, await custom_role(client, levels={"*": {"read": "all"}}, **share))
    mask = {"contact": {"hidden": ["birth_date"]}}
    blind = await member(client, await custom_role(client, levels={"*": ALL}, masks=mask, **share))
    stranger = await member(client, await custom_role(client, levels={"*": ALL}))
    body = {"name": "A", "target": "contact", "user_id": one.id, "filter": FAIR}
    found = problem(await one.api.post("/v1/sharing-rules", json=body), 403, "exceeds_grantor")
    assert pointers(found) == ["/target"]
    writing = {**body, "access": "write"}
    found = problem(await reader.api.post("/v1/sharing-rules", json=writing), 403)
    guessing = {**body, "filter": {"birth_date": {"eq": "1980-02-29"}}}
    problem(await blind.api.post("/v1/sharing-rules", json=guessing), 403, "hidden_field")
    problem(await stranger.api.post("/v1/sharing-rules", json=body), 403, "missing_right")
    made = await reader.api.made("sharing-rules", body)
    path = f"/v1/sharing-rules/{made['id']}"
    problem(await reader.api.patch(path, json={"access": "write"}), 403)
    problem(await one.api.patch(path, json={"filter": {}}), 403, "exceeds_grantor")
    assert (await one.api.delete(path)).status_code == 204
    problem(await one.api.post(f"{path}/restore"), 403, "exceeds_grantor")
    narrow = await keyed("sharing_rules:write")
    problem(await narrow.post("/v1/sharing-rules", json=body), 403, "insufficient_scope")


@pytest.mark.usefixtures("worker")
async def test_a_writer_who_did_not_know_a_rule_is_waited_for(client, org, database, rep):
    """A change that began before the rule and ends after it follows the rule all the same."""
    id = await contact(client, "A", "web")
    async with unit_of_work(tx_of(database, org)) as tx:
        from crm_api.domains.contacts.service import ContactService

        service = ContactService(tx)
        record = await service.records.get(id, lock=True)
        await service.change(record, {"source": "fair"})
        await tx.flush()
        made = await client.made(
            "sharing-rules",
            {"name": "Fairs", "target": "contact", "filter": FAIR, "user_id": rep.id},
        )
        await asyncio.sleep(2.5)
        assert (await client.read(f"sharing-rules/{made['id']}"))["applied_at"] is None
        assert await sees(rep) == set()
    await applied(client, made["id"])
    assert await sees(rep) == {"A"}


@pytest.mark.usefixtures("worker")
async def test_many_who_change_a_record_at_once_leave_what_the_rule_says(client, owner, org, rep):
    await rule(client, user_id=rep.id)
    ids = [await contact(client, f"Person {n}") for n in range(4)]

    async def change(id: str, n: int) -> None:
        await client.patch(f"/v1/contacts/{id}", json={"source": ("fair", "web")[n % 2]})

    await asyncio.gather(*(change(id, n) for n in range(20) for id in ids))
    fit = {
        row["last_name"]
        for row in (await client.read("contacts"))["data"]
        if row["source"] == "fair"
    }
    assert await sees(rep) == fit
    rows = await owner.fetchval(
        "SELECT count(*) FROM record_access WHERE organization_id = $1", org.id
    )
    assert rows == len(fit)


@pytest.mark.usefixtures("worker")
async def test_followers_begin_anew_when_a_rule_changes(client, rep):
    await contact(client, "A")
    cursor = (await rep.api.read("contacts/changes"))["next_cursor"]
    await rule(client, user_id=rep.id)
    problem(await rep.api.get("/v1/contacts/changes", params={"after": cursor}), 422)
    page = await rep.api.read("contacts/changes")
    assert [row["last_name"] for row in page["data"]] == ["A"]


async def test_a_rule_of_another_organization_is_not_there(client, other):
    theirs = await member(other)
    body = {"name": "A", "target": "contact", "user_id": theirs.id}
    problem(await client.post("/v1/sharing-rules", json=body), 422)
    made = await other.made("sharing-rules", body)
    for method in ("GET", "PATCH", "DELETE"):
        answer = await client.request(
            method,
            f"/v1/sharing-rules/{made['id']}",
            json={"name": "B"} if method == "PATCH" else None,
        )
        problem(answer, 404)


@pytest.mark.usefixtures("worker")
async def test_what_a_merge_moves_follows_the_rules(client, rep):
    winner, loser = [await client.made("companies", {"name": name}) for name in ("One", "Two")]
    await rule(client, user_id=rep.id, filter={"company_id": {"eq": winner["id"]}})
    await contact(client, "A", company_id=loser["id"])
    assert await sees(rep) == set()
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    answer = await client.post("/v1/companies/merge", json=body)
    assert answer.status_code == 201, answer.text
    assert await sees(rep) == {"A"}
    undone = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert await sees(rep) == set()


@pytest.mark.usefixtures("worker")
async def test_what_is_imported_follows_the_rules(client, rep):
    await rule(client, user_id=rep.id)
    rows = "last_name,source\n" + "".join(
        f"Person {n},{('fair', 'web')[n % 2]}\n" for n in range(40)
    )
    file = {"file": ("people.csv", rows.encode(), "text/csv")}
    made = await client.post("/v1/imports", files=file, data={"entity": "contact"})
    assert made.status_code == 201, made.text
    started = await client.post(f"/v1/imports/{made.json()['id']}/start")
    assert started.status_code == 202, started.text
    await client.ended(started.json()["job_id"])
    assert len(await sees(rep)) == 20
