"""Every module that can be switched off, at both faces, in each state."""

import asyncio
import json
import re
import time
from uuid import uuid4

import pytest
from graphql import (
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLScalarType,
    get_named_type,
    is_composite_type,
    is_required_argument,
    is_required_input_field,
)

from crm_api.api.graphql import build_schema
from crm_api.kit.switches import TERRITORY
from crm_api.main import create_app
from crm_api.registry import MODULES, shown
from support.clients import Api, problem
from support.factories import KINDS
from support.graph import camel, selection

SWITCHABLE = [module for module in MODULES if module.switchable]
CORE = [module for module in MODULES if not module.switchable]
SCHEMA = build_schema(shown())._schema


@pytest.fixture(params=SWITCHABLE, ids=lambda module: module.key)
def module(request):
    return request.param


async def switch(api, key, state, **params):
    """Switch a module, which must succeed."""
    answer = await api.post(f"/v1/modules/{key}/{state}", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def as_shown(record, shown):
    """A new record without the secret that only its creation tells."""
    return {name: record[name] for name in shown}


async def disable(api, key):
    return await switch(api, key, "disable", cascade=True)


def kinds_of(module):
    return [kind for kind in KINDS if kind.service in module.services]


# The registry


def test_the_graph_leads_downward():
    seen = set()
    for module in MODULES:
        assert set(module.depends_on) <= seen, f"{module.key} needs what comes after it"
        seen.add(module.key)


def test_the_core_depends_on_nothing_that_can_go():
    for module in CORE:
        assert not {m.key for m in SWITCHABLE}.intersection(module.depends_on), module.key


def test_each_area_has_one_module():
    areas = [area for module in MODULES for area in module.all_areas]
    assert len(areas) == len(set(areas))


def test_every_module_says_what_it_is():
    for module in MODULES:
        assert module.title, module.key
        assert module.description.endswith("."), module.key


# Disabled: gone


async def test_its_routes_are_gone(client, module):
    await disable(client, module.key)
    document = client.app.openapi()["paths"]
    asked = [
        (path, method)
        for path, keys in TERRITORY.routes.items()
        # Of a secret link that is made up nobody knows whose it would be.
        if module.key in keys and path in document and not path.startswith("/public/")
        # The same goes for what a channel signs.
        if path != "/v1/inbox/messages"
        for method in document[path]
    ]
    assert asked
    for path, method in asked:
        names = {part: str(uuid4()) for part in path.split("/") if part.startswith("{")}
        for place in ("/".join(names.get(p, p) for p in path.split("/")), path):
            # Whatever is sent to it: nothing of it is read.
            answer = await client.request(
                method.upper(), place, params={"nonsense": "1"}, content=b"{nonsense"
            )
            found = problem(answer, 404)
            assert found["code"] in {"module_disabled", "no_route"}, (method, place)
            if place != path:
                assert found["code"] == "module_disabled", (method, place)


async def test_its_routes_still_need_a_credential(client, anonymous, module):
    await disable(client, module.key)
    path = next(p for p, keys in TERRITORY.routes.items() if module.key in keys and "{" not in p)
    method = next(iter(client.app.openapi()["paths"][path]))
    problem(await anonymous.request(method.upper(), path), 401)


async def test_its_fields_are_refused(client, module):
    await disable(client, module.key)
    fields = [name for name, keys in TERRITORY.fields.items() if module.key in keys]
    assert fields
    for root, name in fields:
        if root == "Subscription":  # they are asked for over sockets alone
            continue
        answer = await client.gql(document_of(root, name))
        assert answer["errors"][0]["extensions"]["code"] == "module_disabled", (name, answer)
        assert answer["errors"][0]["extensions"]["problem"]["status"] == 404


async def test_it_is_absent_from_the_document(client, other, module):
    before = await sent_document(client)
    whole = json.loads(before)
    gone = await disable(client, module.key)
    keys = {change["key"] for change in gone["changes"]}
    text = await sent_document(client)
    own = json.loads(text)
    absent = [kind for m in SWITCHABLE if m.key in keys for kind in kinds_of(m)]
    expected = {p for p in whole["paths"] if keys.isdisjoint(TERRITORY.routes.get(p, ()))}
    assert own["paths"].keys() == expected < whole["paths"].keys()
    prefixes = tuple(f"/v1/{kind.path}/" for kind in absent)
    assert not [path for path in own["paths"] if f"{path}/".startswith(prefixes)]
    topics = {topic for m in MODULES if m.key in keys for topic in m.topics}
    assert own["webhooks"].keys() == whole["webhooks"].keys() - topics
    assert not {kind.name for kind in absent} & {tag["name"] for tag in own["tags"]}
    referred = set(re.findall(rb'"#/components/schemas/([^"]+)"', text))
    assert referred >= {name.encode() for name in own["components"]["schemas"]}
    # Somebody else's is what it was.
    assert await sent_document(other) == before
    await switch(client, module.key, "enable", cascade=True)
    for key in keys:
        await switch(client, key, "enable", cascade=True)
    assert await sent_document(client) == before


async def sent_document(api):
    """The document as it is sent; not compressed, which takes longer than all else."""
    answer = await api.get("/v1/openapi.json", headers={"Accept-Encoding": "identity"})
    assert answer.status_code == 200
    return answer.content


async def test_its_data_is_kept(client, module):
    made = {kind: await kind.make(client) for kind in kinds_of(module)}
    gone = await disable(client, module.key)
    for kind, record in made.items():
        node = await client.data(
            "query($id: ID!) { node(id: $id) { __typename } }", id=record["id"]
        )
        assert node == {"node": None}, kind
    for change in reversed(gone["changes"]):
        await switch(client, change["key"], "enable")
    for kind, record in made.items():
        shown = await client.read(f"{kind.path}/{record['id']}")
        assert shown == as_shown(record, shown)


# Read-only


async def test_read_only_shows_and_refuses(client, module):
    made = {kind: await kind.make(client) for kind in kinds_of(module)}
    bodies = {kind: await kind.factory.least(client) for kind in made}
    await switch(client, module.key, "read-only")
    for kind, record in made.items():
        at = f"/v1/{kind.path}/{record['id']}"
        shown = (await client.get(at)).json()
        assert shown == as_shown(record, shown)
        assert (await client.read(kind.path))["data"]
        asked = {
            "create": ("POST", f"/v1/{kind.path}", bodies[kind]),
            "update": ("PATCH", at, kind.factory.change),
            "delete": ("DELETE", at, None),
            "restore": ("POST", f"{at}/restore", None),
            "purge": ("DELETE", f"{at}?purge=true", None),
            "bulk": (
                "POST",
                f"/v1/{kind.path}/bulk",
                {"op": "delete", "items": [{"id": record["id"]}]},
            ),
        }
        for name, (method, path, body) in asked.items():
            answer = await client.request(method, path, json=body)
            assert problem(answer, 409, "module_read_only")["module"] == module.key, name
        operation = {"op": "create", "entity": kind.entity, "data": bodies[kind]}
        answer = await client.post("/v1/batch", json={"operations": [operation]})
        assert problem(answer, 422)["errors"][0]["code"] == "module_read_only"
        document = f"mutation($id: UUID!) {{ delete{kind.type}(id: $id) }}"
        answer = await client.gql(document, id=record["id"])
        assert answer["errors"][0]["extensions"]["code"] == "module_read_only"
        listed = f"{{ {camel(kind.name)} {{ nodes {{ {selection(kind.out)} }} }} }}"
        assert (await client.data(listed))[camel(kind.name)]["nodes"]
        assert (await client.read(f"{kind.path}/{record['id']}")) == shown


# Switching


async def test_the_core_cannot_be_switched(client):
    for module in CORE:
        for state in ("enable", "disable", "read-only"):
            answer = await client.post(
                f"/v1/modules/{module.key}/{state}", params={"cascade": True}
            )
            problem(answer, 409, "module_not_switchable")


async def test_dependents_stand_in_the_way(client, module):
    above = [m.key for m in MODULES if module.key in m.depends_on]
    answer = await client.post(f"/v1/modules/{module.key}/disable")
    if not above:
        assert answer.status_code == 200
        return
    assert set(above) <= set(problem(answer, 409, "module_required")["modules"])
    changes = (await disable(client, module.key))["changes"]
    assert changes[-1]["key"] == module.key
    assert {c["key"] for c in changes} >= set(above)
    for key in above:
        # One before may have brought others along.
        await disable(client, module.key)
        answer = await client.post(f"/v1/modules/{key}/enable")
        assert module.key in problem(answer, 409, "module_needs_others")["modules"]
        await switch(client, key, "enable", cascade=True)
        assert (await client.read(f"modules/{module.key}"))["state"] == "enabled"


async def test_a_rehearsal_changes_nothing(client, module):
    done = await switch(client, module.key, "disable", cascade=True, dry_run=True)
    assert done["changes"][-1] == {"key": module.key, "before": "enabled", "after": "disabled"}
    assert (await client.read(f"modules/{module.key}"))["state"] == "enabled"
    for kind in kinds_of(module):
        assert (await client.get(f"/v1/{kind.path}")).status_code == 200


@pytest.mark.commits
async def test_other_processes_obey_within_a_second(own_database):
    org = await own_database.org()
    client = await own_database.client(org)
    second = create_app(own_database.app.state.services.settings)
    document = client.app.openapi()["paths"]
    asked = {}
    for path, keys in TERRITORY.routes.items():
        for key in keys if path in document and "{" not in path else ():
            asked.setdefault(key, (next(iter(document[path])).upper(), path))
    assert asked.keys() >= {module.key for module in SWITCHABLE}

    async def gone(api):
        answers = [(key, await api.request(*asked[key])) for key in asked]
        return {key for key, answer in answers if answer.status_code == 404}

    async with second.router.lifespan_context(second), Api(second, org.token) as other:
        assert await gone(other) == set()
        for state in ("disable", "enable", "disable"):
            for module in SWITCHABLE:
                await switch(client, module.key, state, cascade=True)
            begun = time.monotonic()
            expected = set(asked) if state == "disable" else set()
            # The process that did it obeys at once.
            assert await gone(client) == expected
            asked_at = begun
            while (found := await gone(other)) != expected:
                # Whatever an answer takes: who asks after a second is answered by the new state.
                assert asked_at - begun < 1, found ^ expected
                asked_at = time.monotonic()


async def test_two_who_switch_at_once_leave_a_whole_graph(client):
    """One disables what the other, at that moment, enables the dependent of."""
    for _ in range(5):
        await disable(client, "companies")
        await switch(client, "companies", "enable")
        answers = await asyncio.gather(
            client.post("/v1/modules/companies/disable"), client.post("/v1/modules/contacts/enable")
        )
        assert sorted(a.status_code for a in answers) == [200, 409]
        states = {m["key"]: m["state"] for m in (await client.read("modules"))["data"]}
        assert (states["companies"] == "disabled") <= (states["contacts"] == "disabled")


def document_of(root, name):
    """The shortest document that asks for a field."""
    kind = SCHEMA.query_type if root == "Query" else SCHEMA.mutation_type
    field = kind.fields[name]
    arguments = ", ".join(
        f"{key}: {literal(argument.type)}"
        for key, argument in field.args.items()
        if is_required_argument(argument)
    )
    shown = " { __typename }" if is_composite_type(get_named_type(field.type)) else ""
    called = f"{name}({arguments})" if arguments else name
    return f"{'query' if root == 'Query' else 'mutation'} {{ {called}{shown} }}"


def literal(kind):
    """Any value that a type takes."""
    if isinstance(kind, GraphQLNonNull):
        return literal(kind.of_type)
    if isinstance(kind, GraphQLList):
        return "[]"
    if isinstance(kind, GraphQLInputObjectType):
        required = {k: f for k, f in kind.fields.items() if is_required_input_field(f)}
        return "{" + ", ".join(f"{k}: {literal(f.type)}" for k, f in required.items()) + "}"
    assert isinstance(kind, GraphQLScalarType), kind
    values = {
        "Int": "1",
        "Float": "1.0",
        "Boolean": "true",
        "UUID": f'"{uuid4()}"',
        "Date": '"2026-01-01"',
        "DateTime": '"2026-01-01T00:00:00Z"',
        "JSON": "{}",
    }
    return values.get(kind.name, '"x"')
