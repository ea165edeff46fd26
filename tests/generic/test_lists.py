"""Lists: sorting, walking, counting, choosing fields, and every way to ask wrongly."""

import asyncio

import pytest

from crm_api.kit.query import selection as query_selection
from support.clients import pointers, problem
from support.factories import KINDS


async def walk(client, path, limit, **params):
    """All ids of a list, page by page."""
    ids, cursor = [], {}
    while True:
        page = await client.read(path, limit=limit, **params, **cursor)
        ids += [row["id"] for row in page["data"]]
        if page["next_cursor"] is None:
            assert page["data"] or not ids
            return ids
        assert len(page["data"]) == limit
        cursor = {"cursor": page["next_cursor"]}
        assert len(ids) < 500


def in_order(found, descending):
    """Ids by their values and then by themselves, those without a value last."""
    known = sorted((pair for pair in found if pair[0] is not None), reverse=descending)
    nulls = sorted((id for value, id in found if value is None), reverse=descending)
    return [str(id) for _, id in known] + [str(id) for id in nulls]


async def test_walks_are_the_full_sort(client, owner, org, kind, subtests):
    """By each key, in pages of several sizes."""
    await kind.several(client)
    table = kind.listing.model.__tablename__
    rows = await owner.fetch(f"SELECT * FROM {table} WHERE organization_id = $1", org.id)
    for key, column in kind.listing.sort_keys.items():
        for descending in (False, True):
            sort = f"-{key}" if descending else key
            with subtests.test(msg=sort):
                wanted = in_order([(row[column.key], row["id"]) for row in rows], descending)
                full = await client.read(kind.path, limit=200, sort=sort)
                assert [row["id"] for row in full["data"]] == wanted
                for limit in (1, 2, 3):
                    assert await walk(client, kind.path, limit, sort=sort) == wanted, limit


REACHED = [
    pytest.param(kind, relation, id=f"{kind}-{relation.name}")
    for kind in KINDS
    for relation in kind.listing.relations
    if not relation.many
]


@pytest.mark.parametrize(("kind", "relation"), REACHED)
async def test_walks_by_a_related_record_are_the_full_sort(client, owner, org, kind, relation):
    """Those that refer to none, to a null or to a record in the bin come last, by their ids."""
    rows = await kind.several(client)
    binned = next(row for row in rows if row[relation.local.key])
    target = relation.target()
    path = next(k for k in KINDS if k.listing is target).path
    await client.delete(f"/v1/{path}/{binned[relation.local.key]}")
    await kind.several(client)
    for key, column in target.sort_keys.items():
        found = await owner.fetch(
            f'SELECT l.id, r."{column.key}" AS value FROM {kind.listing.model.__tablename__} l '
            f"LEFT JOIN {target.model.__tablename__} r ON r.organization_id = l.organization_id "
            f"AND r.id = l.{relation.local.key} AND r.deleted_at IS NULL "
            "WHERE l.organization_id = $1 AND l.deleted_at IS NULL",
            org.id,
        )
        for descending in (False, True):
            wanted = in_order([(row["value"], row["id"]) for row in found], descending)
            sort = f"{'-' if descending else ''}{relation.name}.{key}"
            assert await walk(client, kind.path, 200, sort=sort) == wanted, sort
            assert await walk(client, kind.path, 2, sort=sort) == wanted, sort
    mixed = f"-{relation.name}.created_at,{relation.name}.updated_at,-created_at"
    full = await walk(client, kind.path, 200, sort=mixed)
    assert await walk(client, kind.path, 3, sort=mixed) == full
    for beyond in target.relations:
        if not beyond.many:
            deep = f"{relation.name}.{beyond.name}.created_at,id"
            full = await walk(client, kind.path, 200, sort=deep)
            assert await walk(client, kind.path, 2, sort=deep) == full


@pytest.mark.parametrize(("kind", "relation"), REACHED)
async def test_sorting_by_a_related_record_takes_its_scope(
    client, keyed, kind, relation, statements
):
    target = relation.target()
    sort = f"{relation.name}.created_at"
    async with statements() as seen:
        await client.read(kind.path, sort=sort)
    assert len(seen) == 1
    if target.area != kind.area:
        few = await keyed(f"{kind.area}:read")
        answer = await few.get(f"/v1/{kind.path}", params={"sort": sort})
        problem(answer, 403, "insufficient_scope")
    for wrong in (f"{relation.name}.no_such", f"{relation.name}.", f".{relation.name}"):
        answer = await client.get(f"/v1/{kind.path}", params={"sort": wrong})
        problem(answer, 422, "unknown_field")
    answer = await client.get(f"/v1/{kind.path}", params={"sort": f"a.b.{relation.name}.id"})
    problem(answer, 422, "too_deep")


async def test_pages_of_a_relative_moment_belong_together(client, kind):
    """`@now-1h` is another moment on the next page, and still the same list."""
    made = await kind.several(client)
    about = {"filter[created_at][between]": "@now-1h,@now+1h", "sort": "created_at"}
    ids = await walk(client, kind.path, 2, **about)
    assert len(ids) == len(set(ids))
    assert {row["id"] for row in made} <= set(ids)
    page = await client.read(kind.path, limit=1, **about)
    other = about | {"filter[created_at][between]": "@now-2h,@now+1h"}
    answer = await client.get(f"/v1/{kind.path}", params={**other, "cursor": page["next_cursor"]})
    problem(answer, 422, "cursor_mismatch")


async def test_several_sort_keys_walk_the_same(client, kind):
    await kind.several(client)
    keys = [k for k in kind.listing.sort_keys if k not in {"id", "created_at", "updated_at"}][:3]
    mixed = [f"-{keys[0]}", keys[1], f"-{keys[2]}", "created_at"]
    for sort in (",".join(keys), ",".join(mixed), f"updated_at,-{keys[0]}"):
        full = await client.read(kind.path, limit=200, sort=sort)
        ids = [row["id"] for row in full["data"]]
        assert len(ids) > 4
        for limit in (1, 2, 3):
            assert await walk(client, kind.path, limit, sort=sort) == ids, sort


async def test_walking_while_others_write_never_repeats_or_skips(client, kind):
    await kind.define(client, turn="integer")
    steady = {row["id"] for row in await kind.several(client)}
    extra = [await kind.make(client) for _ in range(4)]
    done = asyncio.Event()

    async def write(row) -> None:
        turn = 0
        while not done.is_set():
            turn += 1
            await client.patch(f"/v1/{kind.path}/{row['id']}", json={"custom": {"turn": turn}})
            if turn % 4 == 0:
                await client.delete(f"/v1/{kind.path}/{row['id']}")
                await client.post(f"/v1/{kind.path}/{row['id']}/restore")
            if turn % 7 == 0:
                await kind.make(client)

    # Each on a connection of its own, as the reader is.
    writers = [asyncio.create_task(write(row)) for row in extra]
    related = [f"{r.name}.created_at" for r in kind.listing.relations if not r.many]
    try:
        for sort in ("-updated_at", "updated_at", "-created_at,version", *related):
            ids = []
            cursor = {}
            for _ in range(400):
                page = await client.read(kind.path, limit=3, sort=sort, **cursor)
                ids += [row["id"] for row in page["data"]]
                if page["next_cursor"] is None or len(ids) > 300:
                    break
                cursor = {"cursor": page["next_cursor"]}
                if steady <= set(ids):
                    break
            seen = [id for id in ids if id in steady]
            assert sorted(seen) == sorted(steady), sort
    finally:
        done.set()
        await asyncio.gather(*writers)


async def test_link_header_leads_to_the_next_page(client, kind):
    await kind.several(client)
    first = await client.get(f"/v1/{kind.path}", params={"limit": 2, "sort": "created_at"})
    link = first.headers["link"]
    assert link.endswith('>; rel="next"')
    second = await client.get(link[1 : link.index(">")])
    assert second.status_code == 200
    assert second.json()["data"]
    ids = [row["id"] for answer in (first, second) for row in answer.json()["data"]]
    assert len(ids) == len(set(ids))
    last = await client.get(f"/v1/{kind.path}", params={"limit": 200})
    assert "link" not in last.headers


async def test_counts(client, kind):
    await kind.several(client)
    everything = await client.read(kind.path, limit=200)
    counted = await client.read(kind.path, limit=1, count="exact")
    assert counted["total"] == len(everything["data"])
    assert len(counted["data"]) == 1
    assert "total" not in everything
    guessed = await client.read(kind.path, limit=1, count="estimate")
    assert isinstance(guessed["total"], int)


async def test_fields_are_the_only_ones_shown(client, kind):
    made = await kind.make(client)
    page = await client.read(kind.path, fields="id,created_at")
    assert all(row.keys() == {"id", "created_at"} for row in page["data"])
    shown = await client.read(f"{kind.path}/{made['id']}", fields="id,created_at")
    assert shown == {name: made[name] for name in ("id", "created_at")}
    body = {"fields": ["created_at", "id"], "limit": 1}
    queried = (await client.post(f"/v1/{kind.path}/query", json=body)).json()
    assert list(queried["data"][0]) == ["created_at", "id"]


async def test_included_records_come_along(client, kind, statements):
    rows = await kind.several(client)
    for relation in kind.listing.relations:
        if relation.many:
            continue
        local = relation.local.key
        async with statements() as seen:
            page = await client.read(kind.path, include=relation.name, limit=200)
        assert len(seen) == 2, [sql[:60] + sql[-150:] for sql in seen.all]
        assert any(row[local] for row in page["data"])
        for row in page["data"]:
            other = row[relation.name]
            assert (other and other["id"]) == row[local]
        target = next(k for k in KINDS if k.listing is relation.target())
        one = next(row for row in page["data"] if row[local])
        assert one[relation.name] == await client.read(f"{target.path}/{one[local]}")
        alone = await client.read(f"{kind.path}/{one['id']}", include=relation.name)
        assert alone == one
        few = await client.read(kind.path, fields=f"id,{relation.name}.id", limit=200)
        assert {row["id"]: row[relation.name] for row in few["data"]} == {
            row["id"]: row[local] and {"id": row[local]} for row in page["data"]
        }
    assert rows


async def test_included_collections_are_the_lists_of_their_own(
    client, kind, statements, monkeypatch
):
    """The same rows in the same order as a filter by the parent shows, and its cursor."""
    for number in (50, 1):
        monkeypatch.setattr(query_selection, "INCLUDED_ROWS", number)
        for relation in kind.listing.relations:
            if not relation.many:
                continue
            target = next(k for k in KINDS if k.listing is relation.target())
            await target.several(client)
            async with statements() as seen:
                page = await client.read(kind.path, include=relation.name, limit=200)
            assert len(seen) == 2, [sql[:60] + sql[-150:] for sql in seen.all]
            assert any(row[relation.name]["data"] for row in page["data"])
            by_parent = f"filter[{relation.remote.key}]"
            for row in page["data"]:
                own = {by_parent: row["id"], "limit": number}
                assert row[relation.name] == await client.read(target.path, **own)
                cursor = row[relation.name]["next_cursor"]
                if cursor:
                    next_page = await client.read(target.path, **own, cursor=cursor)
                    assert next_page["data"]


async def test_included_records_come_with_theirs(client, kind, statements):
    await kind.several(client)
    for relation in kind.listing.relations:
        for beyond in relation.target().relations:
            path = f"{relation.name}.{beyond.name}"
            async with statements() as seen:
                page = await client.read(kind.path, include=path, limit=7)
            assert len(seen) <= 3, seen
            shallow = await client.read(kind.path, include=relation.name, limit=7)
            for row, other in zip(page["data"], shallow["data"], strict=True):
                found = row[relation.name]
                for one in found["data"] if relation.many else filter(None, [found]):
                    assert beyond.name in one
                    del one[beyond.name]
                assert row == other


WRONG = [
    ({"include": "a.b.c"}, "too_deep", "include"),
    ({"fields": "a.b.c.id"}, "too_deep", "fields"),
    ({"include": "id"}, "unknown_relation", "include"),
    ({"sort": "no_such"}, "unknown_field", "sort"),
    ({"sort": "created_at,-created_at"}, "repeated_field", "sort"),
    ({"sort": "id,created_at,updated_at,version,owner_id"}, "too_many_fields", "sort"),
    ({"include": "no_such"}, "unknown_relation", "include"),
    ({"fields": "no_such"}, "unknown_field", "fields"),
    ({"fields": "id,no_such.id"}, "unknown_field", "fields"),
    ({"no_such": "1"}, "unknown_parameter", "no_such"),
    ({"cursor": "no_such"}, "invalid_cursor", "cursor"),
    ({"cursor": "ümläut"}, "invalid_cursor", "cursor"),
    ({"limit": "0"}, "validation", "limit"),
    ({"limit": "201"}, "validation", "limit"),
    ({"limit": "-1"}, "validation", "limit"),
    ({"limit": "9" * 30}, "validation", "limit"),
    ({"limit": "many"}, "validation", "limit"),
    ({"count": "roughly"}, "validation", "count"),
    ({"deleted": "yes"}, "validation", "deleted"),
    ({"filter[no_such]": "1"}, "invalid_filter", "/filter/no_such"),
    ({"filter[version][no_such]": "1"}, "invalid_filter", "/filter/version/no_such"),
    ({"filter[version]": "one"}, "invalid_filter", "/filter/version/eq"),
    ({"filter[created_at][gt]": "soon"}, "invalid_filter", "/filter/created_at/gt"),
    ({"filter": "1"}, "unknown_parameter", "filter"),
    ({"filter[": "1"}, "invalid_filter", "filter["),
    ({"filter[version": "1"}, "invalid_filter", "filter[version"),
]


async def test_wrong_questions_are_errors_with_their_place(client, kind, subtests):
    for params, code, place in WRONG:
        with subtests.test(msg=str(params)):
            found = problem(await client.get(f"/v1/{kind.path}", params=params), 422, code)
            assert pointers(found) == [place]


async def test_repeated_filters_are_an_error(client, kind):
    for query in (
        "filter[version]=1&filter[version]=2",
        "filter[version]=1&filter[version][gt]=0",
        "filter[version][gt]=0&filter[version]=1",
    ):
        problem(await client.get(f"/v1/{kind.path}?{query}"), 422, "invalid_filter")


async def test_cursor_belongs_to_its_list(client, kind, other):
    await kind.several(client)
    page = await client.read(kind.path, limit=1, sort="created_at")
    cursor = page["next_cursor"]
    for params in (
        {"sort": "-created_at"},
        {"sort": "updated_at"},
        {"sort": "created_at", "filter[version]": "1"},
        {"sort": "created_at", "deleted": "include"},
    ):
        answer = await client.get(f"/v1/{kind.path}", params={**params, "cursor": cursor})
        problem(answer, 422, "cursor_mismatch")
    same = {"sort": "created_at", "cursor": cursor}
    problem(await other.get(f"/v1/{kind.path}", params=same), 422, "cursor_mismatch")
    changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
    answer = await client.get(f"/v1/{kind.path}", params={**same, "cursor": changed})
    problem(answer, 422, "invalid_cursor")
    body = {"sort": ["created_at"], "cursor": cursor, "limit": 3}
    queried = await client.post(f"/v1/{kind.path}/query", json=body)
    assert queried.status_code == 200
    assert queried.json()["data"] == (await client.read(kind.path, limit=3, **same))["data"]


async def test_query_body_takes_nothing_unknown(client, kind):
    answer = await client.post(f"/v1/{kind.path}/query", json={"where": {}})
    assert pointers(problem(answer, 422, "validation")) == ["/where"]
    answer = await client.post(f"/v1/{kind.path}/query", json={"filter": {"nope": {"eq": 1}}})
    assert pointers(problem(answer, 422, "invalid_filter")) == ["/filter/nope"]


MISTAKEN = [{"sort": ["nope"]}, {"cursor": "nope"}, {"fields": ["nope"]}, {"include": ["nope"]}]


async def test_mistakes_of_a_query_body_have_pointers(client, kind, subtests):
    for body in MISTAKEN:
        with subtests.test(msg=str(body)):
            found = problem(await client.post(f"/v1/{kind.path}/query", json=body), 422)
            assert [fault.get("pointer") for fault in found["errors"]] == [
                f"/{name}" for name in body
            ]
