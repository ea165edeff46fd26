"""Campaigns from draft to a decision: approved, scheduled, launched once, decided."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import text

from crm_api.domains.campaigns.actions import CampaignActions
from crm_api.domains.campaigns.audience import Audience
from crm_api.domains.campaigns.deciding import look
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import CrmError, Forbidden
from support.approving import Approving, by
from support.campaigns import campaign, done, members, person, segment
from support.clients import pointers, problem
from support.members import custom_role, member
from support.segments import track

TOMORROW = {"day": (datetime.now(UTC) + timedelta(days=2)).date().isoformat(), "time": "09:00"}
SPLIT = [{"key": "A"}, {"key": "B"}]


async def reaching(client, count=1, **more):
    listed = await segment(client, *[await person(client) for _ in range(count)])
    return await campaign(client, listed, **more), listed


async def within(app, org, do):
    actor = Actor(org.id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
        return await do(tx)


async def test_without_a_policy_it_is_approved_at_once_and_may_be_recalled(client):
    id, _ = await reaching(client)
    assert (await done(client, id, "submit"))["status"] == "approved"
    assert (await done(client, id, "recall"))["status"] == "draft"
    assert (await done(client, id, "recall", 409))["code"] == "illegal_transition"


async def test_what_a_policy_wants_approved_is_launched_after_that_alone(client):
    approving = Approving(client)
    (boss,) = await approving.approvers(1)
    await approving.policy(by(boss), target="campaign", purpose="launch")
    id, _ = await reaching(client)
    told = await done(client, id, "launch", 409)
    assert [one["code"] for one in told["errors"]] == ["approval_needed"]
    assert (await done(client, id, "submit", comment="Please."))["status"] == "in_approval"
    (asked,) = (await client.read("approvals"))["data"]
    await approving.act(boss.api, asked["id"], "approve")
    assert (await client.read(f"campaigns/{id}"))["status"] == "approved"
    # Another hypothesis is another campaign.
    await client.changed(f"campaigns/{id}", {"hypothesis": "Others buy, too."})
    assert (await client.read(f"campaigns/{id}"))["status"] == "draft"
    assert (await done(client, id, "submit"))["status"] == "in_approval"
    waiting = [a for a in (await client.read("approvals"))["data"] if a["status"] == "pending"]
    await approving.act(boss.api, waiting[0]["id"], "reject", comment="Not now.")
    assert (await client.read(f"campaigns/{id}"))["status"] == "draft"


async def test_everything_in_the_way_is_told_at_once(client):
    approving = Approving(client)
    (boss,) = await approving.approvers(1)
    await approving.policy(by(boss), target="campaign")
    listed, other = [await segment(client, await person(client)) for _ in range(2)]
    more = {"channel": None, "purpose": None, "ends_on": "2026-01-01", "starts_on": "2026-01-01"}
    id = await campaign(client, listed, other, **more)
    assert (await client.delete(f"/v1/segments/{other}")).status_code == 204
    codes = ["approval_needed", "no_consent_basis", "segment_gone", "over"]
    for verb, body in (("launch", {}), ("schedule", TOMORROW)):
        told = await done(client, id, verb, 409, **body)
        assert [one["code"] for one in told["errors"]] == codes
    shown = await client.read(f"campaigns/{id}/transitions")
    of = {one["verb"]: one for one in shown["allowed"]}
    assert [one["code"] for one in of["launch"]["blockers"]] == codes
    assert of["launch"]["blockers"][2]["pointer"] == "/include_segment_ids/1"
    assert of["cancel"]["blockers"] == []
    query = "query($id: UUID!) { campaignTransitions(id: $id) { allowed { verb } } }"
    data = await client.data(query, id=id)
    assert {one["verb"] for one in data["campaignTransitions"]["allowed"]} == set(of)


async def test_bad_times_are_refused(client):
    id, _ = await reaching(client)
    for body, pointer in (
        ({"day": "2020-01-01", "time": "09:00"}, "/day"),
        ({**TOMORROW, "time": "25:00"}, "/time"),
        ({**TOMORROW, "time": None}, "/time"),
    ):
        answer = await client.post(f"/v1/campaigns/{id}/schedule", json=body)
        assert list(pointers(problem(answer, 422))) == [pointer]
    await client.changed(f"campaigns/{id}", {"ends_on": TOMORROW["day"]})
    late = {**TOMORROW, "day": (datetime.now(UTC) + timedelta(days=3)).date().isoformat()}
    answer = await client.post(f"/v1/campaigns/{id}/schedule", json=late)
    assert list(pointers(problem(answer, 422))) == ["/day"]
    assert (await done(client, id, "schedule", **TOMORROW))["status"] == "scheduled"


async def test_a_due_campaign_is_launched_by_a_worker(client, worker, owner):
    id, listed = await reaching(client)
    scheduled = await done(client, id, "schedule", **TOMORROW)
    assert scheduled["status"] == "scheduled"
    due = "UPDATE jobs SET run_at = now() WHERE kind = 'campaigns.launch_due' AND args @> $1"
    await owner.execute(due, f'{{"campaign_id": "{id}"}}')
    await client.told(id, 3, types="campaign.created,campaign.scheduled,campaign.launched")
    shown = await client.read(f"campaigns/{id}")
    assert (shown["status"], shown["member_count"], shown["launch_at"]) == ("running", 1, None)
    (pin,) = shown["segment_pins"]
    assert (pin["segment_id"], pin["members"], pin["is_included"]) == (listed, 1, True)


async def test_of_many_who_launch_a_due_campaign_one_does(client, app, org):
    id, _ = await reaching(client, 3)
    at = (await done(client, id, "schedule", **TOMORROW))["launch_at"]

    async def launch(tx):
        return await CampaignActions(tx).launch_due(UUID(id), at)

    found = await asyncio.gather(*(within(app, org, launch) for _ in range(6)))
    assert sorted(found) == [False] * 5 + [True]
    assert len(await members(client, id)) == 3


async def test_one_that_is_scheduled_anew_is_not_launched_at_the_former_time(client, app, org):
    id, _ = await reaching(client)
    former = (await done(client, id, "schedule", **TOMORROW))["launch_at"]
    await done(client, id, "schedule", **{**TOMORROW, "time": "10:00"})

    async def launch(tx):
        return await CampaignActions(tx).launch_due(UUID(id), former)

    assert not await within(app, org, launch)
    assert (await done(client, id, "unschedule"))["status"] == "draft"
    assert not await within(app, org, launch)


async def test_one_that_cannot_be_launched_is_a_draft_again_and_says_why(client, app, org):
    id, listed = await reaching(client)
    at = (await done(client, id, "schedule", **TOMORROW))["launch_at"]
    assert (await client.delete(f"/v1/segments/{listed}")).status_code == 204

    async def launch(tx):
        return await CampaignActions(tx).launch_due(UUID(id), at)

    assert not await within(app, org, launch)
    assert (await client.read(f"campaigns/{id}"))["status"] == "draft"
    (event,) = await client.told(id, 1, types="campaign.launch_blocked")
    assert [one["code"] for one in event["data"]["blockers"]] == ["segment_gone"]
    assert await members(client, id) == []


async def test_one_of_somebody_who_may_launch_no_more_is_a_draft_again(client, app, org):
    id, _ = await reaching(client)
    at = (await done(client, id, "schedule", **TOMORROW))["launch_at"]
    actor = Actor(org.id, "system", scopes=frozenset({"campaigns:read", "contacts:read"}))
    async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
        assert not await CampaignActions(tx).launch_due(UUID(id), at)
    shown = await client.read(f"campaigns/{id}")
    assert (shown["status"], shown["launch_at"], shown["member_count"]) == ("draft", None, 0)
    (event,) = await client.told(id, 1, types="campaign.launch_blocked")
    assert [one["code"] for one in event["data"]["blockers"]] == ["forbidden"]


async def test_the_database_keeps_a_frozen_audience(client, app, org):
    id, _ = await reaching(client)
    other = await person(client)
    await done(client, id, "launch")
    changed = "UPDATE campaign_members SET is_holdout = true WHERE campaign_id = $1"
    added = (
        "INSERT INTO campaign_members (organization_id, campaign_id, contact_id, is_holdout, "
        "frozen_at) VALUES ($1, $2, $3, false, now())"
    )
    for statement, values in ((changed, [UUID(id)]), (added, [org.id, UUID(id), UUID(other)])):

        async def write(tx, statement=statement, values=values):
            await tx.write(statement, *values)

        with pytest.raises((asyncpg.PostgresError, CrmError)):
            await within(app, org, write)
    assert [one["is_holdout"] for one in await members(client, id)] == [False]


async def test_a_rule_decides_an_experiment_and_looks_again_until_it_does(client, app, org):
    rule = {"event": "bought", "min_per_arm": 5, "min_days": 1, "max_days": 2, "alpha": 0.2}
    id, _ = await reaching(client, 20, variants=SPLIT, stop_rule=rule)
    await done(client, id, "launch")
    assert not await within(app, org, lambda tx: look(tx, UUID(id), 0))
    now = datetime.now(UTC).isoformat()
    winners = await members(client, id, variant="B")
    await track(
        client,
        *({"name": "bought", "occurred_at": now, "contact_id": w["contact_id"]} for w in winners),
    )
    looking = [within(app, org, lambda tx: look(tx, UUID(id), 0)) for _ in range(4)]
    assert sorted(await asyncio.gather(*looking)) == [False] * 3 + [True]
    decision = (await client.read(f"campaigns/{id}"))["decision"]
    assert (decision["variant"], decision["reason"]) == ("B", "significant")
    assert decision["decided_by"] is None
    assert decision["statistics"]["comparisons"][0]["adjusted_p"] < 0.1
    (event,) = await client.told(id, 1, types="campaign.experiment_decided")
    assert event["data"]["decision"]["variant"] == "B"
    # It is decided once.
    assert not await within(app, org, lambda tx: look(tx, UUID(id), 1))
    assert (await done(client, id, "decide", 409, variant="A"))["code"] == "already_decided"


async def test_what_runs_is_not_thrown_away(client):
    id, _ = await reaching(client, 2)
    await done(client, id, "launch")
    for query in ("", "?purge=true"):
        problem(await client.delete(f"/v1/campaigns/{id}{query}"), 409, "campaign_running")
    (error,) = (await client.gql("mutation ($id: UUID!) { deleteCampaign(id: $id) }", id=id))[
        "errors"
    ]
    assert error["extensions"]["code"] == "campaign_running"
    await done(client, id, "cancel")
    assert (await client.delete(f"/v1/campaigns/{id}")).status_code == 204


async def test_somebody_decides(client):
    id, _ = await reaching(client, 2, variants=SPLIT)
    assert (await done(client, id, "decide", 409, variant="A"))["code"] == "not_launched"
    await done(client, id, "launch")
    answer = await client.post(f"/v1/campaigns/{id}/decide", json={"variant": "C"})
    assert list(pointers(problem(answer, 422))) == ["/variant"]
    decided = await done(client, id, "decide", variant="A", note="Cheaper.")
    assert (decided["decision"]["variant"], decided["decision"]["reason"]) == ("A", "manual")
    assert decided["status"] == "running"


async def test_rules_are_fixed_at_launch_and_need_variants(client):
    rule = {"conversion": "deal_won", "min_days": 1, "max_days": 1}
    for body, pointer in (
        ({"stop_rule": rule}, "/stop_rule"),
        ({"variants": SPLIT, "stop_rule": {**rule, "event": "bought"}}, "/stop_rule"),
        ({"variants": SPLIT, "stop_rule": {**rule, "min_days": 2}}, "/stop_rule"),
    ):
        answer = await client.post("/v1/campaigns", json={"name": "Wrong", **body})
        assert list(pointers(problem(answer, 422))) == [pointer]
    id, _ = await reaching(client, 2, variants=SPLIT, stop_rule=rule)
    await done(client, id, "launch")
    answer = await client.patch(f"/v1/campaigns/{id}", json={"stop_rule": None})
    assert problem(answer, 409)["code"] == "audience_frozen"


async def test_a_rule_counts_nothing_that_whoever_sets_it_may_not_read(client, app, org):
    none = dict.fromkeys(("read", "create", "update", "delete"), "none")
    levels = {"*": dict.fromkeys(none, "all"), "deals": none}
    one = await member(client, await custom_role(client, levels=levels))
    rule = {"conversion": "deal_won", "min_days": 1, "max_days": 1}
    body = {"name": "Spring", "variants": SPLIT, "stop_rule": rule}
    problem(await one.api.post("/v1/campaigns", json=body), 403)
    made = await one.api.made("campaigns", {**body, "stop_rule": None})
    answer = await one.api.patch(f"/v1/campaigns/{made['id']}", json={"stop_rule": rule})
    problem(answer, 403)
    # Nor does it decide where that may not be read any more.
    id, _ = await reaching(client, 2, variants=SPLIT, stop_rule=rule)
    await done(client, id, "launch")
    actor = Actor(org.id, "system", scopes=frozenset({"campaigns:write"}))
    with pytest.raises(Forbidden):
        async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
            await look(tx, UUID(id), 0)
    assert (await client.read(f"campaigns/{id}"))["decision"] is None


async def test_deals_won_and_meetings_held_are_conversions(client):
    id, _ = await reaching(client, 4, variants=SPLIT)
    await done(client, id, "launch")
    first, other = await members(client, id, variant="A")
    deal = await client.made("deals", {"name": "Office", "contact_id": first["contact_id"]})
    won = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert won.status_code == 200, won.text
    now = datetime.now(UTC)
    held = {"kind": "meeting", "subject": "Visit", "status": "completed"}
    at = {"starts_at": now.isoformat(), "contact_id": other["contact_id"]}
    await client.made("activities", {**held, **at})
    await client.made("activities", {**held, **at, "status": "planned"})
    until = (now + timedelta(minutes=5)).isoformat()
    for conversion in ("deal_won", "meeting_held"):
        told = await done(client, id, "evaluate", conversion=conversion, until=until)
        assert [(a["key"], a["reached_conversions"]) for a in told["arms"]] == [("A", 1), ("B", 0)]
    answer = await client.post(f"/v1/campaigns/{id}/evaluate", json={"conversion": "event"})
    problem(answer, 422)


async def test_conversions_are_of_whoever_was_merged_since_and_of_what_is_seen(client):
    id, _ = await reaching(client, 4, variants=SPLIT)
    await done(client, id, "launch")
    first, other = await members(client, id, variant="A")
    winner = await client.made("contacts", {"last_name": "Winner"})
    merged = {"winner_id": winner["id"], "loser_ids": [first["contact_id"]]}
    answer = await client.post("/v1/contacts/merge", json=merged)
    assert answer.is_success, answer.text
    for contact in (winner["id"], other["contact_id"]):
        deal = await client.made("deals", {"name": "Office", "contact_id": contact})
        won = await client.post(f"/v1/deals/{deal['id']}/win", json={})
        assert won.status_code == 200, won.text
    now = datetime.now(UTC)
    held = {"kind": "meeting", "subject": "Visit", "status": "completed"}
    at = {"starts_at": now.isoformat(), "contact_id": winner["id"]}
    await client.made("activities", {**held, **at})
    paid = {"events": [{"name": "paid", "contact_id": winner["id"]}]}
    assert (await client.post("/v1/events/track", json=paid)).json()["accepted"] == 1
    until = (now + timedelta(minutes=5)).isoformat()
    for conversion, number in (("deal_won", 2), ("meeting_held", 1), ("event", 1)):
        what = {"conversion": conversion, "event": "paid" if conversion == "event" else None}
        told = await done(client, id, "evaluate", until=until, **what)
        assert [(a["key"], a["reached_conversions"]) for a in told["arms"]] == [
            ("A", number),
            ("B", 0),
        ]
    own = dict.fromkeys(("read", "create", "update", "delete"), "own")
    levels = {"*": {"read": "all"}, "deals": own}
    one = await member(client, await custom_role(client, levels=levels))
    told = await done(one.api, id, "evaluate", conversion="deal_won", until=until)
    assert [(a["key"], a["reached_conversions"]) for a in told["arms"]] == [("A", 0), ("B", 0)]


@pytest.mark.parametrize(("usual", "allowed"), [("5s", "25s"), ("1min", "1min"), ("0", "0")])
async def test_an_audience_may_take_longer_than_other_statements(client, app, org, usual, allowed):
    id, _ = await reaching(client, 2)
    actor = Actor(org.id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(app.state.services.database, actor)) as tx:
        await tx.run(text(f"SET LOCAL statement_timeout = '{usual}'"))
        plan = await CampaignActions(tx).service.records.plan(UUID(id))
        assert (await Audience(tx).freeze(plan))["member_count"] == 2
        (row,) = await tx.fetch("SELECT current_setting('statement_timeout') AS longest")
        assert row["longest"] == allowed
    assert (await done(client, id, "audience/preview"))["reached"] == 2
