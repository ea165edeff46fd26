"""Going through journeys: entering, waiting, parting, acting, arriving and leaving."""

import asyncio
from uuid import UUID, uuid4

from support.clients import problem
from support.journeys import END, comes_to, entered, node, running, tagging, went
from support.sequences import did, published, reachable
from support.waiting import patiently

DAY = node("wait", "wait", duration="1d", next="end")
LATE = "UPDATE journey_runs SET next_at = now(), wakes_at = now() WHERE id = $1"


async def person(client, **more):
    return await client.made("contacts", {"last_name": "Person", **more})


async def test_somebody_goes_through_and_each_step_is_told(client, worker):
    is_vip = {"lifecycle": {"eq": "customer"}}
    ask = node("ask", "condition", **{"if": is_vip, "then": "vip", "else": "plain"})
    tasks = tagging("vip", "end", "Call the customer"), tagging("plain", "end", "Write")
    journey = await running(client, ask, *tasks, END)
    run = await entered(client, journey, await person(client, lifecycle="customer"))
    await comes_to(client, run, status="finished")
    assert await went(client, run) == [("ask", "then"), ("vip", "next"), ("end", None)]
    found = await client.read(f"journeys/{journey['id']}/results")
    assert (found["entered"], found["finished"], found["succeeded"]) == (1, 1, 0)
    assert {one["node"]: one["entered"] for one in found["nodes"]} == {
        "ask": 1,
        "vip": 1,
        "end": 1,
    }


async def test_a_wait_lasts_and_then_is_over(client, worker, owner):
    journey = await running(client, DAY, END)
    run = await entered(client, journey, await person(client))
    waiting = await comes_to(client, run, waiting_for="time", node="wait")
    # Whoever has just been made may be looked at because of that, and waits on.
    async for _ in patiently():
        if waiting["wakes_at"] == waiting["next_at"]:
            break
        waiting = await client.read(f"journey-runs/{run['id']}")
    assert waiting["wakes_at"] == waiting["next_at"] is not None
    await owner.execute(LATE, UUID(run["id"]))
    await comes_to(client, run, status="finished")
    assert await went(client, run) == [("wait", "next"), ("end", None)]


async def test_what_is_waited_for_comes_or_does_not(client, worker, owner):
    for_it = {"event": "paid", "timeout": "3d", "next": "end", "on_timeout": "lost"}
    nodes = node("wait", "wait", **for_it), node("lost", "exit", reason="Lost"), END
    journey = await running(client, *nodes)
    does, does_not = await person(client), await person(client)
    one, other = [await entered(client, journey, who) for who in (does, does_not)]
    for run in (one, other):
        await comes_to(client, run, waiting_for="event")
    events = [{"name": "paid", "contact_id": does["id"]}]
    assert (await client.post("/v1/events/track", json={"events": events})).status_code < 300
    await comes_to(client, one, status="finished")
    assert await went(client, one) == [("wait", "next"), ("end", None)]
    await owner.execute(LATE, UUID(other["id"]))
    await comes_to(client, other, status="finished")
    assert await went(client, other) == [("wait", "on_timeout"), ("lost", None)]


async def test_whoever_reaches_the_goal_leaves_as_a_success(client, worker):
    journey = await running(client, DAY, END, goal={"lifecycle": {"eq": "customer"}})
    contact = await person(client, lifecycle="lead")
    run = await entered(client, journey, contact)
    await comes_to(client, run, waiting_for="time")
    await client.changed(f"contacts/{contact['id']}", {"lifecycle": "customer"})
    await comes_to(client, run, status="succeeded")
    assert (await client.read(f"journeys/{journey['id']}/results"))["conversion"] == "1.0000"


async def test_what_becomes_of_related_records_is_an_arrival_and_a_reason_to_leave(client, worker):
    goal = {"deals": {"some": {"status": "won"}}}
    exits = {"filter": {"company": {"lifecycle": "former"}}}
    journey = await running(client, DAY, END, goal=goal, exits=exits)
    firm = await client.made("companies", {"name": "Example"})
    buyer, leaver, other = await person(client), await person(client), await person(client)
    runs = [await entered(client, journey, one) for one in (buyer, leaver, other)]
    # What they are in is judged by what was published when they entered.
    await client.changed(f"journeys/{journey['id']}", {"goal": {}, "exits": {}})
    await did(client, "journeys", journey, "publish")
    for run in runs:
        await comes_to(client, run, waiting_for="time")
    await client.changed(f"contacts/{leaver['id']}", {"company_id": firm["id"]})
    deal = await client.made("deals", {"name": "Sale", "contact_id": buyer["id"]})
    await client.changed(f"companies/{firm['id']}", {"lifecycle": "former"})
    assert (await comes_to(client, runs[1], status="exited"))["leave_reason"] == "exit_rule"
    assert (await client.read(f"journey-runs/{runs[0]['id']}"))["status"] == "active"
    answer = await client.post(f"/v1/deals/{deal['id']}/win")
    assert answer.status_code == 200, answer.text
    await comes_to(client, runs[0], status="succeeded")
    assert (await client.read(f"journey-runs/{runs[2]['id']}"))["waiting_for"] == "time"


async def test_whoever_unsubscribes_leaves_at_once(client, worker):
    journey = await running(client, DAY, END, exits={"unsubscribed_from": "newsletter"})
    contact = await person(client)
    run = await entered(client, journey, contact)
    await comes_to(client, run, waiting_for="time")
    said = {"purpose": "newsletter", "channel": "email", "evidence": {"source": "web form"}}
    said |= {"target": "contact", "basis": "consent", "state": "withdrawn"}
    await client.made("consents", {**said, "record_id": contact["id"]})
    left = await comes_to(client, run, status="exited")
    assert left["leave_reason"] == "unsubscribed"


async def test_people_enter_by_a_segment_and_leave_with_it(client, worker):
    segment = await client.made("segments", {"name": "Some", "kind": "static"})
    exits, entry = {"left_segment": True}, {"type": "segment", "segment_id": segment["id"]}
    journey = await running(client, DAY, END, entry=entry, exits=exits)
    contact = await person(client)
    path = f"/v1/segments/{segment['id']}/members"
    assert (await client.post(path, json={"add": [contact["id"]]})).status_code < 300
    run = await run_of(client, journey, contact)
    assert run["begun_by"] == "segment"
    await comes_to(client, run, waiting_for="time")
    assert (await client.post(path, json={"remove": [contact["id"]]})).status_code < 300
    left = await comes_to(client, run, status="exited")
    assert left["leave_reason"] == "left_segment"


async def run_of(client, journey, contact):
    async for _ in patiently():
        found = await client.read(f"contacts/{contact['id']}/journey-runs")
        mine = [one for one in found["data"] if one["journey_id"] == journey["id"]]
        if mine:
            return mine[0]
    raise AssertionError("nobody entered")


async def test_a_segment_that_a_journey_goes_by_stays(client):
    inner = await client.made("segments", {"name": "Some", "kind": "static"})
    ask = node("ask", "condition", **{"if": {"segment": inner["id"]}, "then": "end", "else": "end"})
    journey = await running(client, ask, END)
    path = f"/v1/segments/{inner['id']}"
    for verb in ("pause", None):
        answer = await client.delete(path)
        assert problem(answer, 409, "segment_in_use")["journeys"] == [journey["id"]]
        if verb is not None:
            await did(client, "journeys", journey, verb)
    document = "mutation ($id: UUID!) { deleteSegment(id: $id) }"
    (error,) = (await client.gql(document, id=inner["id"]))["errors"]
    assert error["extensions"]["code"] == "segment_in_use"
    await did(client, "journeys", journey, "stop")
    assert (await client.delete(path)).status_code == 204


async def test_people_enter_by_what_they_do_and_by_a_filter(client, worker):
    word = f"signed_{uuid4().hex[:8]}"
    by_event = await running(client, DAY, END, entry={"type": "event", "event": word})
    named = {"last_name": {"eq": word}}
    by_filter = await running(client, DAY, END, entry={"type": "filter", "filter": named})
    contact = await person(client)
    events = [{"name": word, "contact_id": contact["id"]}]
    assert (await client.post("/v1/events/track", json={"events": events})).status_code < 300
    assert (await run_of(client, by_event, contact))["begun_by"] == "event"
    other = await person(client, last_name=word)
    assert (await run_of(client, by_filter, other))["begun_by"] == "filter"


async def test_whether_somebody_enters_again(client, worker, owner):
    contact, modes = await person(client), {"mode": "after", "days": 10}
    for re_entry, again in ({}, 409), (modes, 409), ({"mode": "always"}, 201):
        journey = await running(client, END, **({"re_entry": re_entry} if re_entry else {}))
        run = await entered(client, journey, contact)
        await comes_to(client, run, status="finished")
        body = {"journey_id": journey["id"], "contact_id": contact["id"]}
        answer = await client.post("/v1/journey-runs", json=body)
        assert answer.status_code == again, (re_entry, answer.text)
        if re_entry == modes:
            ago = "UPDATE journey_runs SET ended_at = ended_at - interval '11 days' WHERE id = $1"
            await owner.execute(ago, UUID(run["id"]))
            assert (await client.post("/v1/journey-runs", json=body)).status_code == 201


async def test_of_many_who_have_somebody_enter_one_does(client):
    journey, contact = await running(client, DAY, END), await person(client)
    body = {"contact_ids": [contact["id"]]}
    path = f"/v1/journeys/{journey['id']}/enter"
    answers = await asyncio.gather(*(client.post(path, json=body) for _ in range(8)))
    assert sum(answer.json()["entered"] for answer in answers) == 1


async def test_a_version_stays_and_somebody_is_moved_to_another_one(client, worker):
    journey = await running(client, DAY, END)
    run = await entered(client, journey, await person(client))
    await comes_to(client, run, waiting_for="time")
    task = tagging("wait", "end", "Call")
    await client.changed(f"journeys/{journey['id']}", {"nodes": [task, END]})
    await did(client, "journeys", journey, "publish")
    assert (await client.read(f"journey-runs/{run['id']}"))["journey_version"] == 1
    await did(client, "journey-runs", run, "migrate", number=2)
    await comes_to(client, run, status="finished", journey_version=2)
    versions = (await client.read(f"journeys/{journey['id']}/versions"))["data"]
    assert [len(one["definition"]["nodes"]) for one in versions] == [2, 2]
    assert versions[1]["definition"]["nodes"][0]["type"] == "wait"


async def test_pausing_resuming_stopping_and_removing(client, worker):
    journey = await running(client, DAY, END)
    one, other = [await entered(client, journey, await person(client)) for _ in range(2)]
    await comes_to(client, one, waiting_for="time")
    await did(client, "journey-runs", one, "pause")
    await did(client, "journey-runs", one, "resume")
    gone = await did(client, "journey-runs", one, "remove", reason="They asked")
    assert (gone["leave_reason"], gone["leave_detail"]) == ("removed", "They asked")
    await did(client, "journeys", journey, "pause")
    await did(client, "journeys", journey, "resume")
    await did(client, "journeys", journey, "stop")
    assert (await comes_to(client, other, status="exited"))["leave_reason"] == "stopped"
    body = {"journey_id": journey["id"], "contact_id": (await person(client))["id"]}
    answer = await client.post("/v1/journey-runs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (409, "journey_stopped")


async def test_a_step_enrols_in_a_sequence(client, worker):
    sequence = await published(client, {"action": "task", "subject": "Look"})
    step = {"action": "enrol_in_sequence", "sequence_id": sequence["id"]}
    journey = await running(client, node("enrol", "action", step=step, next="end"), END)
    contact = await reachable(client)
    run = await entered(client, journey, contact)
    await comes_to(client, run, status="finished")
    found = await client.read(f"contacts/{contact['id']}/sequence-enrolments")
    assert [one["sequence_id"] for one in found["data"]] == [sequence["id"]]


async def test_a_step_that_refers_to_nothing_is_not_published(client):
    step = {"action": "update", "set": {"first_name": {"$ref": "steps.never.name"}}}
    nodes = node("act", "action", step=step, next="end"), END
    made = await client.made("journeys", {"name": "Welcome", "nodes": list(nodes)})
    answer = await client.post(f"/v1/journeys/{made['id']}/publish")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"].startswith("/nodes/0/step")


async def test_segments_that_are_not_there_are_refused(client):
    gone, body = str(uuid4()), {"name": "Of companies", "kind": "static", "target": "company"}
    companies = await client.made("segments", body)
    inside = {"segment": {"in": [gone]}}
    ask = node("ask", "condition", **{"if": inside, "then": "end", "else": "end"})
    for more, nodes, pointer, code in (
        (_entry(gone), (END,), "/entry/segment_id", "unknown_segment"),
        (_entry(companies["id"]), (END,), "/entry/segment_id", "wrong_target"),
        ({"goal": {"segment": gone}}, (END,), "/goal/segment", "unknown_segment"),
        ({}, (ask, END), "/nodes/0/if/segment/in/0", "unknown_segment"),
    ):
        body = {"name": "Welcome", "nodes": list(nodes), **more}
        made = await client.made("journeys", body)
        answer = await client.post(f"/v1/journeys/{made['id']}/publish")
        assert answer.status_code == 422, answer.text
        assert [(e["pointer"], e["code"]) for e in answer.json()["errors"]] == [(pointer, code)]


def _entry(segment_id):
    return {"entry": {"type": "segment", "segment_id": segment_id}}


async def test_simulated_paths_are_those_that_are_taken(client, worker):
    parts = [{"share": 50, "next": "a"}, {"share": 50, "next": "b"}]
    nodes = (
        node("split", "split", parts=parts),
        tagging("a", "end", "Call"),
        tagging("b", "end", "Write"),
        END,
    )
    journey = await running(client, *nodes)
    path = f"/v1/journeys/{journey['id']}/simulate"
    word = uuid4().hex
    people = [await person(client, last_name=word) for _ in range(6)]
    for contact in people:
        told = (await client.post(path, json={"contact_id": contact["id"]})).json()
        run = await entered(client, journey, contact)
        await comes_to(client, run, status="finished")
        assert await went(client, run) == [(s["node"], s["arm"]) for s in told["path"]]
    body = {"filter": {"last_name": {"eq": word}}, "sample": 100}
    told = (await client.post(path, json=body)).json()
    reached = {one["node"]: one["reached"] for one in told["nodes"]}
    assert told["people"] == reached["split"] == reached["a"] + reached["b"] == reached["end"] == 6
