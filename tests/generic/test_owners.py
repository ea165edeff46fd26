"""Every record leads to its owner and to who made it, at both faces, and these are users."""

import re

import pytest

from support.clients import pointers, problem
from support.factories import KINDS
from support.foreign import ABSENT
from support.graph import body_as_graph, camel

# Fields that name users, and which no foreign key of a column holds to that. Each is asked about
# where it is given, and tried by `test_foreign_bodies.py`.
ASKED = {
    *("owner_id", "risks.owner_id", "parts.owner_id", "changes.owner_id"),
    *("next_task.owner_id", "next_activity.owner_id", "splits.user_id", "members.user_id"),
    *("escalations.notify", "escalations.reassign_to"),
}
NAMES = re.compile(r"(user|owner|manager|sender|delegate|member|assignee|approver|author)_ids?$|"
                   r"(notify|reassign_to)$")  # fmt: skip


@pytest.fixture
async def owned(client, owner, org, kind):
    """A record and the user whose it is."""
    user = await client.made("users", {"email": "owner@example.com", "name": "Olive Owner"})
    made, other = await kind.make(client), await kind.make(client)
    table = kind.listing.model.__table__
    # Leads with an owner do not wait for one.
    waits = ", waits_since = NULL" if "waits_since" in table.c else ""
    statement = f"UPDATE {table} SET owner_id = $1, created_by = $1{waits} WHERE id = $2"
    await owner.execute(statement, user["id"], made["id"])
    await owner.execute(f"UPDATE {table} SET owner_id = NULL WHERE id = $1", other["id"])
    return made["id"], other["id"], user


async def test_records_lead_to_their_owners(client, kind, owned):
    id, other, user = owned
    asked = {"filter[id][in]": f"{id},{other}", "include": "owner,creator", "sort": "owner.email"}
    first, second = (await client.read(kind.path, **asked))["data"]
    assert (first["id"], second["id"]) == (id, other)
    assert first["owner"]["email"] == first["creator"]["email"] == user["email"]
    assert second["owner"] is None
    by_owner = {"filter[owner][email]": user["email"], "fields": "id,owner.name"}
    assert (await client.read(kind.path, **by_owner))["data"] == [
        {"id": id, "owner": {"name": user["name"]}}
    ]


async def test_records_lead_to_their_owners_over_graphql(client, kind, owned):
    id, _, user = owned
    document = (
        f"query($w: {kind.type}Where) {{ {camel(kind.name)}(where: $w) "
        "{ nodes { id owner { name } creator { name } } } }"
    )
    found = await client.data(document, w={"owner": {"email": {"eq": user["email"]}}})
    who = {"name": user["name"]}
    assert found[camel(kind.name)]["nodes"] == [{"id": id, "owner": who, "creator": who}]


async def test_owners_take_the_scope_of_users(keyed, kind):
    few = await keyed(f"{kind.area}:read")
    if kind.area == "users":
        return
    for asked in ({"include": "owner"}, {"filter[owner][name]": "x"}, {"sort": "creator.name"}):
        answer = await few.get(f"/v1/{kind.path}", params=asked)
        problem(answer, 403, "insufficient_scope")


def test_every_kind_leads_to_users():
    for kind in KINDS:
        assert {"owner", "creator"} <= kind.listing.related.keys()


async def test_records_are_given_to_users_of_the_organization(client, kind, theirs):
    least, made = await kind.factory.least(client), await kind.make(client)
    create = f"mutation($i: {kind.type}CreateInput!) {{ create{kind.type}(input: $i) {{ id }} }}"
    for id in (theirs["users"]["id"], ABSENT):
        body = {**least, "owner_id": id}
        for answer in (
            await client.post(f"/v1/{kind.path}", json=body),
            await client.patch(f"/v1/{kind.path}/{made['id']}", json={"owner_id": id}),
        ):
            found = problem(answer, 422)
            assert pointers(found) == ["/owner_id"]
            assert found["errors"][0]["code"] == "unknown_reference"
        (error,) = (await client.gql(create, i=body_as_graph(body)))["errors"]
        (fault,) = error["extensions"]["problem"]["errors"]
        assert (fault["pointer"], fault["code"]) == ("/owner_id", "unknown_reference")


def uuids_in(schema, schemas, at="", seen=()):
    """Where ids stand in what a schema allows, such as `splits.user_id`."""
    while "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name in seen:
            return
        schema, seen = schemas[name], (*seen, name)
    if schema.get("format") == "uuid":
        yield at
    items = schema.get("items")
    for part in (*schema.get("anyOf", ()), *([items] if isinstance(items, dict) else ())):
        yield from uuids_in(part, schemas, at, seen)
    for name, part in schema.get("properties", {}).items():
        yield from uuids_in(part, schemas, f"{at}.{name}".lstrip("."), seen)


def test_whatever_names_users_is_held_to_that(openapi, kind):
    held = {
        element.parent.name
        for key in kind.listing.model.__table__.foreign_key_constraints
        if key.referred_table.name == "users"
        for element in key.elements
    }
    named = set()
    for path, method in ((f"/v1/{kind.path}", "post"), (f"/v1/{kind.path}/{{id}}", "patch")):
        sent = openapi["paths"][path][method]["requestBody"]["content"]
        schema = next(iter(sent.values()))["schema"]
        named |= {
            at for at in uuids_in(schema, openapi["components"]["schemas"]) if NAMES.search(at)
        }
    assert "owner_id" in named
    assert named <= held | ASKED
