"""Every role that organizations begin with, at every collection and route.

What is expected is said here once more in plain Python, from the roles as `/v1/roles` shows them
and from what the modules declare. A new collection is covered by being registered.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import graphql
import pytest

from crm_api.registry import MODULES
from support.clients import Api
from support.factories import KINDS, Kind
from support.graph import body_as_graph, camel, pascal
from support.members import Member, member, new_user, role_of, team
from support.sights import give, parent_of

ROLES = ("admin", "sales_manager", "sales_rep", "marketing", "service", "read_only")
MANAGED = {area: managed for module in MODULES for area, managed in module.managed.items()}
AREAS = {kind.area for kind in KINDS} | {area for module in MODULES for area in module.areas}
JSON = "application/json"
ABOUT_CONTACTS = {
    "comment": "record_id",
    "share": "record_id",
    "journey_run": "contact_id",
    "sequence_enrolment": "contact_id",
}
"""What is seen with the contact that it is about, with the field that names them."""
NOWHERE = "01990000-0000-7000-8000-000000000001"
DOCUMENT = json.loads(Path("openapi/openapi.json").read_text())
SCHEMA = graphql.build_schema(Path("openapi/schema.graphql").read_text())
ACTIONS = ("read", "create", "update", "delete")


@dataclass(frozen=True)
class Role:
    """A role as it is shown, and what it means."""

    levels: dict[str, dict[str, str]]
    permissions: list[str]

    def level(self, area: str, action: str) -> str:
        if "*" in self.permissions:
            return "all"
        if area in MANAGED:
            permission, secret = MANAGED[area]
            is_open = action == "read" and not secret
            return "all" if is_open or permission in self.permissions else "none"
        return self.levels.get(area, self.levels["*"])[action]


@dataclass
class Scene:
    """Users with each role in one team, and records of all sorts of owners."""

    kind: Kind
    client: Api
    roles: dict[str, Role]
    actors: dict[str, Member]
    peers: set[str]
    below: str
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By a word for whose they are."""
    owners: dict[str, str | None] = field(default_factory=dict)

    def level(self, role: str, action: str, area: str | None = None) -> str:
        """How far a role reaches; what is about contacts is theirs who may change those."""
        if self.kind.follows:
            return self.roles[role].level("contacts", "read" if action == "read" else "update")
        return self.roles[role].level(area or self.kind.area, action)

    def reaches(self, role: str, action: str, whose: str, area: str | None = None) -> bool:
        """Whether the role's level for an action reaches a record."""
        level = self.level(role, action, area)
        owner, me = self.owners[whose], self.actors[role].id
        if level in {"all", "none"}:
            return level == "all"
        within = {"own": {me}, "team": self.peers, "subtree": {*self.peers, self.below}}
        if owner in within[level]:
            return True
        return whose == f"written {role}" or (action == "read" and whose == f"read {role}")

    def sees(self, role: str, whose: str) -> bool:
        """Whether a record is there for somebody."""
        if self.kind.listing.open_to is not None:
            is_open = self.records[whose]["sharing"] == "organization"
            return is_open or self.owners[whose] == self.actors[role].id
        if self.kind.entity == "comment":
            # With the record that it is about, whose owner is the same.
            return self.reaches(role, "read", whose, "contacts")
        return self.reaches(role, "read", whose)

    def status(self, role: str, action: str, whose: str, done: int) -> int:
        """What becomes of a request about a record."""
        mine = self.roles[role]
        if self.level(role, action) == "none" and not self.kind.follows:
            return 403
        if not self.sees(role, whose):
            return 404
        if action == "read":
            return done
        if action == "update" and self.kind.entity == "share":
            # Who shares a record may change it.
            return 403 if mine.level("contacts", "update") == "none" else done
        return done if self.reaches(role, action, whose) else 403


async def scene_of(client: Api, kind: Kind) -> Scene:
    found = {r["key"]: r for r in (await client.read("roles", limit=200))["data"] if r["key"]}
    assert set(found) == set(ROLES)
    roles = {key: Role(r["levels"], r["permissions"]) for key, r in found.items()}
    actors = {role: await member(client, role) for role in ROLES}
    peer, below = [
        Member(await new_user(client, await role_of(client, "read_only")), client) for _ in "ab"
    ]
    above = await team(client, *actors.values(), peer)
    await team(client, below, parent=above)
    peers = {peer.id, *(one.id for one in actors.values())}
    scene = Scene(kind, client, roles, actors, peers, below.id)
    stranger = await new_user(client)
    owners = {"peer": peer.id, "below": below.id, "stranger": stranger}
    owners |= {f"own {role}": one.id for role, one in actors.items()}
    if kind.listing.within is None and kind.entity in {"company", "contact"}:
        owners |= {f"{how} {role}": stranger for role in ROLES for how in ("read", "written")}
    for whose, owner in owners.items():
        scene.records[whose] = await kind.make(client)
        scene.owners[whose] = owner
        await give(client, kind, scene.records[whose], owner)
        if kind.entity in ABOUT_CONTACTS or kind.follows:
            shared = scene.records[whose][ABOUT_CONTACTS.get(kind.entity, "record_id")]
            await client.changed(f"contacts/{shared}", {"owner_id": owner})
    for whose in owners:
        how, _, role = whose.partition(" ")
        if how in {"read", "written"}:
            body = {"target": kind.entity, "record_id": scene.records[whose]["id"]}
            access = "write" if how == "written" else "read"
            await client.made("shares", {**body, "user_id": actors[role].id, "access": access})
    return scene


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "every" in metafunc.fixturenames:
        metafunc.parametrize("every", KINDS, ids=str)


@pytest.fixture
async def scene(client: Api, every: Kind) -> Scene:
    return await scene_of(client, every)


def codes(answer: dict[str, Any]) -> int:
    """The status that the first error of a GraphQL answer stands for, or 200."""
    if "errors" not in answer:
        return 200
    return answer["errors"][0]["extensions"]["problem"]["status"]


async def test_each_role_does_what_it_says(scene):
    kind, path = scene.kind, f"/v1/{scene.kind.path}"
    single, plural, type = camel(kind.entity), camel(kind.name), pascal(kind.entity)
    update = (
        f"mutation($id: UUID!, $input: {type}UpdateInput!) "
        f"{{ update{type}(id: $id, input: $input) {{ id }} }}"
    )
    change, dry = kind.factory.change, {"dry_run": "true"}
    for role, one in scene.actors.items():
        readable = scene.level(role, "read") != "none"
        seen = {scene.records[w]["id"] for w in scene.records if scene.sees(role, w)} & (
            {r["id"] for r in scene.records.values()} if readable else set()
        )
        answer = await one.api.get(path, params={"limit": 200, "count": "exact"})
        graph = await one.api.gql(f"{{ {plural}(first: 200) {{ totalCount nodes {{ id }} }} }}")
        if not readable:
            assert (answer.status_code, codes(graph)) == (403, 403), (role, answer.text)
        else:
            mine = {r["id"] for r in scene.records.values()}
            listed = {row["id"] for row in answer.json()["data"]}
            assert listed & mine == seen, role
            assert answer.json()["total"] == len(listed)
            nodes = {node["id"] for node in graph["data"][plural]["nodes"]}
            assert (nodes, graph["data"][plural]["totalCount"]) == (listed, len(listed))
        for whose, record in scene.records.items():
            if " " in whose and not whose.endswith(f" {role}"):
                continue
            at, about = f"{path}/{record['id']}", (role, whose)
            expected = scene.status(role, "read", whose, 200)
            for where in (at, f"{at}/history"):
                assert (await one.api.get(where)).status_code == expected, (about, where)
            graph = await one.api.gql(f'{{ {single}(id: "{record["id"]}") {{ id }} }}')
            found = codes(graph) if "errors" in graph or graph["data"][single] else 404
            assert found == expected, (about, graph)
            expected = scene.status(role, "update", whose, 200)
            answer = await one.api.patch(at, json=change, params=dry)
            assert answer.status_code == expected, (about, answer.text)
            given = {"id": record["id"], "input": body_as_graph(change)}
            graph = await one.api.post(
                "/graphql", json={"query": update, "variables": given}, params=dry
            )
            assert codes(graph.json()) == expected, (about, graph.text)
            expected = scene.status(role, "delete", whose, 204)
            answer = await one.api.delete(at, params=dry)
            assert answer.status_code == expected, (about, answer.text)


async def file_for(owner: asyncpg.Pool, body: dict[str, Any], user_id: str) -> None:
    """Have a file be one that a user has sent."""
    sql = "UPDATE files SET owner_id = $1 WHERE id = $2"
    await owner.execute(sql, UUID(user_id), UUID(body["file_id"]))


async def test_each_role_makes_what_it_says(client, every, owner):
    kind = every
    roles = {r["key"]: r for r in (await client.read("roles", limit=200))["data"] if r["key"]}
    for key in ROLES:
        role = Role(roles[key]["levels"], roles[key]["permissions"])
        one = await member(client, key)
        body = await kind.factory.least(client)
        parent = parent_of(kind)
        if parent is not None:
            above, column = parent
            await client.changed(f"{above.path}/{body[column]}", {"owner_id": one.id})
        if kind.entity in ABOUT_CONTACTS or kind.follows:
            shared = body[ABOUT_CONTACTS.get(kind.entity, "record_id")]
            await client.changed(f"contacts/{shared}", {"owner_id": one.id})
        for relation in kind.listing.relations if kind.area not in MANAGED else ():
            if not relation.many and relation.local.key in body:
                target = next(k for k in KINDS if k.entity == relation.target().entity)
                own = {"owner_id": one.id}
                await client.changed(f"{target.path}/{body[relation.local.key]}", own)
        allowed = role.level(kind.area, "create") != "none"
        if kind.follows:
            await file_for(owner, body, one.id)
            allowed = role.level("contacts", "update") != "none"
        if kind.entity == "share":
            allowed = allowed and role.level("contacts", "update") != "none"
        if parent is not None:
            allowed = allowed and role.level(parent[0].area, "update") != "none"
        answer = await one.api.post(f"/v1/{kind.path}", json=body, params={"dry_run": "true"})
        assert answer.status_code == (201 if allowed else 403), (key, answer.text)


def _example(schema: dict[str, Any]) -> Any:
    """A body as the document shows it, if it shows one."""
    if "$ref" in schema:
        schema = DOCUMENT["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "examples" in schema:
        return schema["examples"][0]
    properties, needed = schema.get("properties", {}), schema.get("required", [])
    return {name: _example(properties[name]) for name in needed} if properties else {}


def _requests(kind: Kind) -> list[tuple[str, str, Any]]:
    """Every documented request about one record of a collection."""
    found: list[tuple[str, str, Any]] = []
    for path, item in DOCUMENT["paths"].items():
        if path.startswith(f"/v1/{kind.path}/{{id}}"):
            for method, operation in item.items():
                content = operation.get("requestBody", {}).get("content", {})
                body = _example(content[JSON]["schema"]) if JSON in content else None
                found.append(
                    (method.upper(), path, kind.factory.change if method == "patch" else body)
                )
    return found


async def test_no_route_tells_what_is_unseen_from_what_is_not_there(scene):
    kind, record = scene.kind, scene.records["stranger"]
    before = await scene.client.read(f"{kind.path}/{record['id']}")
    asked = _requests(kind)
    assert len(asked) >= 4, kind
    for role, one in scene.actors.items():
        if scene.sees(role, "stranger"):
            continue
        for method, path, body in asked:
            if "{" in path.replace("{id}", ""):
                continue
            answers = [
                await one.api.request(method, path.replace("{id}", id), json=body)
                for id in (record["id"], NOWHERE)
            ]
            hidden, nowhere = [
                (a.status_code, a.json().get("code"), a.json().get("errors")) for a in answers
            ]
            assert hidden == nowhere, (role, method, path)
            assert hidden[0] in {403, 404, 409, 422}, (role, method, path, hidden)
    assert await scene.client.read(f"{kind.path}/{record['id']}") == before


def _value(type: Any, id: str, kind: Kind) -> Any:
    """Something that an argument of a GraphQL type may be."""
    if isinstance(type, graphql.GraphQLNonNull):
        return _value(type.of_type, id, kind)
    if isinstance(type, graphql.GraphQLList):
        return [_value(type.of_type, id, kind)]
    if isinstance(type, graphql.GraphQLEnumType):
        return next(iter(type.values))
    if isinstance(type, graphql.GraphQLInputObjectType):
        if type.name == f"{pascal(kind.entity)}UpdateInput":
            return body_as_graph(kind.factory.change)
        needed = {n: f for n, f in type.fields.items() if graphql.is_required_input_field(f)}
        return {name: _value(f.type, id, kind) for name, f in needed.items()}
    plain = {"UUID": id, "ID": id, "Int": 1, "Boolean": True, "Float": 1.0, "JSON": {}}
    return plain.get(type.name, "2031-01-01T00:00:00Z" if "Date" in type.name else "example")


def _fields(kind: Kind) -> list[tuple[str, str, Any]]:
    """Every field of queries and mutations about one record of a collection."""
    found: list[tuple[str, str, Any]] = []
    for operation, root in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert root is not None
        for name, known in root.fields.items():
            mine = pascal(kind.entity) in name or name.startswith(camel(kind.entity))
            if "id" in known.args and (mine or name == "node"):
                found.append((operation, name, known))
    return found


async def test_no_graphql_field_tells_what_is_unseen_from_what_is_not_there(scene):
    kind, record = scene.kind, scene.records["stranger"]
    before = await scene.client.read(f"{kind.path}/{record['id']}")
    fields = _fields(kind)
    assert len(fields) >= 3, kind
    for role, one in scene.actors.items():
        if scene.sees(role, "stranger"):
            continue
        for operation, name, known in fields:
            composite = graphql.is_composite_type(graphql.get_named_type(known.type))
            needed = {n: a for n, a in known.args.items() if graphql.is_required_argument(a)}
            types = ", ".join(f"${n}: {a.type}" for n, a in needed.items())
            given = ", ".join(f"{n}: ${n}" for n in needed)
            inner = " { __typename }" if composite else ""
            document = f"{operation}({types}) {{ {name}({given}){inner} }}"
            answers = []
            for id in (record["id"], NOWHERE):
                values = {n: _value(a.type, id, kind) for n, a in needed.items()}
                answer = await one.api.gql(document, **values)
                errors = [e.get("extensions", {}).get("code") for e in answer.get("errors", [])]
                answers.append((answer.get("data") and answer["data"].get(name), errors))
            assert answers[0] == answers[1], (role, name)
            assert not answers[0][0], (role, name, answers)
    assert await scene.client.read(f"{kind.path}/{record['id']}") == before


async def test_every_area_is_declared():
    """What no module says anything about is for administrators alone."""
    for kind in KINDS:
        assert kind.area in AREAS | MANAGED.keys()
    for area, managed in MANAGED.items():
        assert managed.permission in {"audit", "merge", *(f"manage_{what}" for what in _MANAGES)}, (
            area
        )


_MANAGES = (
    "apps",
    "catalogue",
    "consents",
    "keys",
    "privacy",
    "roles",
    "settings",
    "sharing",
    "users",
)
