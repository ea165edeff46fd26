"""What is wrong with a sequence, versions, actions, and who sees enrolments."""

from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member
from support.sequences import MAIL, becomes, did, enrolled, published, reachable, steps_of

HOLD = {"action": "task", "subject": "Look"}


@pytest.mark.parametrize(
    ("steps", "pointer", "code"),
    [
        (
            [{"action": "call", "subject": "{{ contact.nothing }}"}],
            "/steps/0/subject",
            "unknown_field",
        ),
        (
            [{"action": "call", "subject": "{{ nobody.name }}"}],
            "/steps/0/subject",
            "unknown_reference",
        ),
        (
            [{"action": "call", "subject": "{{ contact.name"}],
            "/steps/0/subject",
            "invalid_placeholder",
        ),
        ([{"action": "fax"}], "/steps/0/action", "not_a_choice"),
        ([{"action": "stop"}, HOLD], "/steps/1", "unreachable"),
        ([{"action": "wait", "duration": "-1d"}], "/steps/0/duration", "negative"),
        ([{"action": "wait", "duration": "soon"}], "/steps/0/duration", "invalid"),
        ([{**MAIL, "subject": None}], "/steps/0/subject", "required"),
        (
            [{**MAIL, "variants": [{"subject": "{{ deal.colour }}", "body": "Hello"}]}],
            "/steps/0/variants/0/subject",
            "unknown_field",
        ),
        (
            [{"action": "branch", "if": {"nothing": {"eq": 1}}, "then": [HOLD]}],
            "/steps/0/if/nothing",
            None,
        ),
        (
            [{"action": "branch", "if": {}, "then": [{"action": "task"}]}],
            "/steps/0/then/0/subject",
            "required",
        ),
        ([], "/steps", "required"),
    ],
)
async def test_what_is_wrong_is_named_by_its_step(client, steps, pointer, code):
    made = await client.made("sequences", {"name": "Example", "purpose": "news", "steps": steps})
    found = problem(await client.post(f"/v1/sequences/{made['id']}/publish"), 422)
    fault = next((f for f in found["errors"] if f["pointer"] == pointer), None)
    assert fault is not None, found["errors"]
    assert code is None or fault["code"] == code
    assert (await client.read(f"sequences/{made['id']}"))["status"] == "draft"


async def test_mail_wants_a_channel(client):
    made = await client.made("sequences", {"name": "Example", "purpose": "news", "steps": [MAIL]})
    answer = await client.post(f"/v1/sequences/{made['id']}/publish")
    assert pointers(problem(answer, 422)) == ["/channel_id"]


@pytest.mark.parametrize(
    "window",
    [
        {"weekdays": ["monday"]},
        {"weekdays": ["monday"], "starts_at": "17:00", "ends_at": "09:00"},
        {"weekdays": ["someday"], "starts_at": "09:00", "ends_at": "17:00"},
        {"weekdays": ["monday"], "starts_at": "25:00", "ends_at": "26:00"},
    ],
)
async def test_a_window_is_whole(client, window):
    body = {"name": "Example", "purpose": "news", "send_window": window}
    problem(await client.post("/v1/sequences", json=body), 422)


async def test_who_is_enrolled_goes_on_with_their_version_unless_they_are_moved(client, worker):
    first = {"action": "task", "subject": "The first version"}
    after = {"action": "task", "subject": "After it"}
    sequence = await published(client, first, after)
    one, other = [await enrolled(client, sequence, await reachable(client)) for _ in "ab"]
    for enrolment in (one, other):
        await becomes(client, enrolment, waiting_for="task")
    new = [{"action": "task", "subject": "The second version"}]
    await client.changed(f"sequences/{sequence['id']}", {"steps": new})
    again = await did(client, "sequences", sequence, "publish")
    assert (again["status"], again["published_version"]) == ("active", 2)
    versions = (await client.read(f"sequences/{sequence['id']}/versions"))["data"]
    assert [version["number"] for version in versions] == [2, 1]
    await did(client, "sequence-enrolments", one, "complete", reason="Done")
    kept = await becomes(client, one, waiting_for="task", step="/steps/1")
    assert kept["sequence_version"] == 1
    subjects = {t["subject"] for t in (await client.read("tasks", limit=50))["data"]}
    assert subjects == {"The first version", "After it"}
    moved = await did(client, "sequence-enrolments", other, "move", number=2)
    assert (moved["sequence_version"], moved["step"], moved["round"]) == (2, "/steps/0", 1)
    await becomes(client, other, waiting_for="task")
    subjects = {t["subject"] for t in (await client.read("tasks", limit=50))["data"]}
    assert "The second version" in subjects
    path = f"/v1/sequence-enrolments/{other['id']}/move"
    assert pointers(problem(await client.post(path, json={"number": 9}), 422)) == ["/number"]
    assert pointers(problem(await client.post(path, json={"step": "/steps/7"}), 422)) == ["/step"]


async def test_what_cannot_be_filled_in_fails_and_may_be_tried_again(client, worker):
    contact = await reachable(client, first_name=None)
    sequence = await published(client, MAIL)
    asked = {"contact_id": contact["id"]}
    shown = await client.post(f"/v1/sequences/{sequence['id']}/preview", json=asked)
    (step,) = shown.json()["steps"]
    assert [m["code"] for m in step["mistakes"]] == ["empty_value"]
    assert step["mistakes"][0]["pointer"] == "/steps/0/subject"
    one = await enrolled(client, sequence, contact)
    failed = await becomes(client, one, status="failed")
    assert (failed["exit_reason"], failed["exit_detail"]) == (
        "template",
        "contact.first_name is empty.",
    )
    await client.changed(f"contacts/{contact['id']}", {"first_name": "Sample"})
    await did(client, "sequence-enrolments", one, "resume")
    await becomes(client, one, status="finished")
    lenient = {**MAIL, "subject": 'Hello {{ contact.middle_name or "there" }}'}
    other = await published(client, lenient)
    shown = await client.post(f"/v1/sequences/{other['id']}/preview", json=asked)
    assert shown.json()["steps"][0]["variants"][0]["subject"] == "Hello there"
    problem(
        await client.post(
            f"/v1/sequences/{other['id']}/preview", json={"contact_id": str(uuid4())}
        ),
        422,
    )


async def test_what_has_no_channel_any_more_fails_and_holds_up_nobody(client, worker):
    sequence = await published(client, MAIL)
    await client.changed(f"sequences/{sequence['id']}", {"channel_id": None})
    one = await enrolled(client, sequence, await reachable(client))
    failed = await becomes(client, one, status="failed")
    assert (failed["exit_reason"], failed["exit_detail"]) == (
        "error",
        "Its mail has no channel any more.",
    )
    channel = await client.made("channels", {"name": "Closed", "addresses": ["x@example.com"]})
    await client.changed(f"sequences/{sequence['id']}", {"channel_id": channel["id"]})
    await client.changed(f"channels/{channel['id']}", {"is_active": False})
    await did(client, "sequence-enrolments", one, "resume")
    failed = await becomes(client, one, status="failed", round=1)
    assert failed["exit_reason"] == "error"


async def test_actions_are_for_where_somebody_stands(client, worker):
    sequence = await published(client, {"action": "wait", "duration": "30d"}, HOLD)
    one = await enrolled(client, sequence, await reachable(client))
    waiting = await becomes(client, one, waiting_for="time")
    await did(client, "sequence-enrolments", one, "pause")
    path = f"/v1/sequence-enrolments/{one['id']}"
    problem(await client.post(f"{path}/pause"), 409, "illegal_transition")
    await did(client, "sequence-enrolments", one, "resume")
    # What it waits for goes on being waited for.
    again = await becomes(client, one, waiting_for="time", next_at=waiting["next_at"])
    assert again["step"] == "/steps/0"
    problem(await client.post(f"{path}/complete"), 409, "no_task")
    await did(client, "sequence-enrolments", one, "skip")
    await becomes(client, one, waiting_for="task")
    gone = await did(client, "sequence-enrolments", one, "remove", reason="They asked for it")
    assert (gone["exit_reason"], gone["exit_detail"]) == ("removed", "They asked for it")
    problem(await client.post(f"{path}/resume"), 409, "illegal_transition")
    assert await steps_of(client, one) == [
        ("/steps/0", "wait", "skipped"),
        ("/steps/1", "task", "waiting"),
    ]
    # Whoever is through with it may begin anew.
    await enrolled(client, sequence, {"id": one["contact_id"]})


async def test_a_paused_sequence_takes_no_step(client, worker):
    sequence = await published(client, HOLD)
    await did(client, "sequences", sequence, "pause")
    one = await enrolled(client, sequence, await reachable(client))
    await becomes(client, one, waiting_for="sequence")
    assert await steps_of(client, one) == []
    await did(client, "sequences", sequence, "resume")
    await becomes(client, one, waiting_for="task")


async def test_many_are_enrolled_each_with_a_result(client):
    sequence = await published(client, HOLD)
    people = [await reachable(client, tags=["fair"]) for _ in range(3)]
    await enrolled(client, sequence, people[0])
    ids = [*(person["id"] for person in people), str(uuid4())]
    path = f"/v1/sequences/{sequence['id']}/enrol"
    found = (await client.post(path, json={"contact_ids": ids})).json()
    assert (found["enrolled"], found["refused"], found["more"]) == (2, 2, False)
    codes = [result["code"] for result in found["results"]]
    assert codes == ["already_enrolled", None, None, "unknown_reference"]
    late = await reachable(client, tags=["fair"])
    by_filter = {"filter": {"tags": {"has": "fair"}}}
    found = (await client.post(path, json=by_filter)).json()
    assert [result["contact_id"] for result in found["results"]] == [late["id"]]
    problem(await client.post(path, json={}), 422)
    problem(await client.post(path, json={"filter": {"nothing": 1}}), 422)


async def test_who_does_not_see_a_contact_sees_no_enrolment_of_theirs(client):
    every = {"read": "all", "create": "all", "update": "all", "delete": "all"}
    own = dict.fromkeys(every, "own")
    levels = {"contacts": own, "sequences": every, "sequence_enrolments": every}
    one = await member(client, await custom_role(client, levels=levels))
    sequence = await published(client, HOLD)
    mine = await reachable(client, owner_id=one.id)
    theirs = await reachable(client)
    seen, unseen = [await enrolled(client, sequence, person) for person in (mine, theirs)]
    listed = (await one.api.read("sequence-enrolments"))["data"]
    assert [row["id"] for row in listed] == [seen["id"]]
    path = f"/v1/sequence-enrolments/{unseen['id']}"
    for answer in (
        await one.api.get(path),
        await one.api.get(f"{path}/steps"),
        await one.api.post(f"{path}/pause"),
    ):
        problem(answer, 404)
    ids = {"contact_ids": [theirs["id"]]}
    answer = await one.api.post(f"/v1/sequences/{sequence['id']}/enrol", json=ids)
    assert answer.json()["results"][0]["code"] == "unknown_reference"
    asked = {"contact_id": theirs["id"]}
    problem(await one.api.post(f"/v1/sequences/{sequence['id']}/preview", json=asked), 422)


async def test_people_who_become_one_go_through_it_once(client):
    sequence = await published(client, HOLD)
    people = [await reachable(client) for _ in "ab"]
    ones = [await enrolled(client, sequence, person) for person in people]
    body = {"winner_id": people[0]["id"], "loser_ids": [people[1]["id"]]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.is_success, answer.text
    states = [(await client.read(f"sequence-enrolments/{one['id']}"))["status"] for one in ones]
    assert states == ["active", "exited"]


@pytest.mark.parametrize(
    ("steps", "pointer"),
    [
        ([{}], "/steps/0/action"),
        ([{"action": ["mail"]}], "/steps/0/action"),
        ([{"action": "branch", "if": {}, "then": [5]}], "/steps/0/then/0"),
        ([{"action": "branch", "if": {}, "then": {"action": "stop"}}], "/steps/0/then"),
    ],
)
async def test_what_is_no_step_is_told_before_it_runs(client, steps, pointer):
    made = await client.made("sequences", {"name": "Example", "purpose": "news", "steps": steps})
    path = f"/v1/sequences/{made['id']}"
    refused = problem(await client.post(f"{path}/publish"), 422)
    assert pointer in [fault["pointer"] for fault in refused["errors"]]
    contact = await reachable(client)
    shown = await client.post(f"{path}/preview", json={"contact_id": contact["id"]})
    assert shown.status_code == 200, shown.text
    assert any(step["mistakes"] for step in shown.json()["steps"])
