"""Mailings of campaigns: who of the audience gets what, what becomes of it, and who gets nothing."""

from collections import Counter
from uuid import uuid4

from support.clients import problem
from support.journeys import END, comes_to, entered, node, running, went
from support.letters import arrived, letters_to
from support.mailings import CONTENT, TO, did, mailing, reader, settled, sink
from support.members import custom_role, member


async def segment_of(client, *people):
    made = await client.made("segments", {"name": uuid4().hex, "kind": "static"})
    ids = [one["id"] for one in people]
    answer = await client.post(f"/v1/segments/{made['id']}/members", json={"add": ids})
    assert answer.status_code == 200, answer.text
    return made


async def campaign_to(client, *people, **more):
    segment = await segment_of(client, *people)
    own = {"name": "Spring", "kind": "email", "include_segment_ids": [segment["id"]], **TO}
    return await client.made("campaigns", {**own, **more})


async def moved(client, campaign, verb, status=200):
    answer = await client.post(f"/v1/campaigns/{campaign['id']}/{verb}")
    assert answer.status_code == status, answer.text
    return answer.json()


async def members_of(client, campaign):
    found = await client.read(f"campaigns/{campaign['id']}/members", limit=50)
    return {one["contact_id"]: one for one in found["data"]}


async def test_a_campaign_sends_to_its_audience_by_variants(client, worker, settings):
    people = [await reader(client) for _ in range(8)]
    left_out = await reader(client, agreed=False)
    made = await client.made("segments", {"name": uuid4().hex, "kind": "static"})
    ids = [one["id"] for one in (*people, left_out)]
    await client.post(f"/v1/segments/{made['id']}/members", json={"add": ids})
    split = [{"key": "A"}, {"key": "B"}]
    own = {"name": "Spring", "include_segment_ids": [made["id"]], "holdout_percent": 25, **TO}
    campaign = await client.made("campaigns", {**own, "variants": split})
    contents = [{**CONTENT, "variant": key, "subject": f"This is {key}"} for key in ("A", "B")]
    half = await mailing(client, contents[0], campaign_id=campaign["id"])
    answer = await client.post(f"/v1/campaigns/{campaign['id']}/launch")
    assert answer.status_code == 409, answer.text
    await client.patch(f"/v1/mailings/{half['id']}", json={"contents": contents})
    answer = await client.post(f"/v1/campaigns/{campaign['id']}/launch")
    assert answer.status_code == 200, answer.text
    path = f"campaigns/{campaign['id']}/members"
    members = {one["contact_id"]: one for one in (await client.read(path, limit=50))["data"]}
    sends = await settled(client, half)
    wanted = {id: m["variant"] for id, m in members.items() if m["variant"]}
    assert {one["contact_id"]: one["variant"] for one in sends} == wanted
    assert Counter(wanted.values()) == {"A": 3, "B": 3}
    held = [id for id, m in members.items() if m["is_holdout"]]
    assert len(held) == 2
    # Who is held out gets nothing of it, whoever asks.
    if (await client.read(f"mailings/{half['id']}"))["status"] == "running":
        assert (await did(client, half, "send", contact_ids=held, step="more"))["queued"] == 0
    for person in people:
        letters = arrived(settings.mail_outbox, person["address"])
        said = [f"This is {wanted[person['id']]}"] if person["id"] in wanted else []
        assert [one["Subject"] for one in letters] == said
    found = await client.read(f"mailings/{half['id']}/results")
    assert {one["variant"]: one["sent"] for one in found["variants"]} == {"A": 3, "B": 3}


async def test_what_says_nothing_to_somebody_of_the_audience_is_not_launched(client):
    fine, nameless = await reader(client), await reader(client, first_name=None)
    campaign = await campaign_to(client, fine, nameless)
    content = {**CONTENT, "subject": "{{ contact.first_name }}"}
    made = await mailing(client, content, campaign_id=campaign["id"])
    answer = await client.post(f"/v1/campaigns/{campaign['id']}/launch")
    found = problem(answer, 409, "blocked_transition")
    assert [(one["pointer"], one["code"]) for one in found["errors"]] == [
        ("/contents/0/subject", "empty")
    ]
    assert (await client.read(f"campaigns/{campaign['id']}"))["status"] == "draft"
    await client.patch(f"/v1/mailings/{made['id']}", json={"contents": [CONTENT]})
    assert (await moved(client, campaign, "launch"))["status"] == "running"


async def test_members_tell_what_became_of_their_mails(client, anonymous, worker, settings):
    english, german = await reader(client), await reader(client, language="de-AT")
    barred, excluded = await reader(client), await reader(client, agreed=False)
    await client.made("suppressions", {"kind": "email", "value": barred["address"]})
    campaign = await campaign_to(client, english, german, barred, excluded)
    contents = CONTENT, {**CONTENT, "language": "de", "subject": "Neues"}
    made = await mailing(client, *contents, campaign_id=campaign["id"])
    await moved(client, campaign, "launch")
    await settled(client, made)
    (letter,) = await letters_to(settings.mail_outbox, german["address"], 1)
    assert letter["Subject"] == "Neues"
    link = letter["List-Unsubscribe"].strip("<>").partition("/public/")[2]
    assert (await anonymous.post(f"/public/{link}")).status_code == 200
    members = await members_of(client, campaign)
    # Whoever is suppressed was frozen with the others, and is refused as it would leave.
    assert {
        one["id"]: members[one["id"]]["status"] for one in (english, german, barred, excluded)
    } == {
        english["id"]: "sent",
        german["id"]: "unsubscribed",
        barred["id"]: "suppressed",
        excluded["id"]: None,
    }
    assert members[barred["id"]]["reasons"] == ["suppressed"]
    assert members[barred["id"]]["sent_at"] is None
    assert members[excluded["id"]]["excluded_reason"] == "no_consent"
    assert members[german["id"]]["sent_at"] <= members[german["id"]]["unsubscribed_at"]
    assert members[english["id"]]["opened_at"] is None
    assert arrived(settings.mail_outbox, barred["address"]) == []
    audience = await client.read(f"campaigns/{campaign['id']}/audience")
    assert audience["reasons"] == [{"reason": "no_consent", "count": 1}]
    assert audience["refused"] == [{"reason": "suppressed", "count": 1}]
    path = f"campaigns/{campaign['id']}/members"
    for asked, wanted in (
        ({"status": "sent"}, [english]),
        ({"status": "suppressed"}, [barred]),
        ({"did": "sent"}, [english, german]),
        ({"did": "unsubscribed"}, [german]),
        ({"did": "sent", "status": "unsubscribed"}, [german]),
        ({"did": "clicked"}, []),
        ({"did": "sent", "is_excluded": "true"}, []),
    ):
        found = await client.read(path, **asked)
        assert [one["contact_id"] for one in found["data"]] == sorted(one["id"] for one in wanted)
        assert found["next_cursor"] is None
    page = await client.read(path, did="sent", limit=1)
    rest = await client.read(path, did="sent", limit=1, cursor=page["next_cursor"])
    both = [one["contact_id"] for one in (*page["data"], *rest["data"])]
    assert both == sorted([english["id"], german["id"]])
    problem(await client.get(f"/v1/{path}", params={"did": "danced"}), 422)
    some = "query ($id: UUID!, $i: CampaignMembersAskedInput) { campaignMembers(id: $id, input: $i) { data { contactId } } }"
    told = await client.data(some, id=campaign["id"], i={"did": "unsubscribed"})
    assert told["campaignMembers"]["data"] == [{"contactId": german["id"]}]
    levels = {name: {"read": "all"} for name in ("contacts", "campaigns")}
    reader_only = (await member(client, await custom_role(client, levels=levels))).api
    assert (await reader_only.get(f"/v1/{path}")).status_code == 200
    problem(await reader_only.get(f"/v1/{path}", params={"did": "sent"}), 403)
    query = "query ($id: UUID!) { campaignMembers(id: $id) { data { contactId status reasons } } }"
    told = (await client.data(query, id=campaign["id"]))["campaignMembers"]["data"]
    assert {one["contactId"]: one["status"] for one in told} == {
        id: one["status"] for id, one in members.items()
    }


async def test_who_is_held_out_is_mailed_by_nobody(client, worker, settings):
    people = [await reader(client) for _ in range(4)]
    campaign = await campaign_to(client, *people, holdout_percent=50)
    made = await mailing(client, campaign_id=campaign["id"], is_ongoing=True)
    await moved(client, campaign, "launch")
    members = await members_of(client, campaign)
    held = [one for one in people if members[one["id"]]["is_holdout"]]
    others = [one for one in people if one not in held]
    assert (len(held), len(others)) == (2, 2)
    ids = [one["id"] for one in held]
    assert (await did(client, made, "send", contact_ids=ids, step="by_name"))["queued"] == 0
    segment = await segment_of(client, *held)
    asked = {"segment_id": segment["id"], "step": "by_segment"}
    assert (await did(client, made, "send", **asked))["queued"] == 0
    step = {"action": "send_mailing", "mailing_id": made["id"]}
    journey = await running(client, node("mail", "action", step=step, next="end"), END)
    for one in (held[0], others[0]):
        run = await entered(client, journey, one)
        await comes_to(client, run, status="finished")
        assert await went(client, run) == [("mail", "next"), ("end", None)]
    # By the audience and by the journey, which are two steps.
    await letters_to(settings.mail_outbox, others[0]["address"], 2)
    await letters_to(settings.mail_outbox, others[1]["address"], 1)
    sends = await settled(client, made)
    assert {one["contact_id"] for one in sends} == {one["id"] for one in others}
    assert [arrived(settings.mail_outbox, one["address"]) for one in held] == [[], []]
    assert [(await members_of(client, campaign))[id]["status"] for id in ids] == [None, None]


async def test_who_is_held_out_is_mailed_as_nobody_else(client, worker_process):
    people = [await reader(client) for _ in range(2)]
    campaign = await campaign_to(client, *people, holdout_percent=50)
    made = await mailing(client, campaign_id=campaign["id"])
    await moved(client, campaign, "launch")
    members = await members_of(client, campaign)
    held, other = sorted(people, key=lambda one: not members[one["id"]]["is_holdout"])
    merge = {"winner_id": held["id"], "loser_ids": [other["id"]]}
    answer = await client.post("/v1/contacts/merge", json=merge)
    assert answer.is_success, answer.text
    async with sink() as server:
        worker_process(CRM_SMTP_URL=server.url)
        (send,) = await settled(client, made)
    assert (send["status"], send["reasons"], server.taken) == ("suppressed", ["merged"], [])


SEND = """
mutation ($id: UUID!, $input: SendInput!) { sendMailing(id: $id, input: $input) { queued } }
"""


async def test_a_campaign_mails_nobody_outside_its_audience(client, worker, settings):
    inside, outside = await reader(client), await reader(client)
    campaign = await campaign_to(client, inside)
    made = await mailing(client, campaign_id=campaign["id"], is_ongoing=True)
    await moved(client, campaign, "launch")
    both = [inside["id"], outside["id"]]
    answer = await client.post(f"/v1/mailings/{made['id']}/send", json={"contact_ids": both})
    found = problem(answer, 422)
    told = [(one["pointer"], one["code"]) for one in found["errors"]]
    assert told == [("/contact_ids/1", "not_in_audience")]
    answer = await client.gql(SEND, id=made["id"], input={"contactIds": both})
    (error,) = answer["errors"]
    told = [(one["pointer"], one["code"]) for one in error["extensions"]["problem"]["errors"]]
    assert told == [("/contact_ids/1", "not_in_audience")]
    # Of a segment those of the audience get it; whom a journey meets outside of it gets nothing.
    segment = await segment_of(client, inside, outside)
    asked = {"segment_id": segment["id"], "step": "by_segment"}
    assert (await did(client, made, "send", **asked))["queued"] == 1
    step = {"action": "send_mailing", "mailing_id": made["id"]}
    journey = await running(client, node("mail", "action", step=step, next="end"), END)
    run = await entered(client, journey, outside)
    await comes_to(client, run, status="finished")
    assert {one["contact_id"] for one in await settled(client, made)} == {inside["id"]}
    assert arrived(settings.mail_outbox, outside["address"]) == []


async def test_a_campaign_without_an_audience_mails_whom_it_is_told(client, worker):
    campaign = await client.made("campaigns", {"name": "Fair", "kind": "event"})
    made = await mailing(client, campaign_id=campaign["id"], is_ongoing=True)
    await moved(client, campaign, "launch")
    person = await reader(client)
    assert (await did(client, made, "send", contact_ids=[person["id"]]))["queued"] == 1
    assert [one["status"] for one in await settled(client, made)] == ["sent"]


async def test_a_journey_mails_a_person_once_or_once_in_each_run(client, worker, settings):
    person, made = await reader(client), await mailing(client, is_ongoing=True)
    await did(client, made, "start")
    step = {"action": "send_mailing", "mailing_id": made["id"]}
    twice = (
        node("first", "action", step=step, next="second"),
        node("second", "action", step={**step, "again": True}, next="third"),
        node("third", "action", step={**step, "again": True}, next="end"),
    )
    journey = await running(client, *twice, END, re_entry={"mode": "always"})
    for count in (2, 3):
        run = await entered(client, journey, person)
        await comes_to(client, run, status="finished")
        await letters_to(settings.mail_outbox, person["address"], count)
    assert len(await settled(client, made)) == 3


async def test_mailings_end_with_their_campaign(client):
    # Without a worker nothing leaves, so something is left to be called off.
    person = await reader(client)
    for verb, ends_as in (("complete", "completed"), ("cancel", "cancelled")):
        campaign = await campaign_to(client, person)
        made = await mailing(client, campaign_id=campaign["id"])
        await moved(client, campaign, "launch")
        await moved(client, campaign, "pause")
        await moved(client, campaign, verb)
        assert (await client.read(f"mailings/{made['id']}"))["status"] == ends_as
        (member,) = (await members_of(client, campaign)).values()
        assert member["status"] == "cancelled"
