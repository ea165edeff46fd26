"""A filter means the same everywhere: over REST in both ways, over GraphQL, and in plain Python."""

import json
from typing import NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from support.clients import Api, problem
from support.factories import KINDS
from support.filters import HOSTILE, Known, filters, holds, quantifiers
from support.graph import body_as_graph, camel
from support.transports import found_by


class Asked(NamedTuple):
    """Short to print, because hypothesis prints it with every example."""

    api: Api
    known: Known

    def __repr__(self) -> str:
        return "asked"


@pytest.fixture(scope="module")
async def asked(world):
    """A client of an organization with records of every kind, and all of them."""
    api = await world.client(await world.org())
    for kind in KINDS:
        rows = await kind.several(api)
        # A version beyond the first, and one in the bin that nobody must find.
        await api.changed(f"{kind.path}/{rows[0]['id']}", kind.factory.change)
        binned = await kind.make(api)
        await api.delete(f"/v1/{kind.path}/{binned['id']}")
    known = {k.entity: (await api.read(k.path, limit=200))["data"] for k in KINDS}
    return Asked(api, Known(known))


@given(data=st.data())
@settings(max_examples=60)
async def test_every_transport_finds_what_the_language_means(asked, kind, data):
    api, known = asked
    node = data.draw(filters(kind.listing, known))
    assume(quantifiers(node) <= 5)
    rows = known.of(kind.listing)
    wanted = [row["id"] for row in rows if holds(row, node, kind.listing, known)]
    async for transport, found in found_by(api, kind.path, kind.type, node):
        assert found == wanted, transport
    # Two-valued: what does not hold is all the rest, nulls or not.
    posted = await api.post(f"/v1/{kind.path}/query", json={"filter": {"not": node}, "limit": 200})
    rest = [row["id"] for row in posted.json()["data"]]
    assert sorted(rest + wanted) == sorted(row["id"] for row in rows)


@given(data=st.data())
@settings(max_examples=40)
async def test_pages_of_a_relation_are_filtered_alike(asked, kind, data):
    api, known = asked
    for relation in kind.listing.relations:
        if not relation.many:
            continue
        target = relation.target()
        node = data.draw(filters(target, known, 2))
        where = next(k for k in KINDS if k.listing is target).type
        document = (
            f"query($w: {where}Where) {{ {camel(kind.name)}(first: 200) {{ nodes {{ id "
            f"{camel(relation.name)}(where: $w) {{ totalCount nodes {{ id }} }} }} }} }}"
        )
        shown = await api.data(document, w=body_as_graph(node))
        for row in shown[camel(kind.name)]["nodes"]:
            own = next(r for r in known.of(kind.listing) if r["id"] == row["id"])
            wanted = [
                other["id"]
                for other in known.related(relation, own)
                if holds(other, node, target, known)
            ]
            page = row[camel(relation.name)]
            assert [other["id"] for other in page["nodes"]] == wanted
            assert page["totalCount"] == len(wanted)


async def test_hostile_names_are_nobody(asked, kind, subtests):
    """A name that is none: 422 with a pointer, wherever it stands, and nothing is lost."""
    api, known = asked
    path = f"/v1/{kind.path}"
    field = next(iter(kind.listing.fields))
    for text in HOSTILE:
        with subtests.test(msg=ascii(text)):
            for node in ({text: {"eq": "x"}}, {field: {text: "x"}}, {"not": {text: {}}}):
                found = problem(await api.post(f"{path}/query", json={"filter": node}), 422)
                assert found["errors"][0]["pointer"].startswith("/filter/")
            for relation in kind.listing.relations:
                node = {relation.name: {text: {"eq": "x"}}}
                problem(await api.post(f"{path}/query", json={"filter": node}), 422)
            for name in ("sort", "fields", "include", "cursor"):
                if text.strip(" ,"):
                    problem(await api.get(path, params={name: text}), 422)
            problem(await api.get(path, params={f"filter[{text}]": "x"}), 422)
            problem(await api.get(path, params={f"filter[{field}][{text}]": "x"}), 422)
            document = (
                f"query($o: [String!]) {{ {camel(kind.name)}(orderBy: $o) {{ nodes {{ id }} }} }}"
            )
            assert (await api.gql(document, o=[text]))["errors"][0]["extensions"]["problem"][
                "status"
            ] == 422
            where = f"query($w: {kind.type}Where) {{ {camel(kind.name)}(where: $w) {{ nodes {{ id }} }} }}"
            answer = await api.gql(where, w={text: {"eq": "x"}})
            assert answer["errors"][0]["extensions"]["code"] == "graphql_validation"
            listed = await api.read(kind.path, limit=200)
            assert json.dumps(listed["data"]) == json.dumps(known.of(kind.listing))
