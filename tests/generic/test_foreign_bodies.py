"""Ids of another organization in bodies, however deep: as good as those of nothing at all."""

import re

from support.foreign import (
    ABSENT,
    Own,
    Shapes,
    filled,
    operations,
    rows_with,
    slots_of,
    slotted,
    state_of,
    told,
)

# Lines have the ids that whoever writes them gives them.
FREE = re.compile(r"lines\.id$")
READS = {"calculate", "check", "discover", "evaluate", "preview", "query", "resolve", "simulate"}


def base(kind, least, method, path, example):
    """A body that would be good, and its parameters."""
    end = path.removeprefix(f"/v1/{kind.path}") if kind else path
    if kind and method == "patch":
        return {}, {}
    if end == "/bulk":
        return {"items": [least]}, {}
    if end == "/upsert":
        return {**least, "external_ids": {"legacy": "152"}}, {"match": "external_id"}
    if end in {"", "/by-external/{source}/{external_id}"}:
        return least, {}
    return slotted(example), {}


async def attacked(client, owner, kind, operation, shapes, own, theirs):
    """Have each id of a body be one of theirs in turn; how many were tried."""
    path, method, described = operation
    sent = described.get("requestBody", {}).get("content", {}).get("application/json")
    if sent is None:
        return 0
    tried, made = 0, None
    least = await kind.factory.least(client) if kind else None
    body, params = base(kind, least, method, path, sent.get("example"))
    for variant in shapes.holding(sent["schema"], body):
        (slot,) = (found for found in slots_of(variant) if found.is_theirs)
        if FREE.search(slot.at):
            continue
        if made is None:
            made = (await kind.make(client))["id"] if kind and "{id}" in path else ABSENT
        url = re.sub(r"\{[a-z_]+\}", "legacy", path.replace("{id}", made))
        beside = await own.beside(variant, kind)
        for of in slot.kinds(kind):
            foreign = theirs[of.name]["id"]
            answers = []
            for id in (foreign, ABSENT):
                # Failed logins before are told (429), whatever is asked for.
                await owner.execute("DELETE FROM login_attempts")
                json = filled(variant, {**beside, slot: id})
                answers.append(await client.request(method, url, json=json, params=params))
            assert answers[0].status_code < 500, (method, url, slot, answers[0].text)
            if answers[0].status_code >= 400 or path.rpartition("/")[2] in READS:
                said = [told(answer, [foreign]) for answer in answers]
                assert said[0] == said[1], (method, url, slot)
            tried += 1
    return tried


async def test_ids_in_bodies_reach_nothing(openapi, client, kind, theirs, owner, org, their_org):
    before = await state_of(owner, their_org)
    shapes, own = Shapes(openapi), Own(client)
    for operation in operations(openapi, kind):
        await attacked(client, owner, kind, operation, shapes, own, theirs)
    assert await rows_with(owner, org, [record["id"] for record in theirs.values()]) == []
    assert await state_of(owner, their_org) == before


async def test_ids_in_other_bodies_reach_nothing(openapi, client, theirs, owner, org, their_org):
    before = await state_of(owner, their_org)
    shapes, own, tried = Shapes(openapi), Own(client), 0
    for operation in operations(openapi):
        tried += await attacked(client, owner, None, operation, shapes, own, theirs)
    assert tried > 50
    assert await rows_with(owner, org, [record["id"] for record in theirs.values()]) == []
    assert await state_of(owner, their_org) == before
