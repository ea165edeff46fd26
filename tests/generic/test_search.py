"""Search in every collection that has one: in lists, with filters and sorts, and by itself."""

import asyncio
import random

import pytest

from crm_api.kit.query import search
from crm_api.kit.query.documents import texts_in
from crm_api.kit.values.names import forms_of, words_of
from support.clients import pointers, problem
from support.factories import KINDS
from support.graph import camel

SEARCHED = [kind for kind in KINDS if kind.listing.search is not None]
WORDS = ["alpha", "alpine", "beta", "Петров", "Müller", "gamma", "gam"]


@pytest.fixture(params=SEARCHED, ids=str)
def searched(request):
    return request.param


def words_in(row, fields):
    """What of a representation is indexed, by the plain rules: every form of every word."""
    texts = (text for name in fields for text in texts_in(row[name]))
    return {form for text in texts for word in words_of(text) for form in forms_of(word)}


def expected(rows, asked, fields):
    """The rows that have for each asked word one that begins like it, in one of its forms."""
    groups = [forms_of(word) for word in words_of(asked)]
    return [
        row
        for row in rows
        if all(any(w.startswith(f) for f in g for w in words_in(row, fields)) for g in groups)
    ]


async def body_of(client, searched, n, named, other=None):
    """A record of that name, with another word in a field that is no name."""
    least = await searched.factory.least(client)
    first = searched.listing.search.names[0]
    name = first if first in least else "last_name"
    more = {} if other is None else {"external_ids": {"example": f"{other} {n}"}}
    return {**least, name: named, **more}


async def several(client, searched, count=27):
    """Records with words of a few, so that each is frequent; some are in the bin."""
    draw = random.Random(7)
    rows = []
    for n in range(count):
        named = " ".join(draw.choices(WORDS, k=2))
        body = await body_of(client, searched, n, named, draw.choice(WORDS))
        rows.append(await client.made(searched.path, body))
    for row in rows[::9]:
        await client.delete(f"/v1/{searched.path}/{row['id']}")
    return [row for n, row in enumerate(rows) if n % 9]


async def walk(client, path, limit, **params):
    """All rows of a list, page by page."""
    rows, cursor = [], {}
    while True:
        page = await client.read(path, limit=limit, **params, **cursor)
        rows += page["data"]
        if page["next_cursor"] is None:
            return rows
        cursor = {"cursor": page["next_cursor"]}


@pytest.mark.parametrize("many", [2_000, 5], ids=["looked up", "walked"])
async def test_search_filter_and_sort_are_what_they_say(client, searched, monkeypatch, many):
    """The same rows as plain Python finds, however frequent a word is."""
    monkeypatch.setattr(search, "MANY", many)

    rows = await several(client, searched)
    fields = searched.listing.search.fields
    draw = random.Random(8)
    for asked in ["al", "gam", "petrov", "mueller", "g m"]:
        wanted = expected(rows, asked, fields)
        if len(wanted) < search.FEW:
            continue
        some = {row["id"] for row in draw.sample(rows, len(rows) // 3)}
        params = {"filter[id][in]": ",".join(some)}
        kept = [row for row in wanted if row["id"] in some]
        by_name = await walk(client, searched.path, 3, q=asked, sort="name,-created_at")
        assert sorted(row["id"] for row in by_name) == sorted(row["id"] for row in wanted), asked
        full = await client.read(searched.path, limit=200, q=asked, sort="name,-created_at")
        assert by_name == full["data"]
        for more in ({}, params):
            for sort in ({}, {"sort": "-updated_at"}):
                found = await walk(client, searched.path, 3, q=asked, **more, **sort)
                whole = wanted if not more else kept
                assert {row["id"] for row in found} == {row["id"] for row in whole}, (asked, more)
                assert len(found) == len(whole)
                counted = await client.read(
                    searched.path, limit=1, q=asked, count="exact", **more, **sort
                )
                assert counted["total"] == len(whole)


@pytest.mark.parametrize("many", [2_000, 5], ids=["looked up", "walked"])
async def test_relevance_is_the_same_on_any_page(client, searched, monkeypatch, many):
    monkeypatch.setattr(search, "MANY", many)

    rows = await several(client, searched)
    some = ",".join(row["id"] for row in rows[::2])
    for asked in ("al", "alpha", "gam beta"):
        for params in ({}, {"filter[id][in]": some}):
            full = await client.read(searched.path, limit=200, q=asked, **params)
            ids = [row["id"] for row in full["data"]]
            assert len(set(ids)) == len(ids)
            for limit in (1, 2, 7):
                walked = await walk(client, searched.path, limit, q=asked, **params)
                assert [row["id"] for row in walked] == ids, (asked, params, limit)


async def test_names_come_before_other_fields_and_the_newest_first(client, searched):
    told = [
        ("Else", "alpha"),
        ("Alphabet", None),
        ("Older Alpha", None),
        ("Newer Alpha", None),
        ("Else", "alphabetic"),
        ("Alpha", None),
    ]
    made = [
        (await client.made(searched.path, await body_of(client, searched, n, *each)))["id"]
        for n, each in enumerate(told)
    ]
    wanted = [made[n] for n in (5, 3, 2, 0, 1, 4)]
    listed = await client.read(searched.path, q="ALPHA")
    assert [row["id"] for row in listed["data"]] == wanted
    hits = await client.read("search", q="ALPHA", types=searched.entity)
    assert [row["id"] for row in hits["data"]] == wanted
    scores = [row["score"] for row in hits["data"]]
    assert scores == sorted(scores, reverse=True)
    plural = camel(searched.name)
    graph = f'{{ {plural}(search: "ALPHA") {{ nodes {{ id }} totalCount }} }}'
    page = (await client.data(graph))[plural]
    assert [node["id"] for node in page["nodes"]] == wanted
    assert page["totalCount"] == 6


async def test_relevance_has_cursors_of_its_own(client, searched):
    await several(client, searched, 12)
    first = await client.read(searched.path, q="al", limit=1)
    cursor = first["next_cursor"]
    for params in (
        {"q": "alp"},
        {"q": "al", "sort": "name"},
        {"q": "al", "filter[version]": "1"},
        {},
    ):
        answer = await client.get(f"/v1/{searched.path}", params={**params, "cursor": cursor})
        problem(answer, 422, "cursor_mismatch")
    body = {"q": "al", "cursor": cursor}
    queried = await client.post(f"/v1/{searched.path}/query", json=body)
    assert queried.status_code == 200
    again = await client.read(searched.path, q="al", cursor=cursor)
    assert queried.json()["data"] == again["data"]
    answer = await client.post(f"/v1/{searched.path}/query", json={"q": " . "})
    assert pointers(problem(answer, 422, "no_words")) == ["/q"]


async def test_records_made_at_once_are_all_found(client, searched, owner, org):
    """Nobody waits for another's words, and none is lost."""
    names = [f"Gemeinsam Einzeln{chr(97 + n)}" for n in range(20)]
    bodies = [await body_of(client, searched, n, name) for n, name in enumerate(names)]
    await asyncio.gather(*(client.made(searched.path, body) for body in bodies))
    assert len((await client.read(searched.path, q="gemeinsam"))["data"]) == 20
    assert len((await client.read(searched.path, q="gemeinsma"))["data"]) == 20
    noted = await owner.fetchval(
        "SELECT count(DISTINCT word) FROM search_words WHERE organization_id = $1 "
        "AND word LIKE 'einzeln%'",
        org.id,
    )
    assert noted == 20
