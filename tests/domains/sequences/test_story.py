"""Somebody goes through a sequence, over REST and over GraphQL, till they answer."""

from support.letters import letters_to
from support.mails import mail, take
from support.sequences import MAIL, becomes, did, enrolled, published, reachable, steps_of
from support.waiting import patiently


async def test_a_story_over_rest(client, worker, settings):
    company = await client.made("companies", {"name": "Example Industries"})
    contact = await reachable(client, company_id=company["id"])
    call = {"action": "call", "subject": "Call {{ contact.last_name }}", "due_in_days": 1}
    again = {"action": "mail", "body": "Is {{ company.name }} still in it?", "goes_on": True}
    branch = {
        "action": "branch",
        "if": {"company": {"industry": {"eq": "bank"}}},
        "then": [{"action": "stop"}],
        "else": [again],
    }
    sequence = await published(client, MAIL, call, branch, {"action": "wait", "duration": "3d"})
    one = await enrolled(client, sequence, contact, note="Met at the fair.")
    assert (one["status"], one["step"], one["sequence_version"]) == ("active", "/steps/0", 1)
    waiting = await becomes(client, one, waiting_for="task", step="/steps/1")
    (letter,) = await letters_to(settings.mail_outbox, contact["address"], 1)
    assert letter["Subject"] == "Hello Sample"
    task = await client.read(f"tasks/{waiting['task_id']}")
    assert (task["kind"], task["subject"]) == ("call", "Call Person")
    assert (task["contact_id"], task["company_id"]) == (contact["id"], company["id"])
    # The task is done where tasks are done: the sequence hears of it.
    await did(client, "tasks", task, "complete")
    late = await becomes(client, one, waiting_for="time", step="/steps/3")
    assert late["next_at"] is not None
    first, second = await letters_to(settings.mail_outbox, contact["address"], 2)
    assert "Is Example Industries still in it?" in second.get_content() + first.get_content()
    assert {first["References"], second["References"]} == {None, letter["Message-ID"]}
    # They answer, and no further step is taken.
    own = {"In_Reply_To": letter["Message-ID"]}
    to = str(letter["From"]).rpartition("<")[2].rstrip(">")
    await take(client, mail(sender=contact["address"], to=to, id="answer@example.org", **own))
    gone = await becomes(client, one, status="exited")
    assert (gone["exit_reason"], gone["next_at"]) == ("replied", None)
    assert await steps_of(client, one) == [
        ("/steps/0", "mail", "sent"),
        ("/steps/1", "call", "done"),
        ("/steps/2", "branch", "done"),
        ("/steps/2/else/0", "mail", "sent"),
        ("/steps/3", "wait", "waiting"),
    ]
    told = [event["type"].partition(".")[2] for event in await client.told(one["id"], 8)]
    assert (told[0], told[-1]) == ("created", "exited")
    assert told.count("step_done") == 4
    found = await client.read(f"sequences/{sequence['id']}/results")
    assert (found["enrolled"], found["exited"], found["replied"]) == (1, 1, 1)
    assert found["reply_rate"] == "1.0000"
    assert found["exits"] == [{"reason": "replied", "count": 1}]
    by_place = {step["place"]: step for step in found["steps"]}
    assert by_place["/steps/0"]["sent"] == 1
    assert by_place["/steps/2/else/0"]["replied"] == 1


async def test_a_story_over_graphql(client, worker, settings):
    contact = await reachable(client)
    channel = await client.made("channels", {"name": "News", "addresses": ["news@example.com"]})
    steps = [MAIL, {"action": "task", "subject": "Send the plan", "kind": "todo"}]
    document = """mutation($input: SequenceCreateInput!) {
        createSequence(input: $input) { id status } }"""
    given = {"name": "News", "purpose": "news", "channelId": channel["id"], "steps": steps}
    window = {"weekdays": ["monday"], "startsAt": "00:00", "endsAt": "23:59"}
    made = (await client.data(document, input={**given, "sendWindow": window}))["createSequence"]
    assert made["status"] == "draft"
    every = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    patch = {"send_window": {"weekdays": every, "starts_at": "00:00", "ends_at": "23:59"}}
    await client.changed(f"sequences/{made['id']}", patch)
    preview = """query($id: UUID!, $input: SequencePreviewInput!) {
        sequencePreview(id: $id, input: $input) {
            timeZone steps { place variants { subject } mistakes { code } } } }"""
    shown = await client.data(preview, id=made["id"], input={"contactId": contact["id"]})
    assert shown["sequencePreview"]["steps"][0] == {
        "place": "/steps/0",
        "variants": [{"subject": "Hello Sample"}],
        "mistakes": [],
    }
    document = "mutation($id: UUID!) { publishSequence(id: $id) { status publishedVersion } }"
    done = (await client.data(document, id=made["id"]))["publishSequence"]
    assert done == {"status": "active", "publishedVersion": 1}
    document = """mutation($id: UUID!, $input: EnrollingInput!) {
        enrolInSequence(id: $id, input: $input) {
            enrolled refused results { enrolmentId code } } }"""
    ids = {"contactIds": [contact["id"]]}
    first = (await client.data(document, id=made["id"], input=ids))["enrolInSequence"]
    second = (await client.data(document, id=made["id"], input=ids))["enrolInSequence"]
    assert (first["enrolled"], second["refused"]) == (1, 1)
    assert second["results"][0]["code"] == "already_enrolled"
    one = {"id": first["results"][0]["enrolmentId"]}
    await becomes(client, one, waiting_for="task")
    document = """mutation($id: UUID!) { completeSequenceEnrolment(id: $id, reason: "Sent") {
        status contact { lastName } sequence { name } } }"""
    done = (await client.data(document, id=one["id"]))["completeSequenceEnrolment"]
    assert done == {
        "status": "active",
        "contact": {"lastName": "Person"},
        "sequence": {"name": "News"},
    }
    await becomes(client, one, status="finished")
    document = """query($id: UUID!, $one: UUID!) {
        sequenceResults(id: $id) { finished steps { place sent done } }
        sequenceEnrolmentSteps(id: $one) { outcome }
        sequenceVersions(id: $id) { number } sequenceVocabulary { roots } }"""
    found = await client.data(document, id=made["id"], one=one["id"])
    assert found["sequenceResults"] == {
        "finished": 1,
        "steps": [
            {"place": "/steps/0", "sent": 1, "done": 0},
            {"place": "/steps/1", "sent": 0, "done": 1},
        ],
    }
    assert [step["outcome"] for step in found["sequenceEnrolmentSteps"]] == ["sent", "done"]
    assert found["sequenceVersions"] == [{"number": 1}]
    async for _ in patiently():
        events = await client.read("events", types="sequence_enrolment.finished")
        if len(events["data"]) == 1:
            break
