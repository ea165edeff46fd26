"""Finding records of all kinds by words: what matches, what comes first, what is refused."""

import pytest

from support.clients import pointers, problem


async def found(client, q, **params):
    """The titles of the results in their order."""
    return [hit["title"] for hit in (await client.read("search", q=q, **params))["data"]]


async def person(client, name, **more):
    first, _, last = name.partition(" ")
    return await client.made("contacts", {"first_name": first, "last_name": last or None, **more})


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("Иван Иванов", "Ivanov"),
        ("Иван Иванов", "Iwanow"),
        ("Ivan Ivanov", "Иванов Иван"),
        ("Фёдор Ёлкин", "федор елкин"),
        ("Фёдор Ёлкин", "Fyodor Yolkin"),
        ("Юлия Щербакова", "Yulia Shcherbakova"),
        ("Jürgen Müller", "juergen mueller"),
        ("Juergen Mueller", "Jürgen Müller"),
        ("Jürgen Müller", "JURGEN MULLER"),
        ("Sinead O'Brien", "obrien"),
        ("Sinead O'Brien", "brien sin"),
        ("Anne-Marie Smith", "marie"),
    ],
)
async def test_names_are_found_in_any_usual_spelling(client, stored, asked):
    await person(client, stored)
    await person(client, "Somebody Else")
    assert await found(client, asked) == [stored]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("Katherine Johnson", "Kathrine Jonson"),
        ("Katherine Johnson", "Johnosn"),
        ("Екатерина Иванова", "Екатерена Ивонова"),
        ("Екатерина Иванова", "Ivanva"),
        ("Jürgen Schneider", "Schnieder"),
        ("Anna Smith", "Anan Smith"),
        ("Anna Smith", "Amna"),
    ],
)
async def test_typing_mistakes_are_forgiven(client, stored, asked):
    await person(client, stored)
    await person(client, "Somebody Else")
    assert await found(client, asked) == [stored]
    listed = await client.read("contacts", q=asked)
    assert [row["name"] for row in listed["data"]] == [stored]
    sorted_list = await client.read("contacts", q=asked, sort="name", count="exact")
    assert [row["name"] for row in sorted_list["data"]] == [stored]
    assert sorted_list["total"] == 1
    assert await found(client, asked, mode="typeahead") == [stored]


async def test_mistakes_are_thought_of_only_in_doubt(client):
    for n in range(3):
        await person(client, f"Martin Peters{chr(97 + n)}")
    await person(client, "Marten Else")
    assert await found(client, "Martin Petersa") == ["Martin Petersa"]
    assert await found(client, "Marten") == ["Marten Else"]
    assert await found(client, "Mart") == ["Marten Else", *[f"Martin Peters{c}" for c in "cba"]]
    # Each of the words is somebody's name, but not together.
    assert await found(client, "Marten Petersb") == [f"Martin Peters{c}" for c in "cba"]
    assert await found(client, "Petersd") == [f"Martin Peters{c}" for c in "cba"]
    await person(client, "Else Petersdorf")
    assert await found(client, "Petersd", mode="typeahead") == ["Else Petersdorf"]
    assert len(await found(client, "Petersd")) == 4


@pytest.mark.parametrize(
    "asked",
    [
        "+49 30 231",
        "+4930231",
        "0049 30 231125",
        "030 231 125",
        "(030) 231-125",
        "030231",
        "30 231125",
        "231125",
        "1125",
        "+49 (0)30 231125",
    ],
)
async def test_numbers_are_found_by_their_parts(client, asked):
    await person(client, "Anna Smith", phones=[{"value": "+49 30 231125"}])
    await person(client, "Else Where", phones=[{"value": "+49 171 5550199"}])
    assert await found(client, asked) == ["Anna Smith"]
    [hit] = (await client.read("search", q=asked))["data"]
    assert {"field": "phones", "snippet": "<mark>+4930231125</mark>"} in hit["highlights"]


@pytest.mark.parametrize(
    "asked",
    [
        "jo.sample@mail.acme.example",
        "JO.Sample@Mail.Acme.Example",
        "jo.sample@",
        "jo.sample@mail.ac",
        "@mail.acme.example",
        "acme.example",
        "@acme",
        "acme jo",
        "sample",
    ],
)
async def test_addresses_are_found_whole_and_by_their_parts(client, asked):
    await person(client, "Somebody", email="jo.sample@mail.acme.example")
    await person(client, "Else", email="else@other.example")
    assert await found(client, asked) == ["Somebody"]


async def test_ids_in_other_systems_and_own_ids_are_found(client):
    made = await person(client, "Anna", external_ids={"hubspot": "HS-00151/a"})
    await person(client, "Else", external_ids={"hubspot": "HS-00152/a"})
    for asked in ("hubspot:HS-00151/a", "HS-00151/a", "hs 00151", made["id"]):
        assert await found(client, asked) == ["Anna"], asked


async def test_what_is_meant_comes_first(client):
    await client.made("companies", {"name": "Example Works", "domains": ["anna.example"]})
    await person(client, "Annabel Smith")
    await person(client, "Anna Maria", title="Buyer")
    await person(client, "Peter Smith", title="Friend of Anna")
    await person(client, "Anna")
    await person(client, "Anna Young")
    wanted = ["Anna", "Anna Young", "Anna Maria", "Peter Smith", "Example Works", "Annabel Smith"]
    page = (await client.read("search", q="anna"))["data"]
    assert [hit["title"] for hit in page] == wanted
    assert [hit["score"] for hit in page] == [1.0, 0.9, 0.9, 0.8, 0.8, 0.7]
    assert [hit["type"] for hit in page].index("company") == 4
    for limit in (1, 2, 4):
        walked, cursor = [], {}
        while True:
            part = await client.read("search", q="anna", limit=limit, **cursor)
            walked += [hit["title"] for hit in part["data"]]
            if part["next_cursor"] is None:
                break
            cursor = {"cursor": part["next_cursor"]}
        assert walked == wanted


async def test_whole_names_and_values_come_before_all(client):
    for name in ("Acme", "Acme Holding", "The Acme"):
        await client.made("companies", {"name": name, "domains": [f"{name[-4:].lower()}.example"]})
    assert (await found(client, "acme"))[0] == "Acme"
    assert (await found(client, "ding.example"))[0] == "Acme Holding"
    await person(client, "Smith Anna")
    await person(client, "Anna Smith", phones=[{"value": "+49 30 231125"}])
    await person(client, "Anna Maria Smith")
    page = (await client.read("search", q="Anna Smith"))["data"]
    assert [(hit["title"], hit["score"]) for hit in page] == [
        ("Anna Smith", 1.0),
        ("Smith Anna", 1.0),
        ("Anna Maria Smith", 0.9),
    ]
    [whole] = (await client.read("search", q="030 231125"))["data"]
    assert whole["score"] == 1.0


async def test_results_say_what_was_found_where(client):
    made = await person(
        client,
        "Anna <b>Smith</b>",
        title="Head of Sales & Söhne",
        email="anna@acme.example",
        tags=["vip"],
        description=f"{'long ago ' * 40}she met Müller & Sons {'and then ' * 40}",
    )
    [hit] = (await client.read("search", q="anna smith mueller"))["data"]
    assert hit["type"] == "contact"
    assert hit["id"] == made["id"]
    assert hit["title"] == made["name"]
    assert hit["subtitle"] == "Head of Sales & Söhne"
    marked = {h["field"]: h["snippet"] for h in hit["highlights"]}
    assert marked["first_name"] == "<mark>Anna</mark>"
    assert marked["last_name"] == "&lt;b&gt;<mark>Smith</mark>&lt;/b&gt;"
    assert marked["emails"] == "<mark>anna</mark>@acme.example"
    assert "<mark>Müller</mark> &amp; Sons" in marked["description"]
    assert marked["description"].startswith("…")
    assert marked["description"].endswith("…")
    assert len(marked["description"]) < 220
    [hit] = (await client.read("search", q="ann vip", mode="typeahead"))["data"]
    assert [h["field"] for h in hit["highlights"]] == ["first_name"]
    [hit] = (await client.read("search", q="Smiht"))["data"]
    assert hit["highlights"][0]["snippet"] == "&lt;b&gt;<mark>Smith</mark>&lt;/b&gt;"


async def test_results_follow_the_records(client):
    made = await person(client, "Anna Smith")
    await client.changed(f"contacts/{made['id']}", {"last_name": "Young"})
    assert await found(client, "smith") == []
    assert await found(client, "young") == ["Anna Young"]
    await client.delete(f"/v1/contacts/{made['id']}")
    assert await found(client, "young") == []
    await client.post(f"/v1/contacts/{made['id']}/restore")
    assert await found(client, "yuong") == ["Anna Young"]
    other = await person(client, "Ann Younger", email="ann@acme.example")
    body = {"winner_id": made["id"], "loser_ids": [other["id"]]}
    merge = await client.made("contacts/merge", body)
    assert await found(client, "acme") == ["Anna Young"]
    await client.post(f"/v1/merges/{merge['id']}/undo")
    assert await found(client, "acme") == ["Ann Younger"]


async def test_types_narrow_the_search(client):
    await person(client, "Anna Example")
    await client.made("companies", {"name": "Example"})
    assert sorted(await found(client, "example")) == ["Anna Example", "Example"]
    assert await found(client, "example", types="contact") == ["Anna Example"]
    assert await found(client, "example", types="company,company") == ["Example"]
    graph = '{ search(q: "example", types: ["company"]) { nodes { title type score } } }'
    nodes = (await client.data(graph))["search"]["nodes"]
    assert nodes == [{"title": "Example", "type": "company", "score": 1.0}]


async def test_only_what_may_be_read_is_found(client, keyed):
    await person(client, "Anna Example")
    await client.made("companies", {"name": "Example"})
    one = await keyed("companies:read")
    assert await found(one, "example") == ["Example"]
    problem(await one.get("/v1/search?q=x&types=contact"), 403, "insufficient_scope")
    problem(await (await keyed("events:read")).get("/v1/search?q=x"), 403)


async def test_nothing_of_others_is_found(client, other):
    await person(client, "Unmistakable Person", phones=[{"value": "+49 30 231125"}])
    for asked in ("Unmistakable", "Unmistakabel", "231125", "person"):
        assert await found(other, asked) == [], asked
        assert await found(client, asked) == ["Unmistakable Person"], asked
    await person(other, "Other Person")
    assert await found(other, "prson") == ["Other Person"]
    cursor = None
    await person(client, "Second Person")
    cursor = (await client.read("search", q="person", limit=1))["next_cursor"]
    answer = await other.get("/v1/search", params={"q": "person", "limit": 1, "cursor": cursor})
    problem(answer, 422, "cursor_mismatch")


@pytest.mark.parametrize(
    ("params", "code", "place"),
    [
        ({}, "validation", "q"),
        ({"q": ""}, "no_words", "q"),
        ({"q": " \0 '&|!:*() "}, "no_words", "q"),
        ({"q": "x" * 201}, "validation", "q"),
        ({"q": "x", "types": "contact,planet"}, "unknown_type", "types"),
        ({"q": "x", "types": "employment"}, "unknown_type", "types"),
        ({"q": "x", "mode": "quick"}, "validation", "mode"),
        ({"q": "x", "limit": 0}, "validation", "limit"),
        ({"q": "x", "limit": 101}, "validation", "limit"),
        ({"q": "x", "cursor": "nonsense"}, "invalid_cursor", "cursor"),
        ({"q": "x", "filter[name]": "x"}, "unknown_parameter", "filter[name]"),
    ],
)
async def test_wrong_questions_are_errors_with_their_place(client, params, code, place):
    assert pointers(problem(await client.get("/v1/search", params=params), 422, code)) == [place]


@pytest.mark.parametrize(
    "asked",
    [
        "a' | 'b",
        "\\' x",
        "a:*B & !b <-> c",
        "''''''",
        "x\0y",
        "$1 %s {x} %(y)s",
        "0" * 200,
        "+" * 100 + "1",
        "1 " * 100,
        "a@b.c " * 30,
        "😀 x",
        "\u0301\u0301x",
        "ﷺ" * 60,
        "...a.b.c...",
        "-- ;DROP TABLE contacts",
        "щ" * 200,
    ],
)
async def test_nothing_that_is_typed_is_more_than_words(client, asked):
    for path in ("search", "contacts"):
        answer = await client.get(f"/v1/{path}", params={"q": asked})
        assert answer.status_code in {200, 422}, answer.text
    answer = await client.get("/v1/contacts", params={"q": asked, "sort": "name", "count": "exact"})
    assert answer.status_code in {200, 422}, answer.text


async def test_the_bin_is_not_searched(client):
    for how in ("only", "include"):
        answer = await client.get(f"/v1/contacts?q=x&deleted={how}")
        assert pointers(problem(answer, 422, "not_searchable")) == ["deleted"]


async def test_graphql_finds_the_same(client):
    company = await client.made("companies", {"name": "Anna Works"})
    for n in range(4):
        await person(client, f"Anna Smith{n}", company_id=company["id"])
    rest = await client.read("search", q="anna", limit=3)
    document = """query ($q: String!, $after: String) {
      search(q: $q, first: 3, after: $after) {
        edges { cursor node { id } }
        nodes { type id title subtitle score highlights { field snippet }
          node { id __typename ... on Contact { name company { name } } } }
        pageInfo { hasNextPage endCursor }
      } }"""
    page = (await client.data(document, q="anna"))["search"]
    nodes = page["nodes"]
    for node, hit in zip(nodes, rest["data"], strict=True):
        record = node.pop("node")
        assert record["id"] == hit["id"]
        assert record["__typename"] == "Contact"
        assert record["company"] == {"name": "Anna Works"}
    assert nodes == rest["data"]
    assert page["pageInfo"]["hasNextPage"]
    after = page["pageInfo"]["endCursor"]
    rest = await client.read("search", q="anna", limit=3, cursor=rest["next_cursor"])
    page = (await client.data(document, q="anna", after=after))["search"]
    assert [node["id"] for node in page["nodes"]] == [hit["id"] for hit in rest["data"]]
    assert not page["pageInfo"]["hasNextPage"]
    answer = await client.gql('{ search(q: "x", mode: "quick") { nodes { id } } }')
    assert answer["errors"][0]["extensions"]["code"] == "unknown_mode"
    answer = await client.gql('{ search(q: "x", types: ["planet"]) { nodes { id } } }')
    assert answer["errors"][0]["extensions"]["problem"]["errors"][0]["parameter"] == "types"
