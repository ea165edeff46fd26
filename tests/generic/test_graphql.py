"""GraphQL shows the same rows and the same errors as REST, for every collection."""

import pytest
from graphql import GraphQLNonNull

from crm_api.api.graphql import build_schema
from crm_api.registry import shown
from support.factories import KINDS
from support.graph import as_graph, body_as_graph, camel, selection
from support.members import new_user


def single(kind):
    return camel(kind.entity)


def plural(kind):
    return camel(kind.name)


async def created(client, kind, body):
    document = (
        f"mutation($input: {kind.type}CreateInput!) "
        f"{{ create{kind.type}(input: $input) {{ {selection(kind.out)} }} }}"
    )
    return (await client.data(document, input=body_as_graph(body)))[f"create{kind.type}"]


async def test_create_and_read_are_what_rest_shows(client, kind):
    for body in await kind.factory.varied(client):
        made = await created(client, kind, body)
        rest = await client.read(f"{kind.path}/{made['id']}")
        assert made == as_graph(kind.out, rest)
        document = f"query($id: UUID!) {{ {single(kind)}(id: $id) {{ {selection(kind.out)} }} }}"
        assert (await client.data(document, id=made["id"]))[single(kind)] == made


async def test_lists_are_what_rest_shows(client, kind):
    await kind.several(client)
    rest = await client.read(kind.path, sort="-updated_at", limit=200, count="exact")
    document = (
        f'{{ {plural(kind)}(orderBy: ["-updatedAt"], first: 200) {{ totalCount '
        f"nodes {{ {selection(kind.out)} }} edges {{ cursor node {{ id }} }} "
        "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"
    )
    shown = (await client.data(document))[plural(kind)]
    assert shown["nodes"] == [as_graph(kind.out, row) for row in rest["data"]]
    assert [edge["node"]["id"] for edge in shown["edges"]] == [row["id"] for row in rest["data"]]
    assert shown["totalCount"] == rest["total"]
    assert shown["pageInfo"] == {
        "hasNextPage": False,
        "hasPreviousPage": False,
        "startCursor": shown["edges"][0]["cursor"],
        "endCursor": shown["edges"][-1]["cursor"],
    }


@pytest.mark.parametrize("first", [1, 2, 3])
async def test_connections_walk_to_the_end(client, kind, first):
    await kind.several(client)
    wanted = [row["id"] for row in (await client.read(kind.path, limit=200))["data"]]
    document = (
        f"query($after: String) {{ {plural(kind)}(first: {first}, after: $after) "
        "{ nodes { id } pageInfo { hasNextPage endCursor } } }"
    )
    ids, after = [], None
    while True:
        page = (await client.data(document, after=after))[plural(kind)]
        ids += [node["id"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    assert ids == wanted


async def test_relations_are_loaded_together(client, kind, statements):
    await kind.several(client)
    for relation in kind.listing.relations:
        if relation.many:
            continue
        name = camel(relation.name)
        document = f"{{ {plural(kind)}(first: 200) {{ nodes {{ id {name} {{ id }} }} }} }}"
        async with statements() as seen:
            nodes = (await client.data(document))[plural(kind)]["nodes"]
        assert len(seen) == 2, [sql[:60] + sql[-150:] for sql in seen.all]
        rest = await client.read(kind.path, limit=200)
        local = relation.local.key
        assert [node[name] and node[name]["id"] for node in nodes] == [
            row[local] for row in rest["data"]
        ]


async def test_what_a_change_answers_leads_to_its_relations(client, kind):
    names = [camel(r.name) for r in kind.listing.relations if not r.many]
    locals = [r.local.key for r in kind.listing.relations if not r.many]
    fields = " ".join(f"{name} {{ id }}" for name in names)
    document = (
        f"mutation($id: UUID!, $input: {kind.type}UpdateInput!) "
        f"{{ update{kind.type}(id: $id, input: $input) {{ id {fields} }} }}"
    )
    for made in await kind.several(client) if names else ():
        found = (await client.data(document, id=made["id"], input={}))[f"update{kind.type}"]
        now = await client.read(f"{kind.path}/{made['id']}")
        assert [found[name] and found[name]["id"] for name in names] == [now[at] for at in locals]


@pytest.fixture(scope="module")
async def full(world):
    """A client of an organization with several records of each kind, which tests only read."""
    client = await world.client(await world.org())
    for kind in KINDS:
        await kind.several(client)
    return client


async def test_collections_of_a_record_are_their_lists(full, kind, statements):
    """Under every kind of argument, and with cursors that fit the target's own list."""
    client = full
    for relation in kind.listing.relations:
        if not relation.many:
            continue
        target = next(k for k in KINDS if k.listing is relation.target())
        document = (
            f"query($w: {target.type}Where, $n: Int!, $a: String) {{ {plural(kind)}(first: 200) "
            f'{{ nodes {{ id {camel(relation.name)}(where: $w, orderBy: ["updatedAt"], first: $n, '
            f"after: $a) {{ totalCount nodes {{ {selection(target.out)} }} edges {{ cursor }} "
            "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }"
        )
        given = {"n": 1, "w": {"version": {"gte": 1}}}
        async with statements() as seen:
            nodes = (await client.data(document, **given))[plural(kind)]["nodes"]
        assert len(seen) == 3, seen
        assert any(node[camel(relation.name)]["nodes"] for node in nodes)
        for node in nodes:
            found = node[camel(relation.name)]
            query = {
                f"filter[{relation.remote.key}]": node["id"],
                "filter[version][gte]": 1,
                "sort": "updated_at",
                "limit": 1,
                "count": "exact",
            }
            rest = await client.read(target.path, **query)
            assert found["nodes"] == [as_graph(target.out, row) for row in rest["data"]]
            assert found["totalCount"] == rest["total"]
            info = found["pageInfo"]
            assert info["hasNextPage"] is (rest["next_cursor"] is not None)
            assert info["endCursor"] == (found["edges"][-1]["cursor"] if rest["data"] else None)
            if rest["next_cursor"]:
                assert info["endCursor"] == rest["next_cursor"]
        name = camel(relation.name)
        wrong = {**given, "a": next(n[name]["pageInfo"]["endCursor"] for n in nodes[::-1])}
        if len(nodes) > 1 and wrong["a"]:
            error = (await client.gql(document, **wrong))["errors"][0]
            assert error["extensions"]["code"] == "cursor_mismatch"


async def test_collections_of_a_record_are_walked(full, kind):
    client = full
    many = [relation for relation in kind.listing.relations if relation.many]
    lengths = []
    for relation in many:
        listed = await client.read(kind.path, include=relation.name, limit=200)
        row = max(listed["data"], key=lambda row: len(row[relation.name]["data"]))
        wanted = [other["id"] for other in row[relation.name]["data"]]
        assert wanted
        lengths.append(len(wanted))
        document = (
            f"query($id: UUID!, $after: String) {{ {single(kind)}(id: $id) {{ {camel(relation.name)}"
            "(first: 1, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } }"
        )
        ids, after = [], None
        while True:
            page = (await client.data(document, id=row["id"], after=after))[single(kind)]
            found = page[camel(relation.name)]
            ids += [node["id"] for node in found["nodes"]]
            if not found["pageInfo"]["hasNextPage"]:
                break
            after = found["pageInfo"]["endCursor"]
        assert ids == wanted
    # There are relations to no more than one, such as a service's specification.
    assert not many or max(lengths) > 1


async def test_relations_are_fields(client, kind):
    document = f'{{ __type(name: "{kind.type}") {{ fields {{ name }} interfaces {{ name }} }} }}'
    shown = (await client.data(document))["__type"]
    names = {found["name"] for found in shown["fields"]}
    assert {camel(relation.name) for relation in kind.listing.relations} <= names
    assert shown["interfaces"] == [{"name": "Node"}]


async def test_nodes_are_found_by_their_ids_alone(client, other, kind, statements):
    foreign = await kind.make(other)
    made = [await kind.make(client) for _ in range(2)]
    binned = await kind.make(client)
    assert (await client.delete(f"/v1/{kind.path}/{binned['id']}")).status_code == 204
    document = (
        "query($ids: [ID!]!, $id: ID!) { node(id: $id) { __typename id } nodes(ids: $ids) "
        f"{{ __typename id ... on {kind.type} {{ {selection(kind.out)} }} }} }}"
    )
    ids = [made[1]["id"], "no id", foreign["id"], made[0]["id"], binned["id"], made[1]["id"]]
    async with statements() as seen:
        found = await client.data(document, ids=ids, id=made[0]["id"])
    assert len(seen) == 4, seen
    assert found["node"] == {"__typename": kind.type, "id": made[0]["id"]}
    shown = [row and row["id"] for row in found["nodes"]]
    assert shown == [ids[0], None, None, ids[3], None, ids[5]]
    rest = as_graph(kind.out, await client.read(f"{kind.path}/{ids[0]}"))
    assert found["nodes"][0] == {"__typename": kind.type, **rest}
    for id in ("no id", foreign["id"], binned["id"]):
        assert (await client.data("query($id: ID!) { node(id: $id) { id } }", id=id))[
            "node"
        ] is None


async def test_nodes_that_may_not_be_read_are_not_there(client, keyed, kind):
    made = await kind.make(client)
    areas = {k.area for k in KINDS} - {kind.area}
    blind = await keyed(*(f"{area}:read" for area in areas))
    document = "query($id: ID!) { node(id: $id) { id } }"
    assert await blind.data(document, id=made["id"]) == {"node": None}


async def test_list_is_one_statement(client, kind, statements):
    await kind.several(client)
    async with statements() as seen:
        await client.data(f"{{ {plural(kind)} {{ nodes {{ {selection(kind.out)} }} }} }}")
    assert len(seen) == 1, seen.work


async def test_update_delete_and_restore(client, kind):
    made = await kind.make(client)
    name = kind.type
    update = (
        f"mutation($id: UUID!, $input: {name}UpdateInput!, $version: Int) {{ "
        f"update{name}(id: $id, input: $input, expectedVersion: $version) "
        f"{{ {selection(kind.out)} }} }}"
    )
    given = {"id": made["id"], "input": body_as_graph(kind.factory.change)}
    changed = (await client.data(update, **given, version=1))[f"update{name}"]
    assert changed == as_graph(kind.out, await client.read(f"{kind.path}/{made['id']}"))
    assert changed["version"] == 2
    stale = (await client.gql(update, **given, version=1))["errors"][0]["extensions"]
    assert stale["code"] == "stale"
    assert stale["problem"]["status"] == 412
    assert stale["problem"]["current"]["version"] == 2
    assert stale["problem"]["conflicts"] == list(kind.factory.change)
    delete = f"mutation($id: UUID!, $v: Int) {{ delete{name}(id: $id, expectedVersion: $v) }}"
    refused = await client.gql(delete, id=made["id"], v=1)
    assert refused["errors"][0]["extensions"]["code"] == "stale"
    assert await client.data(delete, id=made["id"]) == {f"delete{name}": made["id"]}
    read = f"query($id: UUID!) {{ {single(kind)}(id: $id) {{ id }} }}"
    assert await client.data(read, id=made["id"]) == {single(kind): None}
    restore = f"mutation($id: UUID!) {{ restore{name}(id: $id) {{ id version deletedAt }} }}"
    back = (await client.data(restore, id=made["id"]))[f"restore{name}"]
    assert back == {"id": made["id"], "version": 4, "deletedAt": None}


async def test_null_clears_and_absence_leaves(client, kind):
    owner_id = await new_user(client)
    made = await kind.make(client)
    await client.changed(f"{kind.path}/{made['id']}", {"owner_id": owner_id})
    update = (
        f"mutation($id: UUID!, $input: {kind.type}UpdateInput!) "
        f"{{ update{kind.type}(id: $id, input: $input) {{ ownerId }} }}"
    )
    change = body_as_graph(kind.factory.change)
    for given, wanted in ((change, owner_id), ({"ownerId": None}, None)):
        shown = await client.data(update, id=made["id"], input=given)
        assert shown[f"update{kind.type}"] == {"ownerId": wanted}


async def test_errors_are_the_same_problems(client, kind):
    missing = "01990000-0000-7000-8000-0000000000ff"
    update = (
        f"mutation($id: UUID!, $input: {kind.type}UpdateInput!) "
        f"{{ update{kind.type}(id: $id, input: $input) {{ id }} }}"
    )
    made = await kind.make(client)
    bodies = [
        (missing, kind.factory.change),
        (made["id"], {"custom": {"Not a key": 1}}),
        (made["id"], {"external_ids": {"a": "x" * 300}}),
    ]
    # What no update takes GraphQL's own types refuse.
    if kind.factory.required in kind.service.update_shape.model_fields:
        bodies.append((made["id"], {kind.factory.required: None}))
    for id, body in bodies:
        rest = (await client.patch(f"/v1/{kind.path}/{id}", json=body)).json()
        answer = await client.gql(update, id=id, input=body_as_graph(body))
        problem = answer["errors"][0]["extensions"]["problem"]
        assert answer["data"] == {f"update{kind.type}": None}
        for part in ("type", "status", "code", "title", "detail", "errors"):
            assert problem.get(part) == rest.get(part), part
    sorts = f'{{ {plural(kind)}(orderBy: ["noSuch"]) {{ nodes {{ id }} }} }}'
    code = (await client.gql(sorts))["errors"][0]["extensions"]["code"]
    assert code == (await client.get(f"/v1/{kind.path}?sort=no_such")).json()["code"]
    cursors = f'{{ {plural(kind)}(after: "nonsense") {{ nodes {{ id }} }} }}'
    code = (await client.gql(cursors))["errors"][0]["extensions"]["code"]
    assert code == "invalid_cursor"


async def test_schema_has_types_and_operations(client, kind):
    document = (
        "{ __schema { types { name } queryType { fields { name } } "
        "mutationType { fields { name } } } }"
    )
    schema = (await client.data(document))["__schema"]

    def names(items):
        return {item["name"] for item in items}

    assert {kind.type, f"{kind.type}Connection", f"{kind.type}Edge"} <= names(schema["types"])
    assert {single(kind), plural(kind)} <= names(schema["queryType"]["fields"])
    verbs = ("create", "update", "delete", "restore")
    assert {f"{verb}{kind.type}" for verb in verbs} <= names(schema["mutationType"]["fields"])


async def test_a_broken_reference_is_told_where_it_is_made(client):
    found = await client.gql(
        """mutation { a: createContact(input: {lastName: "A", companyId: "0190a000-0000-7000-8000-000000000000"}) { id }
        b: createContact(input: {lastName: "B"}) { id } }"""
    )
    assert [error["path"] for error in found["errors"]] == [["a"]]
    (contact,) = (await client.read("contacts"))["data"]
    assert (contact["last_name"], found["data"]) == ("B", {"a": None, "b": {"id": contact["id"]}})


NOWHERE = '"0190a000-0000-7000-8000-000000000000"'
SEVERAL = """mutation {
    a: createContact(input: {lastName: "A"}) { id }
    b: createContact(input: {lastName: "B", email: "wrong"}) { id }
    c: createContact(input: {lastName: "C", companyId: NOWHERE}) { id }
    d: deleteContact(id: NOWHERE)
    e: createContact(input: {lastName: "E"}) { id }
}""".replace("NOWHERE", NOWHERE)


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "several"}], ids=["once", "repeated"])
async def test_what_mutations_did_is_told_though_their_neighbours_failed(client, headers):
    answer = await client.post("/graphql", json={"query": SEVERAL}, headers=headers)
    found = answer.json()
    assert sorted(error["path"][0] for error in found["errors"]) == ["b", "c", "d"]
    stored = {c["last_name"]: c["id"] for c in (await client.read("contacts"))["data"]}
    assert set(stored) == {"A", "E"}
    told = {"a": {"id": stored["A"]}, **dict.fromkeys("bcd"), "e": {"id": stored["E"]}}
    assert found["data"] == told
    if headers:
        again = await client.post("/graphql", json={"query": SEVERAL}, headers=headers)
        assert (again.json(), again.headers["Idempotency-Replayed"]) == (found, "true")


def test_each_mutation_may_be_null_by_itself():
    mutations = build_schema(shown())._schema.mutation_type.fields
    assert len(mutations) > 30
    assert not [name for name, field in mutations.items() if isinstance(field.type, GraphQLNonNull)]
