"""A saved view is a way to look at any collection, whatever the transport."""

from support.clients import problem
from support.graph import camel

FILTER = {"version": {"gte": 1}, "created_at": {"gte": "@now-1d"}}


async def saved(client, kind, **more):
    body = {"name": "Example", "target": kind.entity, "sharing": "organization", **more}
    return await client.made("views", body)


async def test_a_view_is_its_parts(client, kind):
    await kind.several(client)
    fields = ["id", "updated_at"]
    view = await saved(client, kind, filter=FILTER, sort=["-updated_at"], fields=fields)
    asked = {"filter": FILTER, "sort": ["-updated_at"], "fields": fields, "limit": 2}
    answer = (await client.post(f"/v1/{kind.path}/query", json=asked)).json()
    assert await client.read(kind.path, view=view["id"], limit=2) == answer
    posted = await client.post(f"/v1/{kind.path}/query", json={"view": view["id"], "limit": 2})
    assert posted.json() == answer
    second = {"cursor": answer["next_cursor"], "limit": 2}
    next_page = await client.read(kind.path, view=view["id"], **second)
    assert next_page == (await client.post(f"/v1/{kind.path}/query", json=asked | second)).json()
    document = f"query($v: UUID) {{ {camel(kind.name)}(view: $v, first: 2) {{ nodes {{ id updatedAt }} }} }}"
    shown = (await client.data(document, v=view["id"]))[camel(kind.name)]["nodes"]
    assert [row["id"] for row in shown] == [row["id"] for row in answer["data"]]


async def test_what_is_asked_goes_beside_or_before_the_view(client, kind, statements):
    rows = await kind.several(client)
    view = await saved(client, kind, filter=FILTER, sort=["-created_at"], fields=["id"])
    one = {"filter[id]": rows[1]["id"]}
    assert (await client.read(kind.path, view=view["id"], **one))["data"] == [{"id": rows[1]["id"]}]
    other = {"filter[created_at][lt]": "@now-1d"}
    assert (await client.read(kind.path, view=view["id"], **other))["data"] == []
    sorted_up = await client.read(kind.path, view=view["id"], sort="created_at")
    sorted_down = await client.read(kind.path, view=view["id"])
    ids = [row["id"] for row in sorted_up["data"]]
    assert [row["id"] for row in sorted_down["data"]] == ids[::-1] != ids
    shown = await client.read(kind.path, view=view["id"], fields="version")
    assert shown["data"][0].keys() == {"version"}
    for relation in [r.name for r in kind.listing.relations][:1]:
        brought = await client.read(kind.path, view=view["id"], include=relation)
        assert brought["data"][0].keys() == {"id", relation}
        asked = {"view": view["id"], "include": [relation]}
        assert (await client.post(f"/v1/{kind.path}/query", json=asked)).json() == brought
    async with statements() as seen:
        await client.read(kind.path, view=view["id"])
    assert len(seen) == 2
    document = (
        f"query($v: UUID, $w: {kind.type}Where) "
        f"{{ {camel(kind.name)}(view: $v, where: $w) {{ totalCount nodes {{ id version }} }} }}"
    )
    found = await client.data(document, v=view["id"], w={"id": {"eq": rows[1]["id"]}})
    assert found[camel(kind.name)]["totalCount"] == 1


async def test_a_view_that_no_longer_fits_says_what_is_wrong(client, kind, owner):
    view = await saved(client, kind, filter=FILTER)
    for column, value, pointer in (
        ("filter", '{"gone": {"eq": 1}}', "/filter/gone"),
        ("filter", '{"version": {"eq": "one"}}', "/filter/version/eq"),
        ("sort", '["gone"]', "/sort"),
        ("fields", '["id", "gone"]', "/fields"),
        ("include", '["gone"]', "/include"),
    ):
        empty = {"filter": "{}", "sort": "[]", "fields": "[]", "include": "[]"} | {column: value}
        await owner.execute(
            "UPDATE views SET filter = $2, sort = $3, fields = $4, include = $5 WHERE id = $1",
            view["id"],
            *empty.values(),
        )
        for answer in (
            await client.get(f"/v1/{kind.path}", params={"view": view["id"]}),
            await client.post(f"/v1/{kind.path}/query", json={"view": view["id"]}),
        ):
            found = problem(answer, 409, "view_outdated")
            assert found["errors"][0]["pointer"] == pointer
            assert "'Example'" in found["detail"]
        document = f"query($v: UUID) {{ {camel(kind.name)}(view: $v) {{ nodes {{ id }} }} }}"
        shown = await client.gql(document, v=view["id"])
        assert shown["errors"][0]["extensions"]["code"] == "view_outdated"
    # It can still be renamed and mended.
    await client.changed(f"views/{view['id']}", {"name": "Renamed"})
    await client.changed(f"views/{view['id']}", {"filter": FILTER, "include": []})
    await client.read(kind.path, view=view["id"])


UNFIT = [
    ({"filter": {"gone": {"eq": 1}}}, "/filter/gone"),
    ({"filter": {"version": {"like": 1}}}, "/filter/version/like"),
    ({"filter": {"and": [{"id": {"eq": "me"}}]}}, "/filter/and/0/id/eq"),
    ({"sort": ["gone"]}, "/sort"),
    ({"sort": ["id", "-id"]}, "/sort"),
    ({"fields": ["gone"]}, "/fields"),
    ({"include": ["gone"]}, "/include"),
    ({"target": "gone"}, "/target"),
    ({"sharing": "nobody"}, "/sharing"),
    ({"limit": 1}, "/limit"),
]


async def test_a_view_that_does_not_fit_is_not_saved(client, kind, subtests):
    for part, pointer in UNFIT:
        with subtests.test(msg=str(part)):
            body = {"name": "Example", "target": kind.entity, **part}
            found = problem(await client.post("/v1/views", json=body), 422)
            assert found["errors"][0]["pointer"] == pointer
            if "target" not in part:
                view = await saved(client, kind)
                found = problem(await client.patch(f"/v1/views/{view['id']}", json=part), 422)
                assert found["errors"][0]["pointer"] == pointer


async def test_a_view_of_what_may_not_be_read_is_neither_saved_nor_used(client, kind, keyed):
    few = await keyed("views:write")
    body = {"name": "Example", "target": kind.entity}
    if kind.area != "views":
        problem(await few.post("/v1/views", json=body), 403, "insufficient_scope")
    view = await saved(client, kind, filter=FILTER)
    reader = await keyed(f"{kind.area}:read")
    await reader.read(kind.path, view=view["id"])
    for relation in kind.listing.relations:
        target = relation.target()
        if target.area != kind.area and not relation.many:
            node = {"filter": {relation.name: {"version": {"gte": 1}}}}
            view = await saved(client, kind, **node)
            answer = await reader.get(f"/v1/{kind.path}", params={"view": view["id"]})
            problem(answer, 403, "insufficient_scope")
