"""Messages leave once, count once, and can be kept, whoever writes, fails or dies at once."""

import asyncio
import re
import signal
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

import pytest

from crm_api.domains.conversations.sending import Sending
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem
from support.letters import arrived, letters_to
from support.mails import channel, ended, mail, reply, take
from support.waiting import patiently


@pytest.fixture
def to():
    """Somebody to whom no other test writes: all of them have one outbox."""
    return f"{uuid4().hex}@example.org"


@asynccontextmanager
async def mail_server(*, deaf):
    """A server that keeps the letters it gets, and says nothing of the first `deaf` of them."""
    taken = []

    async def serve(reader, writer):
        def say(text):
            writer.write(f"{text}\r\n".encode())

        say("220 ready")
        body = None
        while line := (await reader.readline()).decode():
            if body is None:
                verb = line.split(" ")[0].strip().upper()
                body = [] if verb == "DATA" else None
                say({"DATA": "354 go on", "QUIT": "221 bye"}.get(verb, "250 ok"))
            elif line == ".\r\n":
                taken.append("".join(body))
                body = None
                if len(taken) > deaf:
                    say("250 taken")
            else:
                body.append(line)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}", taken


async def has(wanted):
    async for _ in patiently():
        if wanted():
            return
    raise AssertionError("it did not come to that")


async def test_a_worker_that_dies_while_a_message_leaves_loses_nothing(
    client, to, worker_process, owner
):
    await channel(client, opens_cases=True)
    receipt = await take(client, mail(sender=to))
    queued = await reply(client, receipt)
    async with mail_server(deaf=1) as (url, taken):
        first = worker_process(CRM_SMTP_URL=url)
        await has(lambda: len(taken) == 1)
        first.send_signal(signal.SIGKILL)
        first.wait()
        assert (await client.read(f"messages/{queued['id']}"))["status"] == "queued"
        # It is on its way: nobody keeps it any more.
        late = problem(await client.post(f"/v1/messages/{queued['id']}/cancel"), 409)
        assert late["code"] == "not_waiting"
        # What is waited for here is the lease of the dead; it ends by itself after 15 s.
        await owner.execute(
            "UPDATE jobs SET lease_until = now() WHERE args ->> 'message_id' = $1", queued["id"]
        )
        worker_process(CRM_SMTP_URL=url)
        sent = await ended(client, queued, "sent")
    assert sent["attempts"] == 2
    # Outside it may be there twice, and then by the same id.
    ids = [re.findall("^Message-ID: <(.*)>\r$", letter, re.MULTILINE) for letter in taken]
    assert ids == [[sent["message_id"]]] * 2
    assert len((await client.read("events", types="message.sent"))["data"]) == 1
    thread = await client.read(f"conversations/{receipt['conversation_id']}")
    assert (thread["needs_answer"], thread["message_count"]) == (False, 2)
    assert (await client.read(f"cases/{receipt['case_id']}"))["status"] == "in_progress"


async def test_a_message_whose_workers_all_died_is_given_up(client, to, owner, worker_process):
    await channel(client)
    queued = await reply(client, await take(client, mail(sender=to)))
    await owner.execute("UPDATE messages SET attempts = 8 WHERE id = $1", queued["id"])
    await owner.execute(
        "UPDATE jobs SET attempts = 8 WHERE args ->> 'message_id' = $1", queued["id"]
    )
    async with mail_server(deaf=0) as (url, taken):
        worker_process(CRM_SMTP_URL=url)
        failed = await ended(client, queued, "failed")
        assert (failed["failure"], taken) == ("given_up", [])
    thread = await client.read(f"conversations/{queued['conversation_id']}")
    assert thread["needs_answer"] is True


async def test_of_answers_at_once_no_more_leave_than_a_rule_lets_and_each_counts_once(
    client, to, worker, settings
):
    await channel(client)
    contact = await client.made("contacts", {"last_name": "Sample", "email": to})
    rule = {"name": "Not too often", "purposes": ["service"], "most": 3, "days": 30}
    await client.made("guard-rules", rule)
    receipt = await take(client, mail(sender=to))
    path = f"/v1/conversations/{receipt['conversation_id']}/reply"
    answers = await asyncio.gather(*[client.post(path, json={"body": "Yes"}) for _ in range(6)])
    assert sorted(one.status_code for one in answers) == [202] * 3 + [409] * 3
    refusals = [one.json()["errors"] for one in answers if one.status_code == 409]
    assert {fault["code"] for faults in refusals for fault in faults} == {"contact_pressure"}
    for one in answers:
        if one.status_code == 202:
            await ended(client, one.json(), "sent")
    assert len(await letters_to(settings.mail_outbox, to, 3)) == 3
    asked = {"channel": "email", "purpose": "service", "record_id": contact["id"]}
    said = await client.post("/v1/guards/evaluate", json={"items": [asked]})
    assert said.json()["data"][0]["rules"][0]["used"] == 3
    thread = await client.read(f"conversations/{receipt['conversation_id']}")
    assert (thread["message_count"], thread["needs_answer"]) == (4, False)


async def test_what_is_kept_from_leaving_counts_no_more(client, to, worker, settings):
    made = await channel(client)
    contact = await client.made("contacts", {"last_name": "Sample", "email": to})
    said = {"basis": "consent", "evidence": {"source": "form"}, "purpose": "news"}
    await client.made("consents", {"channel": "email", "record_id": contact["id"], **said})
    await client.made("guard-rules", {"name": "Once", "purposes": ["news"], "most": 1, "days": 9})
    body = {
        "contact_id": contact["id"],
        "channel_id": made["id"],
        "body": "Hello",
        "purpose": "news",
    }
    later = {**body, "at": "2100-01-01T00:00:00Z"}
    waiting = (await client.post("/v1/messages", json=later)).json()
    document = "mutation ($id: UUID!) { cancelMessage(id: $id) { status failure } }"
    kept = (await client.data(document, id=waiting["id"]))["cancelMessage"]
    assert kept == {"status": "failed", "failure": "cancelled"}
    again = problem(await client.post(f"/v1/messages/{waiting['id']}/cancel"), 409)
    assert again["code"] == "not_waiting"
    sent = await client.post("/v1/messages", json=body)
    assert sent.status_code == 202, sent.text
    await ended(client, sent.json(), "sent")
    refused = problem(await client.post("/v1/messages", json=body), 409)
    assert [fault["code"] for fault in refused["errors"]] == ["contact_pressure"]
    assert len(arrived(settings.mail_outbox, to)) == 1


async def test_what_can_no_longer_leave_fails_and_the_customer_waits_still(
    client, to, worker_process, settings
):
    made = await channel(client)
    first = await take(client, mail(sender=to))
    second = await take(client, mail(sender=to, id="2@example.org", subject="Another"))
    queued = await reply(client, first, close=True)
    binned = await reply(client, second)
    withdrawn = await reply(client, await take(client, mail(sender=f"a{to}", id="3@example.org")))
    await client.delete(f"/v1/conversations/{second['conversation_id']}")
    suppressed = {"kind": "email", "value": f"a{to}", "reason": "manual"}
    await client.made("suppressions", suppressed)
    worker_process()
    assert (await ended(client, withdrawn, "failed"))["reasons"] == ["suppressed"]
    sent = await ended(client, queued, "sent")
    assert sent["failure"] is None
    events = await client.read("events", types="message.failed")
    failures = {e["record_id"]: e["data"]["failure"] for e in events["data"]}
    async for _ in patiently():
        if len(failures) == 2:
            break
        events = await client.read("events", types="message.failed")
        failures = {e["record_id"]: e["data"]["failure"] for e in events["data"]}
    assert failures == {withdrawn["id"]: "outreach_refused", binned["id"]: "deleted"}
    closed = await client.read(f"conversations/{first['conversation_id']}")
    assert (closed["status"], closed["needs_answer"]) == ("closed", False)
    await client.patch(f"/v1/channels/{made['id']}", json={"is_active": False})
    refused = problem(
        await client.post(
            f"/v1/conversations/{first['conversation_id']}/reply", json={"body": "More"}
        ),
        422,
    )
    assert refused["errors"][0]["pointer"] == "/channel_id"


async def test_who_writes_while_an_answer_leaves_waits_for_another(client, to, worker_process):
    await channel(client)
    receipt = await take(client, mail(sender=to))
    queued = await reply(client, receipt)
    await take(client, mail(sender=to, id="2@example.org", In_Reply_To="<first@example.org>"))
    async with mail_server(deaf=0) as (url, _):
        worker_process(CRM_SMTP_URL=url)
        await ended(client, queued, "sent")
    thread = await client.read(f"conversations/{receipt['conversation_id']}")
    assert (thread["needs_answer"], thread["is_unread"]) == (True, True)


_WAITS = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"


@pytest.mark.parametrize("act", ["assign", "cancel", "leave"])
async def test_who_works_on_a_message_locks_its_conversation_first(
    client, to, owner, org, tx_of, act
):
    await channel(client)
    receipt = await take(client, mail(sender=to))
    queued = await reply(client, receipt)

    async def leave():
        async with unit_of_work(tx_of(org)) as tx:
            return await Sending(None, UUID(queued["id"])).begin(tx)

    acts = {
        "assign": lambda: client.post(
            f"/v1/messages/{receipt['id']}/assign", json={"create": True}
        ),
        "cancel": lambda: client.post(f"/v1/messages/{queued['id']}/cancel"),
        "leave": leave,
    }
    async with owner.acquire() as purger, purger.transaction():
        id = receipt["conversation_id"]
        await purger.execute("SELECT FROM conversations WHERE id = $1 FOR UPDATE", id)
        doing = asyncio.create_task(acts[act]())
        async for _ in patiently():
            if await purger.fetchval(_WAITS):
                break
        # So whoever destroys it goes on; who had one of these by now would wait for the other.
        await purger.execute(
            "SELECT FROM messages WHERE conversation_id = $1 FOR UPDATE NOWAIT", id
        )
    done = await doing
    assert done is not None
    if act != "leave":
        assert done.status_code == 200, done.text
