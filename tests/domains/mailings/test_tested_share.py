"""Experiments with a part of an audience: the others wait, and get what was decided."""

import asyncio
from collections import Counter
from uuid import UUID, uuid4

import pytest

from crm_api.domains.campaigns.deciding import look
from crm_api.domains.mailings.guarding import complete_if_done
from crm_api.domains.mailings.progress import happen
from crm_api.kit.db.tx import unit_of_work
from domains.mailings.test_campaigns import campaign_to, members_of, moved
from domains.mailings.test_experiments import CONTENTS, SPLIT, claimed, experiment, left
from support.campaigns import campaign, done
from support.clients import problem, tx_of
from support.mailings import did, mailing, reader, sends_of


async def crowd(client, number):
    """Readers, each at a domain of their own, so that none waits for the others."""
    return [await reader(client, address=f"a@{uuid4().hex}.example.org") for _ in range(number)]


async def is_done(database, org, made):
    """Whether a mailing is completed as it has nothing left to send."""
    async with unit_of_work(tx_of(database, org)) as tx:
        return await complete_if_done(tx, UUID(made["id"]))


def said(ready):
    return Counter((one.variant, one.letter.subject) for one in ready)


async def test_the_others_wait_and_get_what_was_decided(client, org, world):
    people = await crowd(client, 20)
    id, made, members = await experiment(client, *people, holdout_percent=10, test_percent=45)
    # Of 18 that are not held out.
    frozen = Counter((one["variant"], one["is_holdout"]) for one in members.values())
    assert frozen == {(None, True): 2, ("A", False): 4, ("B", False): 4, (None, False): 10}
    told = await client.read(f"campaigns/{id}/audience")
    assert (told["reached"], told["waiting"], told["holdout"]) == (18, 10, 2)
    waiting = [one for one, m in members.items() if m["variant"] is None and not m["is_holdout"]]
    # Nobody who waits is reached by hand.
    assert (await did(client, made, "send", contact_ids=waiting))["queued"] == 0
    assert (await did(client, made, "send", contact_ids=waiting, step="more"))["queued"] == 0
    first = await claimed(world.database, org, made)
    assert said(first) == {("A", "This is A"): 4, ("B", "This is B"): 4}
    await left(world.database, org, first)
    assert not await is_done(world.database, org, made)
    results = await client.read(f"campaigns/{id}/results")
    assert [(one["key"], one["members"]) for one in results["variants"]] == [("A", 4), ("B", 4)]
    assert results["uplift"]["members"] == 8
    before = await done(client, id, "evaluate", conversion="mail_opened")
    await done(client, id, "decide", variant="B")
    rest = await claimed(world.database, org, made)
    assert {one.variant for one in rest} == {"B"}
    assert said(rest) == {("B", "This is B"): 10}
    await left(world.database, org, rest)
    sends = await sends_of(client, made)
    assert Counter(one["contact_id"] for one in sends) == Counter(
        one for one, m in members.items() if not m["is_holdout"]
    )
    assert {one["status"] for one in sends} == {"sent"}
    assert await is_done(world.database, org, made)
    # They are no part of the experiment.
    after = await done(client, id, "evaluate", conversion="mail_opened")
    assert after == before
    assert [(one["reached"], one["frozen"]) for one in after["arms"]] == [(4, 4), (4, 4)]
    told = await client.read(f"campaigns/{id}/audience")
    assert (told["reached"], told["waiting"], told["holdout"]) == (18, 0, 2)
    results = await client.read(f"campaigns/{id}/results")
    assert [(one["key"], one["members"]) for one in results["variants"]] == [
        *((None, 10), ("A", 4), ("B", 4)),
    ]
    assert results["uplift"]["members"] == 18


async def test_a_rule_decides_for_those_who_wait(client, org, world):
    rule = {"conversion": "mail_opened", "min_per_arm": 4, "min_days": 1, "max_days": 1}
    people = await crowd(client, 16)
    how = {"stop_rule": {**rule, "alpha": 0.2}, "test_percent": 50}
    id, made, _ = await experiment(client, *people, **how)
    first = await claimed(world.database, org, made)
    await left(world.database, org, first)
    async with unit_of_work(tx_of(world.database, org)) as tx:
        await happen(tx, [one.held.id for one in first if one.variant == "B"], "opened")
    async with unit_of_work(tx_of(world.database, org)) as tx:
        assert await look(tx, UUID(id), 0)
    assert (await client.read(f"campaigns/{id}"))["decision"]["variant"] == "B"
    found = await asyncio.gather(*(claimed(world.database, org, made, 10) for _ in range(3)))
    assert said(one for ready in found for one in ready) == {("B", "This is B"): 8}


async def test_a_mailing_that_is_paused_or_begins_later_has_them_too(client, org, world):
    people = await crowd(client, 8)
    id, paused, _ = await experiment(client, *people, test_percent=50)
    await did(client, paused, "pause")
    await done(client, id, "decide", variant="A")
    later = await mailing(client, *CONTENTS, campaign_id=id)
    await did(client, paused, "resume")
    await did(client, later, "start")
    for made in (paused, later):
        ready = await claimed(world.database, org, made)
        assert said(ready) == {("A", "This is A"): 6, ("B", "This is B"): 2}


async def test_none_is_forgotten_where_a_mailing_starts_as_it_is_decided(client, org, world):
    for _ in range(4):
        people = await crowd(client, 4)
        current = await campaign_to(client, *people, variants=SPLIT, test_percent=50)
        await moved(client, current, "launch")
        made = await mailing(client, *CONTENTS, campaign_id=current["id"])
        await asyncio.gather(
            did(client, made, "start"), done(client, current["id"], "decide", variant="B")
        )
        ready = await claimed(world.database, org, made)
        assert said(ready) == {("A", "This is A"): 1, ("B", "This is B"): 3}


async def test_what_does_not_fit_is_refused(client):
    people = await crowd(client, 4)
    current = await campaign_to(client, *people, variants=SPLIT, test_percent=25)
    told = await done(client, current["id"], "audience/preview")
    assert (told["reached"], told["waiting"]) == (4, 3)
    answer = await client.post(f"/v1/campaigns/{current['id']}/launch")
    problem(answer, 409, "test_too_small")
    path = f"/v1/campaigns/{current['id']}"
    answer = await client.patch(path, json={"variants": []})
    (wrong,) = problem(answer, 422)["errors"]
    assert (wrong["pointer"], wrong["code"]) == ("/test_percent", "no_experiment")
    for number in (0, 101):
        answer = await client.patch(path, json={"test_percent": number})
        assert answer.status_code == 422, answer.text
    await client.patch(path, json={"test_percent": 50})
    await moved(client, current, "launch")
    assert Counter(m["variant"] for m in (await members_of(client, current)).values()) == {
        **dict.fromkeys("AB", 1),
        None: 2,
    }
    answer = await client.patch(path, json={"test_percent": 60})
    problem(answer, 409, "audience_frozen")


@pytest.mark.parametrize("percent", [100, 10])
async def test_copies_are_tested_alike(client, percent):
    id = await campaign(client, variants=SPLIT, test_percent=percent)
    copy = await done(client, id, "clone", 201, name="Again")
    assert copy["test_percent"] == percent
