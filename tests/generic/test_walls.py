"""Who may do what: other organizations, missing and bad credentials, missing scopes."""

from support.clients import problem
from support.factories import KINDS
from support.graph import body_as_graph, camel, selection

BAD = {
    "not a key": "Bearer nonsense",
    "no such key": "Bearer crm_abcdefgh_" + "a" * 40,
    "another scheme": "Basic dXNlcjpwYXNz",
    "no scheme": "crm_abcdefgh_" + "a" * 40,
    "empty": "",
    "nothing but the scheme": "Bearer",
}


def requests(kind, id, body):
    """Every operation of a collection."""
    path = f"/v1/{kind.path}"
    return {
        "list": ("GET", path, None),
        "query": ("POST", f"{path}/query", {}),
        "create": ("POST", path, body),
        "read": ("GET", f"{path}/{id}", None),
        "update": ("PATCH", f"{path}/{id}", kind.factory.change),
        "delete": ("DELETE", f"{path}/{id}", None),
        "restore": ("POST", f"{path}/{id}/restore", None),
        "history": ("GET", f"{path}/{id}/history", None),
    }


WRITES = {"create", "update", "delete", "restore"}


async def test_other_organizations_see_and_change_nothing(client, other, kind, owner, org):
    made = await kind.make(client)
    state = f"SELECT to_jsonb(t) FROM {kind.listing.model.__tablename__} t WHERE id = $1"
    before = await owner.fetchval(state, made["id"])
    asked = requests(kind, made["id"], {})
    for name in ("read", "update", "delete", "restore", "history"):
        method, path, body = asked[name]
        problem(await other.request(method, path, json=body), 404, "not_found")
    for params in ({"limit": 200}, {"limit": 200, "deleted": "include"}):
        page = await other.read(kind.path, **params)
        assert made["id"] not in {row["id"] for row in page["data"]}
    answer = await other.get(
        f"/v1/{kind.path}", params={"filter[id]": made["id"], "count": "exact"}
    )
    assert answer.json() == {"data": [], "next_cursor": None, "total": 0}
    assert await owner.fetchval(state, made["id"]) == before


async def test_other_organizations_see_and_change_nothing_over_graphql(client, other, kind, owner):
    made = await kind.make(client)
    state = f"SELECT to_jsonb(t) FROM {kind.listing.model.__tablename__} t WHERE id = $1"
    before = await owner.fetchval(state, made["id"])
    single = camel(kind.entity)
    name = kind.type
    read = f"query($id: UUID!) {{ {single}(id: $id) {{ id }} }}"
    assert await other.data(read, id=made["id"]) == {single: None}
    change = body_as_graph(kind.factory.change)
    for document, more in (
        (
            (
                f"mutation($id: UUID!, $input: {name}UpdateInput!) "
                f"{{ update{name}(id: $id, input: $input) {{ id }} }}"
            ),
            {"input": change},
        ),
        (f"mutation($id: UUID!) {{ delete{name}(id: $id) }}", {}),
        (f"mutation($id: UUID!) {{ restore{name}(id: $id) {{ id }} }}", {}),
        (
            (
                f'query($id: UUID!) {{ history(entity: "{kind.entity}", id: $id) '
                "{ data { id } } }"
            ),
            {},
        ),
    ):
        answer = await other.gql(document, id=made["id"], **more)
        assert answer["errors"][0]["extensions"]["code"] == "not_found", answer
    assert await owner.fetchval(state, made["id"]) == before


async def test_foreign_records_cannot_be_referred_to(client, other, kind):
    body = await kind.factory.least(client)
    for relation in kind.listing.relations:
        if relation.many:
            continue
        local = relation.local.key
        target = next(k for k in KINDS if k.entity == relation.target().entity)
        foreign = await target.make(other)
        answer = await client.post(f"/v1/{kind.path}", json={**body, local: foreign["id"]})
        found = problem(answer, 422)
        assert [e["pointer"] for e in found["errors"]] == [f"/{local}"]


async def test_nothing_without_a_good_credential(anonymous, client, kind, subtests):
    made = await kind.make(client)
    for authorization in (None, *BAD.values()):
        with subtests.test(msg=str(authorization)[:40]):
            headers = {} if authorization is None else {"Authorization": authorization}
            for method, path, body in requests(kind, made["id"], {}).values():
                answer = await anonymous.request(method, path, json=body, headers=headers)
                problem(answer, 401)
                assert answer.headers["www-authenticate"].startswith("Bearer")
            answer = await anonymous.post(
                "/graphql", json={"query": "{__typename}"}, headers=headers
            )
            problem(answer, 401)


async def test_reading_needs_its_scope(client, kind, keyed):
    made = await kind.make(client)
    stranger = await keyed("nothing:read")
    for method, path, body in requests(kind, made["id"], await kind.factory.least(client)).values():
        found = problem(await stranger.request(method, path, json=body), 403, "insufficient_scope")
        assert found["scope"].startswith(f"{kind.area}:")


async def test_writing_needs_its_scope(client, kind, read_only):
    made = await kind.make(client)
    asked = requests(kind, made["id"], await kind.factory.least(client))
    for name, (method, path, body) in asked.items():
        answer = await read_only.request(method, path, json=body)
        if name in WRITES:
            found = problem(answer, 403, "insufficient_scope")
            assert found["scope"] == f"{kind.area}:write"
        else:
            assert answer.status_code == 200, (name, answer.text)
    assert (await client.read(f"{kind.path}/{made['id']}"))["version"] == 1


async def test_graphql_needs_the_same_scopes(client, kind, keyed, read_only):
    made = await kind.make(client)
    stranger = await keyed("nothing:read")
    plural = camel(kind.name)
    listed = f"{{ {plural} {{ nodes {{ {selection(kind.out)} }} }} }}"
    answer = await stranger.gql(listed)
    assert answer["errors"][0]["extensions"]["code"] == "insufficient_scope"
    assert answer["data"] is None
    assert (await read_only.data(listed))[plural]["nodes"]
    document = f"mutation($id: UUID!) {{ delete{kind.type}(id: $id) }}"
    answer = await read_only.gql(document, id=made["id"])
    assert answer["errors"][0]["extensions"]["code"] == "insufficient_scope"


async def test_scope_of_its_area_is_enough(client, kind, keyed):
    body = await kind.factory.least(client)
    writer = await keyed(f"{kind.area}:write", "*:read", *kind.factory.scopes)
    if kind.factory.sovereign:
        answer = await writer.post(f"/v1/{kind.path}", json=body)
        problem(answer, 403, "exceeds_maker")
        return
    made = await writer.made(
        kind.path, body | ({"scopes": ["contacts:read"]} if "scopes" in body else {})
    )
    assert (await writer.read(f"{kind.path}/{made['id']}"))["id"] == made["id"]


async def test_a_relation_needs_the_scope_of_what_it_leads_to(client, keyed):
    company = await client.made("companies", {"name": "Example", "industry": "bank"})
    await client.made("contacts", {"last_name": "A", "company_id": company["id"]})
    weak = await keyed("contacts:read")
    problem(
        await weak.get("/v1/contacts", params={"include": "company"}), 403, "insufficient_scope"
    )
    hidden = {"filter[company][industry]": "bank"}
    problem(await weak.get("/v1/contacts", params=hidden), 403, "insufficient_scope")
    assert len((await weak.read("contacts"))["data"]) == 1
