"""Frozen audiences when people are merged, and when they are taken apart again."""

import asyncio
from itertools import combinations
from uuid import UUID, uuid4

import pytest

from crm_api.domains.campaigns.actions import CampaignActions
from crm_api.domains.campaigns.merging import Frozen, foremost
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.platform.merging.repository import merges_held
from crm_api.platform.merging.schemas import MergeInput
from crm_api.platform.merging.service import MergeService
from support.campaigns import campaign, done, members, person, segment

SPLIT = [{"key": "A"}, {"key": "B"}]


async def merged(client, winner, *losers):
    body = {"winner_id": winner, "loser_ids": list(losers)}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.is_success, answer.text
    return answer.json()["id"]


async def undone(client, merge):
    answer = await client.post(f"/v1/merges/{merge}/undo")
    assert answer.is_success, answer.text


async def audience(client, id):
    """What each member is."""
    return {
        one["contact_id"]: "holdout" if one["is_holdout"] else one["excluded_reason"] or "reached"
        for one in await members(client, id)
    }


async def launched(client, *people, **more):
    id = await campaign(client, await segment(client, *people), **more)
    await done(client, id, "launch")
    return id


async def test_whoever_is_left_is_in_the_audience_until_they_are_parted(client):
    one, other = [await person(client) for _ in range(2)]
    outside = await person(client)
    id = await launched(client, one, other)
    merge = await merged(client, outside, one)
    assert await audience(client, id) == {outside: "reached", other: "reached"}
    again = await merged(client, other, outside)
    assert await audience(client, id) == {other: "reached"}
    await undone(client, again)
    assert await audience(client, id) == {outside: "reached", other: "reached"}
    await undone(client, merge)
    assert await audience(client, id) == {one: "reached", other: "reached"}


async def test_who_was_held_out_stays_so_and_variants_come_back(client):
    people = [await person(client) for _ in range(8)]
    id = await launched(client, *people, holdout_percent=50, variants=SPLIT)
    before = {one["contact_id"]: one for one in await members(client, id)}
    held = [one for one in people if before[one]["is_holdout"]]
    reached = [one for one in people if one not in held]
    merges = [
        await merged(client, reached[0], held[0], reached[1]),
        await merged(client, held[1], reached[2]),
    ]
    now = {one["contact_id"]: one for one in await members(client, id)}
    assert set(now) == {reached[0], reached[3], *held[1:]}
    assert now[reached[0]]["is_holdout"], now[held[1]]["is_holdout"]
    assert now[reached[0]]["variant"] is None
    for merge in merges:
        await undone(client, merge)
    assert {one["contact_id"]: one for one in await members(client, id)} == before


async def test_merges_are_parted_in_whichever_order(client):
    """Of two merges into one contact the first is undone first."""
    people = [await person(client) for _ in range(4)]
    id = await launched(client, *people, holdout_percent=25)
    before = await audience(client, id)
    (held,) = [one for one in people if before[one] == "holdout"]
    left, first, *_ = [one for one in people if one != held]
    merges = [await merged(client, left, held), await merged(client, left, first)]
    assert (await audience(client, id))[left] == "holdout"
    await undone(client, merges[0])
    assert await audience(client, id) == {one: kind for one, kind in before.items() if one != first}
    await undone(client, merges[1])
    assert await audience(client, id) == before


async def test_what_was_decided_about_a_person_is_kept_and_what_a_record_lacked_is_not(client):
    barred, refused, reached = [
        await person(client),
        await person(client, agreed=False),
        await person(client),
    ]
    out = await segment(client, barred)
    listed = await segment(client, barred, refused, reached)
    id = await campaign(client, listed, exclude_segment_ids=[out])
    await done(client, id, "launch")
    before = {barred: "excluded_segment", refused: "no_consent", reached: "reached"}
    assert await audience(client, id) == before
    first = await merged(client, refused, reached)
    assert await audience(client, id) == {barred: "excluded_segment", refused: "reached"}
    second = await merged(client, refused, barred)
    assert await audience(client, id) == {refused: "excluded_segment"}
    await undone(client, second)
    await undone(client, first)
    assert await audience(client, id) == before


async def test_purged_people_leave_their_place_to_whom_they_became(client):
    one, left, other = [await person(client) for _ in range(3)]
    id = await launched(client, one, other)
    await merged(client, left, one)
    again = await merged(client, other, left)
    assert (await client.delete(f"/v1/contacts/{one}?purge=true")).status_code == 204
    assert await audience(client, id) == {other: "reached"}
    await undone(client, again)
    assert await audience(client, id) == {left: "reached", other: "reached"}


async def test_conversions_are_counted_once_by_the_arm_that_is_left(client):
    people = [await person(client) for _ in range(4)]
    id = await launched(client, *people, variants=SPLIT)
    found = {key: await members(client, id, variant=key) for key in "AB"}
    kept, dropped = (found[key][0]["contact_id"] for key in "AB")
    await merged(client, kept, dropped)
    deal = await client.made("deals", {"name": "Office", "contact_id": kept})
    assert (await client.post(f"/v1/deals/{deal['id']}/win", json={})).status_code == 200
    told = await done(client, id, "evaluate", conversion="deal_won")
    arms = [(one["key"], one["frozen"], one["frozen_conversions"]) for one in told["arms"]]
    assert arms == [("A", 2, 1), ("B", 1, 0)]


async def test_a_launch_and_a_merge_at_once_leave_nobody_under_the_old_id(client, app, org):
    """Nobody is frozen as whom a merge is just putting away, whichever of the two is first."""
    actor = Actor(org.id, "system", scopes=frozenset({"*"}))

    async def launch(id):
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            await CampaignActions(tx).go(UUID(id), "launch", None)

    async def merge(winner, loser):
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            data = MergeInput(winner_id=UUID(winner), loser_ids=[UUID(loser)])
            await MergeService(tx).merge("contact", data)

    for _ in range(8):
        winner, loser = [await person(client) for _ in range(2)]
        id = await campaign(client, await segment(client, loser))
        await asyncio.gather(merge(winner, loser), launch(id), return_exceptions=True)
        shown = await client.read(f"campaigns/{id}")
        expected = {winner: "reached"} if shown["status"] == "running" else {}
        assert await audience(client, id) == expected


async def test_a_launch_waits_for_a_merge_that_is_not_committed(client, app, org):
    actor = Actor(org.id, "system", scopes=frozenset({"*"}))
    winner, loser = [await person(client) for _ in range(2)]
    id = await campaign(client, await segment(client, loser, winner))

    async def launch():
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            await CampaignActions(tx).go(UUID(id), "launch", None)

    async def may_claim():
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            return await merges_held(tx)

    async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
        data = MergeInput(winner_id=UUID(winner), loser_ids=[UUID(loser)])
        await MergeService(tx).merge("contact", data)
        launching = asyncio.create_task(launch())
        await asyncio.sleep(0.3)
        assert not launching.done()
        # Nor is any mail claimed meanwhile.
        assert not await may_claim()
    await launching
    assert await may_claim()
    assert await audience(client, id) == {winner: "reached"}


HELD, BARRED = "holdout", "suppressed_segment"
ORDER = (BARRED, HELD, "reached", "no_consent", "address_unusable", "no_address")


def frozen(kind, number):
    variant = "A" if kind == "reached" else None
    reason = None if kind in {HELD, "reached"} else kind
    return Frozen(str(UUID(int=number)), variant, kind == HELD, reason)


@pytest.mark.parametrize(("first", "second"), list(combinations(ORDER, 2)))
def test_the_foremost_entry_counts_whoever_is_left(first, second):
    entries = [frozen(first, 1), frozen(second, 2)]
    for one in entries:
        assert foremost(entries, one.contact_id, ()) == entries[0]
        assert foremost(entries[::-1], one.contact_id, ()) == entries[0]


@pytest.mark.parametrize("kind", [*ORDER, "excluded_segment"])
def test_of_equal_entries_their_own_counts(kind):
    entries = [frozen(kind, number) for number in range(3)]
    for one in entries:
        assert foremost(entries, one.contact_id, ()) == one


@pytest.mark.parametrize("kind", ["excluded_segment", "held_out_above", "of_another_version"])
def test_what_no_record_lacked_was_decided_about_the_person(kind):
    entries = [frozen(kind, 1), *(frozen(other, n) for n, other in enumerate(ORDER[1:], 2))]
    for one in entries:
        assert foremost(entries[::-1], one.contact_id, ()) == entries[0]


def test_whoever_got_something_is_no_hold_out_but_barred_is_barred():
    held, reached, barred = [frozen(kind, n) for n, kind in enumerate((HELD, "reached", BARRED))]
    sent = {reached.contact_id}
    assert foremost([held, reached], held.contact_id, sent) == reached
    assert foremost([held, reached], held.contact_id, ()) == held
    assert foremost([held, reached, barred], held.contact_id, sent) == barred
    # Of two who were reached, what was sent tells the variant.
    other = Frozen(str(uuid4()), "B", is_holdout=False, excluded_reason=None)
    assert foremost([other, reached], other.contact_id, sent) == reached
    assert foremost([other, reached], other.contact_id, ()) == other
