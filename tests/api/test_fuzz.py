"""Random input: whatever comes in, no answer is a 5xx."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.query.filters import OPERATORS
from crm_api.kit.query.totals import QUANTIFIERS
from support.factories import KINDS

NAMES = sorted({name for kind in KINDS for name in kind.listing.shown} | {"email", "token", "and"})
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec=None), max_size=30)
    | st.sampled_from(["@me", "@now-7d", "@today", "a@example.com", "+4930901820", "DE", "EUR"])
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    | st.uuids().map(str)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=6) | values
words = sorted({o for known in OPERATORS.values() for o in known} | set(QUANTIFIERS))
keys = st.sampled_from(
    [*NAMES, *words, "company", "employments", "parent", "children", "or", "not"]
)
filters = st.recursive(
    scalars,
    lambda inner: (
        st.dictionaries(keys, inner, min_size=1, max_size=3) | st.lists(inner, max_size=3)
    ),
    max_leaves=10,
)
paths = st.lists(keys, min_size=1, max_size=4).map(
    lambda parts: "filter" + "".join(f"[{part}]" for part in parts)
)


async def ok(answer) -> None:
    assert answer.status_code < 500, (answer.status_code, answer.text[:500])


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(body=bodies)
async def test_random_bodies(client, kind, body):
    content = json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    await ok(await client.post(f"/v1/{kind.path}", content=content, headers=headers))
    await ok(await client.post(f"/v1/{kind.path}/query", content=content, headers=headers))


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(bodies=st.lists(bodies, min_size=1, max_size=4))
@settings(max_examples=20)
async def test_random_patches(client, kind, bodies):
    made = await kind.make(client)
    for body in bodies:
        content = json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        path = f"/v1/{kind.path}/{made['id']}"
        await ok(await client.patch(path, content=content, headers=headers))


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(filter=filters)
@settings(max_examples=80)
async def test_random_filters(client, kind, filter):
    content = json.dumps({"filter": filter}).encode()
    headers = {"content-type": "application/json"}
    await ok(await client.post(f"/v1/{kind.path}/query", content=content, headers=headers))


@pytest.mark.parametrize("kind", KINDS, ids=str)
@given(params=st.dictionaries(paths, st.text(max_size=12), max_size=3), sort=st.sampled_from(NAMES))
async def test_random_query_strings(client, kind, params, sort):
    await ok(await client.get(f"/v1/{kind.path}", params={**params, "sort": sort}))


@given(document=st.text(max_size=60) | st.sampled_from(["{", "query", "{ a }"]), variables=values)
async def test_random_documents(client, document, variables):
    body = json.dumps({"query": document, "variables": variables}).encode()
    headers = {"content-type": "application/json"}
    await ok(await client.post("/graphql", content=body, headers=headers))
