"""Ids of another organization in arguments and inputs of GraphQL: as good as those of nothing."""

import re
from pathlib import Path

import pytest
from graphql import build_schema

from support.foreign import ABSENT, Own, filled, rows_with, slots_of, state_of, told
from support.foreign_graphql import Fields

# As in bodies (test_foreign_bodies.py).
FREE = re.compile(r"lines\.id$")


@pytest.fixture(scope="session")
def fields():
    """What can be asked over GraphQL, by what it is about."""
    return Fields(build_schema(Path("openapi/schema.graphql").read_text()))


async def attacked(client, kind, field, own, theirs):
    """Have each id that a field takes be one of theirs in turn; how many were tried."""
    tried = 0
    least = await kind.factory.least(client) if kind and field.makes else None
    for variables in field.holding(least):
        (slot,) = (found for found in slots_of(variables) if found.is_theirs)
        if FREE.search(slot.at):
            continue
        document, beside = field.document(variables), await own.beside(variables, kind)
        for of in slot.kinds(kind):
            said, foreign = [], theirs[of.name]["id"]
            for id in (foreign, ABSENT):
                given = filled(variables, {**beside, slot: id})
                answer = await client.post("/graphql", json={"query": document, "variables": given})
                assert answer.status_code < 500, (document, given, answer.text)
                said.append(told(answer, [foreign]))
            assert said[0] == said[1], (document, given)
            tried += 1
    return tried


async def test_ids_in_graphql_reach_nothing(client, kind, theirs, fields, owner, org, their_org):
    before = await state_of(owner, their_org)
    own, tried = Own(client), 0
    for field in fields.about(kind):
        tried += await attacked(client, kind, field, own, theirs)
    assert tried > 5
    assert await rows_with(owner, org, [record["id"] for record in theirs.values()]) == []
    assert await state_of(owner, their_org) == before


async def test_ids_in_the_rest_of_graphql_reach_nothing(
    client, theirs, fields, owner, org, their_org
):
    before = await state_of(owner, their_org)
    own, tried = Own(client), 0
    for field in fields.about(None):
        tried += await attacked(client, None, field, own, theirs)
    assert tried > 100
    assert await rows_with(owner, org, [record["id"] for record in theirs.values()]) == []
    assert await state_of(owner, their_org) == before
