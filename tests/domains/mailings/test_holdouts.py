"""Who is held out by a campaign is contacted by nothing below it either."""

from crm_api.domains.journeys import entering
from support.campaigns import campaign, done, members, person, segment
from support.clients import problem
from support.journeys import END, comes_to, entered, node, running
from support.mailings import mailing, sends_of, settled
from support.working import at_work


async def above_and_below(client, number=6):
    """A campaign that was launched and holds half of its audience out; a draft below it."""
    people = [await person(client) for _ in range(number)]
    listed = await segment(client, *people)
    above = await campaign(client, listed, holdout_percent=50)
    await done(client, above, "launch")
    own = {"level": "tactic", "parent_id": above}
    below = await campaign(client, listed, **own)
    held = {one["contact_id"] for one in await members(client, above, is_holdout=True)}
    assert len(held) == number // 2
    return above, below, people, held


async def test_a_hold_out_holds_for_the_campaigns_below(client, worker):
    _, below, people, held = await above_and_below(client)
    late = await person(client)
    more = await segment(client, late)
    listed = (await client.read(f"campaigns/{below}"))["include_segment_ids"]
    await client.changed(f"campaigns/{below}", {"include_segment_ids": [*listed, more]})
    made = await mailing(client, campaign_id=below)
    told = await done(client, below, "audience/preview")
    reasons = [{"reason": "held_out_above", "count": len(held)}]
    assert (told["reasons"], told["reached"]) == (reasons, len(people) - len(held) + 1)
    await done(client, below, "launch")
    assert (await client.read(f"campaigns/{below}/audience"))["reasons"] == reasons
    sent = {one["contact_id"] for one in await settled(client, made)}
    assert sent == {*people, late} - held


async def test_who_is_held_out_above_since_gets_no_mail_that_was_queued(client, worker_settings):
    people = [await person(client) for _ in range(4)]
    listed = await segment(client, *people)
    above = await campaign(client, listed, holdout_percent=50)
    below = await campaign(client, listed, level="tactic", parent_id=above)
    made = await mailing(client, campaign_id=below)
    await done(client, below, "launch")
    assert {one["status"] for one in await sends_of(client, made)} == {"queued"}
    await done(client, above, "launch")
    held = {one["contact_id"] for one in await members(client, above, is_holdout=True)}
    async with at_work(worker_settings):
        sends = {one["contact_id"]: one for one in await settled(client, made)}
    for id, one in sends.items():
        expected = ("suppressed", ["held_out"]) if id in held else ("sent", [])
        assert (one["status"], one["reasons"]) == expected


async def test_what_is_called_off_or_thrown_away_holds_nobody_out(client):
    above, below, people, held = await above_and_below(client)
    listed = (await client.read(f"campaigns/{below}"))["include_segment_ids"]
    under = await campaign(client, *listed, level="campaign", holdout_percent=50)
    await done(client, under, "launch")
    middle = await campaign(client, *listed, level="tactic", parent_id=under)
    reasons = [{"reason": "held_out_above", "count": len(held)}]
    for verb in ("complete", "archive"):
        await done(client, above, verb)
        assert (await done(client, below, "audience/preview"))["reasons"] == reasons
    assert (await client.delete(f"/v1/campaigns/{above}")).status_code == 204
    assert (await done(client, below, "audience/preview"))["reached"] == len(people)
    assert (await done(client, middle, "audience/preview"))["reasons"] == reasons
    journey = await running(client, END, campaign_id=under)
    (out, *_) = [one["contact_id"] for one in await members(client, under, is_holdout=True)]
    body = {"journey_id": journey["id"], "contact_id": out}
    problem(await client.post("/v1/journey-runs", json=body), 409, "held_out")
    await done(client, under, "cancel")
    assert (await done(client, middle, "audience/preview"))["reached"] == len(people)
    assert (await entered(client, journey, {"id": out}))["status"] == "active"


async def test_who_is_held_out_higher_up_stays_so_below_what_is_called_off(client):
    people = [await person(client) for _ in range(4)]
    listed = await segment(client, *people)
    top = await campaign(client, listed, level="programme", holdout_percent=50)
    await done(client, top, "launch")
    middle = await campaign(client, listed, parent_id=top)
    below = await campaign(client, listed, level="tactic", parent_id=middle)
    await done(client, middle, "cancel")
    told = await done(client, below, "audience/preview")
    assert told["reasons"] == [{"reason": "held_out_above", "count": 2}]


async def test_a_mailing_without_an_audience_of_its_own_heeds_it_too(client, worker):
    above, _, people, held = await above_and_below(client)
    bare = await client.made("campaigns", {"name": "Ads", "level": "tactic", "parent_id": above})
    made = await mailing(client, campaign_id=bare["id"], is_ongoing=True)
    await done(client, bare["id"], "launch")
    answer = await client.post(f"/v1/mailings/{made['id']}/send", json={"contact_ids": people})
    assert answer.json()["queued"] == len(people) - len(held)


async def test_a_hold_out_holds_for_journeys_of_the_campaign_and_below(client, worker, monkeypatch):
    above, below, people, held = await above_and_below(client)
    for owner in (above, below):
        made = await running(client, END, campaign_id=owner)
        for id in people:
            body = {"journey_id": made["id"], "contact_id": id}
            answer = await client.post("/v1/journey-runs", json=body)
            if id in held:
                assert problem(answer, 409, "held_out")["errors"][0]["pointer"] == "/contact_id"
            else:
                assert answer.status_code == 201, answer.text
        again = await running(client, END, campaign_id=owner)
        path = f"/v1/journeys/{again['id']}/enter"
        answer = await client.post(path, json={"contact_ids": people})
        assert answer.json() == {
            "entered": len(people) - len(held),
            "refused": len(held),
            "more": False,
        }
    # By a filter they are passed over: they would fill the first page of it for good.
    monkeypatch.setattr(entering, "MOST_AT_ONCE", 2)
    again = await running(client, END, campaign_id=below)
    path, asked = f"/v1/journeys/{again['id']}", {"filter": {"id": {"in": people}}}
    for told in (
        {"entered": 2, "refused": 0, "more": True},
        {"entered": 1, "refused": 0, "more": False},
        {"entered": 0, "refused": 0, "more": False},
    ):
        answer = await client.post(f"{path}/enter", json=asked)
        assert answer.json() == told
    simulated = (await client.post(f"{path}/simulate", json=asked)).json()
    assert simulated["ends"] == [{"end": "finished", "count": 3}, {"end": "held_out", "count": 3}]
    assert simulated["nodes"][0]["reached"] == 3
    other = await running(client, END)
    assert (await entered(client, other, {"id": next(iter(held))}))["status"] == "active"


async def test_who_is_held_out_since_leaves_before_the_next_node(client, worker, owner):
    people = [await person(client) for _ in range(2)]
    id = await campaign(client, await segment(client, *people), holdout_percent=50)
    task = {"action": "create_task", "subject": "Call them"}
    nodes = (
        node("wait", "wait", duration="1h", next="call"),
        node("call", "action", step=task, next="end"),
        END,
    )
    journey = await running(client, *nodes, campaign_id=id)
    runs = {one: await entered(client, journey, {"id": one}) for one in people}
    for run in runs.values():
        await comes_to(client, run, waiting_for="time")
    await done(client, id, "launch")
    ended = "UPDATE journey_runs SET wakes_at = now(), next_at = now() WHERE journey_id = $1"
    await owner.execute(ended, journey["id"])
    (held,) = [one["contact_id"] for one in await members(client, id, is_holdout=True)]
    (other,) = set(people) - {held}
    left = await comes_to(client, runs[held], status="exited")
    assert left["leave_reason"] == "held_out"
    await comes_to(client, runs[other], status="finished")
    query = "query($id: UUID!) { journey(id: $id) { campaign { id journeys { nodes { id } } } } }"
    data = await client.data(query, id=journey["id"])
    assert data["journey"]["campaign"]["id"] == id
