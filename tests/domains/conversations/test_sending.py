"""Answers and other messages on their way out, and the signed port of other channels."""

import asyncio
import json
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from crm_api.domains.conversations.jobs import send_message
from crm_api.platform.webhooks.signing import signature
from support.clients import problem
from support.letters import letters_to
from support.mails import SUPPORT, channel, ended, mail, reply, take
from support.waiting import patiently


@pytest.fixture
def to():
    """Somebody to whom no other test writes: all of them have one outbox."""
    return f"{uuid4().hex}@example.org"


async def granted(client, contact, purpose="news"):
    body = {"target": "contact", "record_id": contact["id"], "purpose": purpose}
    answer = await client.post(
        "/v1/consents",
        json={
            **body,
            "channel": "email",
            "state": "granted",
            "basis": "consent",
            "evidence": {"source": "form"},
        },
    )
    assert answer.status_code == 201, answer.text


async def test_an_answer_leaves_in_its_thread_and_tells_the_case(client, to, worker, settings):
    await channel(client, opens_cases=True)
    receipt = await take(
        client, mail(sender=to, subject="Der Bildschirm\r\n bleibt =?utf-8?Q?dunkel=C3=A4?=")
    )
    queued = await reply(client, receipt)
    assert queued["status"] == "queued"
    sent = await ended(client, queued, "sent")
    (letter,) = await letters_to(settings.mail_outbox, to, 1)
    assert letter["Message-ID"] == f"<{sent['message_id']}>"
    assert letter["In-Reply-To"] == letter["References"] == "<first@example.org>"
    assert letter["From"] == f"Support <{SUPPORT}>"
    assert letter["Subject"] == "Re: Der Bildschirm bleibt dunkelä"
    assert letter["Auto-Submitted"] is None
    case = await client.read(f"cases/{receipt['case_id']}")
    assert case["status"] == "in_progress"
    thread = await client.read(f"conversations/{receipt['conversation_id']}")
    assert (thread["needs_answer"], thread["message_count"]) == (False, 2)
    # What is answered to that finds its thread, and what comes back itself is known.
    own = {"In_Reply_To": f"<{sent['message_id']}>"}
    again = await take(client, mail(sender=to, id="second@example.org", subject="x", **own))
    assert again["conversation_id"] == receipt["conversation_id"]
    back = await take(client, letter.as_bytes(), 200)
    assert (back["result"], back["id"]) == ("repeated", sent["id"])


async def test_what_stands_against_it_keeps_an_answer_back(client, to):
    await channel(client)
    receipt = await take(client, mail(sender=to))
    await client.made("suppressions", {"kind": "email", "value": to, "reason": "manual"})
    refused = await reply(client, receipt, 409)
    assert refused["code"] == "outreach_refused"
    assert [fault["code"] for fault in refused["errors"]] == ["suppressed"]
    foreign = await reply(client, receipt, 422, to="other@example.net")
    assert foreign["errors"][0]["code"] == "takes_no_part"


async def test_what_nobody_asked_for_needs_a_consent_also_when_it_leaves(client, to, worker):
    made = await channel(client)
    contact = await client.made("contacts", {"last_name": "Sample", "email": to})
    body = {
        "contact_id": contact["id"],
        "channel_id": made["id"],
        "body": "Hello",
        "purpose": "news",
    }
    refused = problem(await client.post("/v1/messages", json=body), 409)
    assert refused["errors"][0]["code"] == "no_consent"
    await granted(client, contact)
    sent = (await client.post("/v1/messages", json={**body, "subject": "News"})).json()
    assert (await ended(client, sent, "sent"))["contact_id"] == contact["id"]
    later = {**body, "at": datetime(2100, 1, 1, tzinfo=UTC).isoformat()}
    waiting = (await client.post("/v1/messages", json=later)).json()
    assert (await client.read(f"messages/{waiting['id']}"))["status"] == "queued"


async def test_a_message_is_sent_once_in_the_eyes_of_the_database(
    client, to, worker, owner, settings
):
    await channel(client)
    queued = await reply(client, await take(client, mail(sender=to)))
    await ended(client, queued, "sent")
    await owner.execute(
        "UPDATE jobs SET status = 'queued', finished_at = NULL, attempts = 0, run_at = now() "
        "WHERE kind = 'messages.send' AND args ->> 'message_id' = $1",
        queued["id"],
    )
    async for _ in patiently():
        state = "SELECT status FROM jobs WHERE args ->> 'message_id' = $1"
        if await owner.fetchval(state, queued["id"]) == "succeeded":
            break
    assert len(await letters_to(settings.mail_outbox, to, 1)) == 1
    events = await client.read("events", types="message.sent")
    assert len(events["data"]) == 1
    assert send_message.message.kind == "messages.send"


async def test_an_acknowledgement_is_a_program_and_comes_once(client, to, worker, settings):
    await channel(client, acknowledges=True, acknowledgement="It is here.")
    await take(client, mail(sender=to))
    (letter,) = await letters_to(settings.mail_outbox, to, 1)
    assert letter["Auto-Submitted"] == "auto-replied"
    assert "It is here." in letter.get_content()
    await take(client, mail(sender=to, id="2@example.org", In_Reply_To="<first@example.org>"))
    assert len(await letters_to(settings.mail_outbox, to, 1)) == 1


async def test_a_bounce_marks_the_address(client, to, worker):
    made = await channel(client)
    contact = await client.made("contacts", {"last_name": "Sample", "email": to})
    await granted(client, contact)
    body = {
        "contact_id": contact["id"],
        "channel_id": made["id"],
        "body": "Hello",
        "purpose": "news",
    }
    sent = await ended(client, (await client.post("/v1/messages", json=body)).json(), "sent")
    report = (
        f"From: MAILER-DAEMON@example.net\r\nTo: {SUPPORT}\r\nReturn-Path: <>\r\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=edge\r\n\r\n"
        "--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n"
        f"Final-Recipient: rfc822; {to}\r\nStatus: 5.1.1\r\n\r\n"
        "--edge\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: <{sent['message_id']}>\r\n\r\n--edge--\r\n"
    )
    receipt = await take(client, report.encode())
    assert (receipt["kind"], receipt["conversation_id"]) == ("bounce", sent["conversation_id"])
    assert (await client.read(f"messages/{receipt['id']}"))["bounced_id"] == sent["id"]
    assert (await client.read(f"contacts/{contact['id']}"))["emails"][0]["status"] == "bounced"
    refused = problem(await client.post("/v1/messages", json=body), 409)
    assert refused["errors"][0]["code"] == "address_unusable"


def signed(secret, body, id="msg_1", at=None):
    at = int(time.time()) if at is None else at
    return {
        "content": body,
        "headers": {
            "Content-Type": "application/json",
            "webhook-id": id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature([secret], id, at, body),
        },
    }


async def ported(client, **more):
    made = await client.made("channels", {"name": "Chat", "kind": "whatsapp", **more})
    path = f"/v1/channels/{made['id']}/rotate-secret"
    secret = (await client.post(path, json={})).json()
    return made, secret, path


async def test_a_signed_message_comes_in_once(client, anonymous):
    contact = await client.made("contacts", {"last_name": "Sample", "phone": "+4930123456"})
    _, secret, path = await ported(client, opens_cases=True)
    body = json.dumps({"id": "x1", "sender": "+49 30 123456", "body": "Hello"}).encode()
    sent = signed(secret["secret"], body)
    answers = await asyncio.gather(*[anonymous.post(secret["path"], **sent) for _ in range(5)])
    assert sorted(one.status_code for one in answers) == [200] * 4 + [201]
    receipt = answers[0].json()
    assert receipt["contact_id"] == contact["id"]
    assert receipt["case_id"] is not None
    assert len((await client.read("messages"))["data"]) == 1
    other = json.dumps({"id": "x2", "sender": "+49 30 123456", "body": "Again"}).encode()
    second = await anonymous.post(secret["path"], **signed(secret["secret"], other))
    assert second.json()["conversation_id"] == receipt["conversation_id"]
    new = (await client.post(path, json={"grace_period_seconds": 0})).json()["secret"]
    assert (await anonymous.post(secret["path"], **sent)).status_code == 401
    assert (await anonymous.post(secret["path"], **signed(new, body))).status_code == 200


async def test_what_is_not_signed_is_refused(client, anonymous):
    _, secret, _ = await ported(client)
    body = json.dumps({"id": "x1", "sender": "sample", "body": "Hello"}).encode()
    good = signed(secret["secret"], body)
    assert (await anonymous.post(secret["path"], content=body)).status_code == 401
    assert (
        await anonymous.post(secret["path"], **{**good, "content": body + b" "})
    ).status_code == 401
    for shift in (-600, 600):
        old = signed(secret["secret"], body, at=int(time.time()) + shift)
        assert problem(await anonymous.post(secret["path"], **old), 401)["code"] == "old_signature"
    foreign = signed((await ported(client, name="Other"))[1]["secret"], body)
    assert problem(await anonymous.post(secret["path"], **foreign), 401)
    assert (await client.read("messages"))["data"] == []
    assert (await anonymous.post("/v1/inbox/messages?channel=x", **good)).status_code == 401
    wrong = signed(secret["secret"], b'{"id": "x", "sender": "a", "more": 1}')
    assert problem(await anonymous.post(secret["path"], **wrong), 422)["errors"]
    broken = signed(secret["secret"], b"{")
    assert problem(await anonymous.post(secret["path"], **broken), 400)["code"] == "malformed"


async def test_an_answer_by_another_channel_is_an_event_for_whoever_runs_it(
    client, anonymous, worker
):
    _, secret, _ = await ported(client)
    body = json.dumps({"id": "x1", "sender": "sample", "body": "Hello", "thread": "t1"}).encode()
    receipt = (await anonymous.post(secret["path"], **signed(secret["secret"], body))).json()
    await ended(client, await reply(client, receipt), "sent")
    (event,) = (await client.read("events", types="message.sent"))["data"]
    assert (event["data"]["body"], event["data"]["channel"]) == ("We send another one.", "whatsapp")
    assert event["data"]["recipients"][0]["address"] == "sample"


async def test_conversations_wait_end_and_open_again_by_themselves(client):
    await channel(client)
    receipt = await take(client, mail())
    path = f"/v1/conversations/{receipt['conversation_id']}"
    assert (await client.post(f"{path}/read")).json()["is_unread"] is False
    assert (await client.post(f"{path}/close")).json()["status"] == "closed"
    assert problem(await client.post(f"{path}/pend"), 409)["code"] == "illegal_transition"
    await take(client, mail(id="2@example.org", In_Reply_To="<first@example.org>"))
    shown = (await client.get(path)).json()
    assert (shown["status"], shown["is_unread"], shown["closed_at"]) == ("open", True, None)


async def test_an_address_belongs_to_one_channel(client):
    await channel(client)
    body = {"name": "Sales", "addresses": ["Support@Example.com"]}
    refused = problem(await client.post("/v1/channels", json=body), 422)
    assert refused["errors"][0]["code"] == "address_taken"
    nothing = problem(await client.post("/v1/channels", json={"name": "Sales"}), 422)
    assert nothing["errors"][0]["pointer"] == "/addresses"


async def test_an_erased_person_is_in_no_message_any_more(client, worker, to):
    await channel(client)
    contact = await client.made("contacts", {"last_name": "Sample", "email": to})
    known = await take(client, mail("My secret", sender=to))
    other = await take(client, mail("Another", sender="other@example.net", to=to, id="2@x.example"))
    asked = {"kind": "erasure", "record_id": contact["id"]}
    request = await client.made("subject-requests", asked)
    path = f"/v1/subject-requests/{request['id']}"
    await client.post(f"{path}/verify", json={"verification": "By phone"})
    job = (await client.post(f"{path}/start")).json()
    await client.ended(job["job_id"])
    left = await client.read(f"messages/{known['id']}")
    assert (left["body"], left["subject"], left["from_address"]) == ("(erased)", None, None)
    assert (await client.read(f"messages/{other['id']}"))["recipients"] == []
    thread = await client.read(f"conversations/{known['conversation_id']}")
    assert (thread["subject"], thread["counterpart"]) == ("(erased)", None)
    assert (await client.read(f"messages/{known['id']}/attachments"))["data"] == []
    events = await client.read("events", types="message.received")
    assert "My secret" not in json.dumps(events)
