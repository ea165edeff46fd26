"""What other parts see of sequences: the picture of a customer, erasure, switches, rights."""

from uuid import UUID, uuid4

import pytest

from support.mails import mail, take
from support.members import custom_role, member
from support.sequences import MAIL, becomes, did, enrolled, published, reachable, steps_of
from support.waiting import patiently

HOLD = {"action": "task", "subject": "Look"}
_NEXT = "SELECT next_at > now() + interval '10 minutes' FROM sequence_enrolments WHERE id = $1"


async def with_channel(client, *steps, **more):
    address = f"{uuid4().hex}@example.com"
    channel = await client.made("channels", {"name": "News", "addresses": [address]})
    return address, await published(client, *steps, channel_id=channel["id"], **more)


async def test_an_answer_ends_it_for_whom_it_should(client, worker):
    address, sequence = await with_channel(client, HOLD, HOLD)
    contact = await reachable(client)
    one = await enrolled(client, sequence, contact, ends_on_reply=False)
    await becomes(client, one, waiting_for="task")
    await take(client, mail(sender=contact["address"], to=address, id=f"{uuid4().hex}@example.org"))
    await did(client, "sequence-enrolments", one, "complete")
    await becomes(client, one, waiting_for="task", step="/steps/1")
    # From here on it does.
    await client.changed(f"sequence-enrolments/{one['id']}", {"ends_on_reply": True})
    await did(client, "sequence-enrolments", one, "complete")
    assert (await becomes(client, one, status="exited"))["exit_reason"] == "replied"


async def test_only_answers_in_its_conversation_count_where_that_is_said(client, worker):
    address, sequence = await with_channel(client, MAIL, HOLD, HOLD, reply_scope="thread")
    contact = await reachable(client)
    one = await enrolled(client, sequence, contact)
    waiting = await becomes(client, one, waiting_for="task")
    other = f"{uuid4().hex}@example.org"
    raw = mail(sender=contact["address"], to=address, id=other, subject="Something else")
    await take(client, raw)
    await did(client, "sequence-enrolments", one, "complete")
    await becomes(client, one, waiting_for="task", step="/steps/2")
    sent = await client.read(f"messages/{waiting['message_id']}")
    own = {"In_Reply_To": f"<{sent['message_id']}>"}
    await take(
        client,
        mail(sender=contact["address"], to=address, id=f"{uuid4().hex}@example.org", **own),
    )
    assert (await becomes(client, one, status="exited"))["exit_reason"] == "replied"


async def test_the_picture_shows_who_is_in_a_sequence(client):
    company = await client.made("companies", {"name": "Example Industries"})
    contact = await reachable(client, company_id=company["id"])
    one = await enrolled(client, await published(client, HOLD), contact)
    for path in (f"contacts/{contact['id']}", f"companies/{company['id']}"):
        found = await client.read(f"{path}/360", sections="sequences")
        (section,) = found["sections"]
        assert section["name"] == "sequences"
        assert one["id"] in str(section["data"])
    for path in (f"contacts/{contact['id']}", "contacts"):
        assert one["id"] in str(await client.read(path, include="sequence_enrolments"))
    below = await client.read(f"contacts/{contact['id']}/sequence-enrolments")
    assert [row["id"] for row in below["data"]] == [one["id"]]


async def test_of_whoever_is_erased_no_enrolment_is_left(client, worker):
    contact = await reachable(client)
    one = await enrolled(client, await published(client, HOLD), contact)
    await becomes(client, one, waiting_for="task")
    body = {"kind": "erasure", "record_id": contact["id"]}
    made = await client.made("subject-requests", body)
    path = f"/v1/subject-requests/{made['id']}"
    answer = await client.post(f"{path}/verify", json={"verification": "Saw a passport"})
    assert answer.is_success, answer.text
    answer = await client.post(f"{path}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    assert (await client.get(f"/v1/sequence-enrolments/{one['id']}")).status_code == 404


async def test_switched_off_nothing_is_taken_and_it_goes_on_afterwards(
    client, owner, worker_process
):
    one = await enrolled(client, await published(client, HOLD), await reachable(client))
    answer = await client.post("/v1/modules/sequences/disable", params={"cascade": "true"})
    assert answer.is_success, answer.text
    worker_process()
    async for _ in patiently():
        if await owner.fetchval(_NEXT, UUID(one["id"])):
            break
    answer = await client.post("/v1/modules/sequences/enable", params={"cascade": "true"})
    assert answer.is_success, answer.text
    assert await steps_of(client, one) == []
    await did(client, "sequence-enrolments", one, "pause")
    await did(client, "sequence-enrolments", one, "resume")
    await becomes(client, one, waiting_for="task")


@pytest.mark.parametrize("verb", ["pause", "resume", "skip", "complete", "remove", "move"])
async def test_actions_take_the_right_to_change_enrolments(client, verb):
    levels = {"contacts": {"read": "all"}, "sequence_enrolments": {"read": "all"}}
    reader = await member(client, await custom_role(client, levels=levels))
    one = await enrolled(client, await published(client, HOLD), await reachable(client))
    body = {} if verb in {"complete", "remove", "move"} else None
    answer = await reader.api.post(f"/v1/sequence-enrolments/{one['id']}/{verb}", json=body)
    assert answer.status_code == 403, answer.text
    assert (await client.read(f"sequence-enrolments/{one['id']}"))["version"] == 1


async def test_who_publishes_sees_what_it_says(client):
    masks = {"contact": {"hidden": ["birth_date"]}}
    levels = {
        area: {"read": "all", "create": "all", "update": "all"}
        for area in ("contacts", "sequences")
    }
    role = await custom_role(client, levels=levels, masks=masks)
    one = await member(client, role)
    steps = [{**HOLD, "subject": "Born on {{ contact.birth_date }}"}]
    made = await one.api.made("sequences", {"name": "Example", "purpose": "news", "steps": steps})
    answer = await one.api.post(f"/v1/sequences/{made['id']}/publish")
    assert answer.status_code == 403, answer.text
