"""Experiments of campaigns by mail: who was really sent something, what they did, and the rest."""

import asyncio
from collections import Counter
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from scipy import stats

from crm_api.domains.campaigns.deciding import look
from crm_api.domains.mailings.claiming import Result, finish
from crm_api.domains.mailings.preparing import Preparing
from crm_api.domains.mailings.progress import happen
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from domains.mailings.test_campaigns import campaign_to, members_of, moved
from support.campaigns import done
from support.clients import tx_of
from support.mailings import CONTENT, mailing, reader, sends_of, settled
from support.members import custom_role, member
from support.segments import track

SPLIT = [{"key": "A"}, {"key": "B"}]
CONTENTS = [{**CONTENT, "variant": key, "subject": f"This is {key}"} for key in "AB"]


async def experiment(client, *people, **more):
    """A campaign that was launched with a mailing, and its members."""
    campaign = await campaign_to(client, *people, variants=SPLIT, **more)
    made = await mailing(client, *CONTENTS, campaign_id=campaign["id"])
    await moved(client, campaign, "launch")
    return campaign["id"], made, await members_of(client, campaign)


async def claimed(database, org, made, most=50):
    """What somebody who sends would hand over, and for whom."""
    async with unit_of_work(tx_of(database, org)) as tx:
        ready, _ = await Preparing(tx, "https://crm.example.com").next(UUID(made["id"]), most)
    return ready


async def left(database, org, ready):
    """Have these have left."""
    async with unit_of_work(tx_of(database, org)) as tx:
        await finish(tx, [Result(one.held, "sent") for one in ready])


async def test_arms_are_those_who_were_really_sent_something(client, org, world, worker):
    people = [await reader(client) for _ in range(14)]
    barred = {one["id"] for one in people[:3]}
    for one in people[:3]:
        await client.made("suppressions", {"kind": "email", "value": one["address"]})
    id, made, members = await experiment(client, *people, holdout_percent=10)
    sends = await settled(client, made)
    sent = {
        key: [s["id"] for s in sends if s["variant"] == key and s["status"] == "sent"]
        for key in "AB"
    }
    frozen = Counter(one["variant"] for one in members.values())
    refused = Counter(members[one]["variant"] for one in barred)
    assert [frozen[key] - len(sent[key]) for key in "AB"] == [refused[key] for key in "AB"]
    # The lot has few in an arm now and then.
    many = {"A": 1, "B": min(4, len(sent["B"]))}
    opened = [UUID(one) for key in "AB" for one in sent[key][: many[key]]]
    async with unit_of_work(tx_of(world.database, org)) as tx:
        await happen(tx, opened, "opened")
        await happen(tx, opened[:1], "clicked")
    told = await done(client, id, "evaluate", conversion="mail_opened", lift=0.2)
    arms = {one["key"]: one for one in told["arms"]}
    assert told["reached_by"] == "sends"
    for key, number in many.items():
        of, whole = len(sent[key]), frozen[key]
        assert (arms[key]["reached"], arms[key]["reached_conversions"]) == (of, number)
        assert arms[key]["reached_rate"] == pytest.approx(number / of)
        assert (arms[key]["frozen"], arms[key]["frozen_conversions"]) == (whole, number)
        interval = cast("Any", stats).binomtest(number, of).proportion_ci(method="wilson")
        assert (arms[key]["low"], arms[key]["high"]) == pytest.approx(tuple(interval))
    reached = [len(sent[key]) for key in "AB"]
    tests = cast("Any", stats)
    assert told["sample_ratio_p"] == pytest.approx(tests.chisquare(reached).pvalue)
    whole = [frozen[key] for key in "AB"]
    assert told["frozen_sample_ratio_p"] == pytest.approx(tests.chisquare(whole).pvalue)
    table = [[many[key], len(sent[key]) - many[key]] for key in "AB"]
    expected = tests.chi2_contingency(table, correction=False).pvalue
    assert told["comparisons"][0]["p"] == pytest.approx(expected)
    # Who is held out opens nothing: that is no uplift.
    assert told["holdout"] is None
    told = await done(client, id, "evaluate", conversion="mail_clicked")
    assert [one["reached_conversions"] for one in told["arms"]] == [1, 0]
    told = await done(client, id, "evaluate", event="bought")
    assert told["holdout"]["frozen"] == 1


async def test_a_rule_ends_an_experiment_and_the_rest_gets_what_won(client, org, world):
    rule = {"conversion": "mail_opened", "min_per_arm": 4, "min_days": 1, "max_days": 1}
    # Each at a domain of its own, so that none waits for the others.
    people = [await reader(client, address=f"a@{uuid4().hex}.example.org") for _ in range(20)]
    split = {**rule, "alpha": 0.2, "winner_for_rest": True}
    id, made, _ = await experiment(client, *people, stop_rule=split)
    first: list[Any] = []
    while min(Counter(one.variant for one in first).get(key, 0) for key in "AB") < 4:
        (one,) = await claimed(world.database, org, made, 1)
        first.append(one)
    # What is held by somebody who sends already leaves as it is.
    under_way = await claimed(world.database, org, made, 1)
    await left(world.database, org, first)
    async with unit_of_work(tx_of(world.database, org)) as tx:
        await happen(tx, [one.held.id for one in first if one.variant == "B"], "opened")
    async with unit_of_work(tx_of(world.database, org)) as tx:
        assert await look(tx, UUID(id), 0)
    decision = (await client.read(f"campaigns/{id}"))["decision"]
    assert (decision["variant"], decision["reason"]) == ("B", "significant")
    assert decision["winner_for_rest"]
    numbers = {one["key"]: one["number"] for one in decision["statistics"]["arms"]}
    assert numbers == Counter(one.variant for one in first)
    (event,) = await client.told(id, 1, types="campaign.experiment_decided")
    assert event["data"]["decision"]["winner_for_rest"]
    # Several workers at once: each mail is one's, and says what won.
    found = await asyncio.gather(*(claimed(world.database, org, made, 10) for _ in range(3)))
    rest = [one for ready in found for one in ready]
    assert {one.variant for one in rest} == {"B"}
    assert {one.letter.subject for one in rest} == {"This is B"}
    whole = [one.held.id for one in (*first, *under_way, *rest)]
    assert len(set(whole)) == len(whole) == len(people)
    await left(world.database, org, [*under_way, *rest])
    assert {one["status"] for one in await sends_of(client, made)} <= {"sent", "opened"}
    # What was decided by is what is told from then on.
    told = await done(client, id, "evaluate", conversion="mail_opened")
    assert {one["key"]: one["reached"] for one in told["arms"]} == numbers
    assert [one["frozen"] for one in told["arms"]] == [10, 10]


async def test_what_leaves_after_a_decision_is_no_part_of_the_experiment(client, org, world):
    people = [await reader(client, address=f"a@{uuid4().hex}.example.org") for _ in range(60)]
    id, made, _ = await experiment(client, *people)
    held: list[Any] = []
    while min(Counter(one.variant for one in held)[key] for key in "AB") < 6:
        held += await claimed(world.database, org, made, 1)
    first = [one for key in "AB" for one in [h for h in held if h.variant == key][:6]]
    await left(world.database, org, first)
    async with unit_of_work(tx_of(world.database, org)) as tx:
        await happen(tx, [one.held.id for one in first if one.variant == "B"], "opened")
    asked = {"conversion": "mail_opened", "lift": 0.9}
    before = await done(client, id, "evaluate", **asked)
    await done(client, id, "decide", variant="B", winner_for_rest=True)
    rest = await claimed(world.database, org, made, 60)
    assert {one.variant for one in rest} == {"B"}
    later = [one for one in (*held, *rest) if one not in first]
    await left(world.database, org, later)
    async with unit_of_work(tx_of(world.database, org)) as tx:
        await happen(tx, [one.held.id for one in (*first[:2], *later)], "opened")
    told = await done(client, id, "evaluate", **asked)
    arms = ("key", "reached", "reached_conversions", "reached_rate")
    shown = [[one[name] for name in arms] for one in told["arms"]]
    assert shown == [["A", 6, 0, 0.0], ["B", 6, 6, 1.0]]
    for name in ("sample_ratio_p", "comparisons", "verdict"):
        assert told[name] == before[name]
    assert (told["sample_ratio_p"], told["verdict"]) == (1.0, "different")
    # The audience as it was frozen tells all of it.
    assert sum(one["frozen_conversions"] for one in told["arms"]) == 6 + 2 + len(later)


async def test_what_was_done_before_the_mail_left_is_none_of_its_doing(client, org, world):
    people = [await reader(client) for _ in range(4)]
    id, made, members = await experiment(client, *people)
    early, late = [one for one, member in members.items() if member["variant"] == "A"]
    ready = await claimed(world.database, org, made)
    await track(client, {"name": "bought", "contact_id": early})
    await left(world.database, org, ready)
    await track(client, {"name": "bought", "contact_id": late})
    told = (await done(client, id, "evaluate", event="bought"))["arms"]
    assert [(one["reached"], one["reached_conversions"]) for one in told] == [(2, 1), (2, 0)]
    assert [(one["frozen"], one["frozen_conversions"]) for one in told] == [(2, 2), (2, 0)]
    await track(client, {"name": "bought", "contact_id": early})
    told = (await done(client, id, "evaluate", event="bought"))["arms"]
    assert told[0]["reached_conversions"] == 2


async def test_who_may_not_read_mailings_is_not_told_who_was_reached(client, org, world):
    people = [await reader(client) for _ in range(4)]
    rule = {"event": "bought", "min_per_arm": 1, "min_days": 1, "max_days": 1}
    id, made, members = await experiment(client, *people, stop_rule=rule)
    ready = await claimed(world.database, org, made)
    await left(world.database, org, [one for one in ready if one.variant == "A"][:1])
    for one in members:
        await track(client, {"name": "bought", "contact_id": one})
    none = dict.fromkeys(("read", "create", "update", "delete"), "none")
    levels = {"*": dict.fromkeys(none, "all"), "mailings": none}
    one = await member(client, await custom_role(client, levels=levels))
    for api, by, reached in ((client, "sends", [1, 0]), (one.api, "audience", [2, 2])):
        told = await done(api, id, "evaluate", event="bought")
        assert told["reached_by"] == by
        for name in ("reached", "reached_conversions"):
            assert [arm[name] for arm in told["arms"]] == reached
    # A rule looks at what was sent, whoever has launched.
    actor = Actor(org.id, "system", scopes=frozenset({"campaigns:write", "behaviour:read"}))
    async with unit_of_work(Tx(world.database, actor)) as tx:
        assert await look(tx, UUID(id), 0)
    decision = (await client.read(f"campaigns/{id}"))["decision"]
    assert [one["number"] for one in decision["statistics"]["arms"]] == [1, 0]


async def test_without_the_setting_each_gets_their_own_variant(client, org, world):
    people = [await reader(client) for _ in range(6)]
    id, made, members = await experiment(client, *people)
    decided = await done(client, id, "decide", variant="A")
    assert decided["decision"]["winner_for_rest"] is False
    ready = await claimed(world.database, org, made)
    assert Counter(one.variant for one in ready) == {"A": 3, "B": 3}
    assert all(one["variant"] in "AB" for one in members.values())


async def test_somebody_decides_for_the_rest_as_well(client, org, world):
    people = [await reader(client) for _ in range(6)]
    id, made, _ = await experiment(client, *people)
    await done(client, id, "decide", variant="A", winner_for_rest=True)
    assert {one.variant for one in await claimed(world.database, org, made)} == {"A"}


async def test_without_a_mailing_all_of_the_audience_counts_as_reached(client):
    campaign = await campaign_to(client, *[await reader(client) for _ in range(4)], variants=SPLIT)
    await moved(client, campaign, "launch")
    told = await done(client, campaign["id"], "evaluate", event="bought")
    assert told["reached_by"] == "audience"
    assert [(one["reached"], one["frozen"]) for one in told["arms"]] == [(2, 2), (2, 2)]
