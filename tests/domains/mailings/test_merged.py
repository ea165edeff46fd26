"""Mailings of campaigns to people who were merged since their audience was frozen."""

import asyncio
from uuid import UUID

from crm_api.domains.mailings.preparing import Preparing
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.platform.merging.schemas import MergeInput
from crm_api.platform.merging.service import MergeService
from support.campaigns import campaign, done, members, segment
from support.clients import problem
from support.letters import arrived, letters_to
from support.mailings import did, mailing, reader, settled, sink
from support.waiting import patiently


async def merged(client, winner, loser):
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.is_success, answer.text
    return answer.json()["id"]


async def launched(client, *people, **more):
    """A campaign, a mailing of it that is running, and its members."""
    id = await campaign(client, await segment(client, *(one["id"] for one in people)), **more)
    made = await mailing(client, campaign_id=id, is_ongoing=True)
    await done(client, id, "launch")
    return id, made, {one["contact_id"]: one for one in await members(client, id)}


async def test_whoever_is_left_gets_what_the_audience_gets_and_each_step_once(
    client, worker, settings
):
    one, left = await reader(client), await reader(client)
    id, made, _ = await launched(client, one)
    await did(client, made, "send", contact_ids=[one["id"]], step="first")
    await settled(client, made)
    named = {"contact_ids": [left["id"]]}
    problem(await client.post(f"/v1/mailings/{made['id']}/send", json=named), 422)
    merge = await merged(client, left, one)
    # What was sent to the other address was theirs.
    (told,) = await members(client, id)
    assert (told["contact_id"], told["status"]) == (left["id"], "sent")
    for step in ("first", "more"):
        assert (await did(client, made, "send", **named, step=step))["queued"] == 1
    sends = await settled(client, made)
    assert sorted((s["step"], s["contact_id"] == left["id"], s["status"]) for s in sends) == [
        ("", False, "sent"),
        ("first", False, "sent"),
        ("first", True, "suppressed"),
        ("more", True, "sent"),
    ]
    await letters_to(settings.mail_outbox, left["address"], 1)
    async for _ in patiently():
        results = await client.read(f"campaigns/{id}/results")
        if results["total"]["sent"] == 2:
            break
    # By touches two contacts, of whom each had mails; by the audience one person.
    assert [(one["members"], one["sent"]) for one in results["variants"]] == [(1, 1)]
    assert (await client.post(f"/v1/merges/{merge}/undo")).is_success
    (told,) = await members(client, id)
    assert told["contact_id"] == one["id"]
    named["step"] = "last"
    problem(await client.post(f"/v1/mailings/{made['id']}/send", json=named), 422)


async def test_a_hold_out_that_is_merged_into_somebody_is_mailed_no_more(client, worker_process):
    people = [await reader(client) for _ in range(2)]
    id, made, found = await launched(client, *people, holdout_percent=50)
    held, other = sorted(people, key=lambda one: not found[one["id"]]["is_holdout"])
    await merged(client, other, held)
    async with sink() as server:
        worker_process(CRM_SMTP_URL=server.url)
        (send,) = await settled(client, made)
    assert (send["status"], send["reasons"], server.taken) == ("suppressed", ["merged"], [])
    (told,) = await members(client, id)
    assert (told["contact_id"], told["is_holdout"]) == (other["id"], True)


async def test_whoever_was_mailed_already_is_no_hold_out_any_more(client, worker, settings):
    people = [await reader(client) for _ in range(2)]
    id, made, found = await launched(client, *people, holdout_percent=50)
    await settled(client, made)
    held, other = sorted(people, key=lambda one: not found[one["id"]]["is_holdout"])
    merge = await merged(client, held, other)
    (told,) = await members(client, id)
    assert (told["contact_id"], told["is_holdout"]) == (held["id"], False)
    assert told["status"] == "sent"
    assert (await client.post(f"/v1/merges/{merge}/undo")).is_success
    now = {one["contact_id"]: one["is_holdout"] for one in await members(client, id)}
    assert now == {held["id"]: True, other["id"]: False}
    assert arrived(settings.mail_outbox, held["address"]) == []


async def test_a_merge_and_a_claim_at_once_mail_no_hold_out(client, app, org):
    """Either the mail is claimed first, so that they were reached, or it never is."""
    actor = Actor(org.id, "system", scopes=frozenset({"*"}))

    async def claim(made):
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            ready, _ = await Preparing(tx, "https://crm.example").next(UUID(made["id"]), 10)
            return len(ready)

    async def merge(winner, loser):
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            data = MergeInput(winner_id=UUID(winner["id"]), loser_ids=[UUID(loser["id"])])
            await MergeService(tx).merge("contact", data)

    outcomes = set[tuple[bool, int]]()
    for round_ in range(6):
        people = [await reader(client) for _ in range(2)]
        id, made, found = await launched(client, *people, holdout_percent=50)
        held, other = sorted(people, key=lambda one: not found[one["id"]]["is_holdout"])

        async def late(what, wait):
            await asyncio.sleep(wait)
            return await what

        claimed, _ = await asyncio.gather(late(claim(made), 0.004 * round_), merge(other, held))
        claimed += await claim(made)
        (told,) = await members(client, id)
        assert told["is_holdout"] == (claimed == 0)
        outcomes.add((told["is_holdout"], claimed))
    assert outcomes <= {(True, 0), (False, 1)}
