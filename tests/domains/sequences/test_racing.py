"""Two steppers, workers that are killed, and answers that come while the next mail leaves."""

import asyncio
import signal
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest

from crm_api.domains.sequences.stepped import heed_once, step_once
from crm_api.kit.db.tx import unit_of_work
from support.letters import arrived, letters_to
from support.mails import mail, take
from support.sequences import MAIL, becomes, did, enrolled, published, reachable, steps_of
from support.waiting import patiently

# Workers take long to begin where much else is going on.
pytestmark = pytest.mark.timeout(400)
HOLD = {"action": "task", "subject": "Look"}
LONG = {"action": "wait", "duration": "30d"}
_TAKEN = "SELECT count(*) FROM sequence_step_runs WHERE sequence_id = $1"
_MAILS = """
    SELECT r.taken_at, m.status FROM sequence_step_runs r JOIN messages m ON m.id = r.message_id
    WHERE r.enrolment_id = $1 AND r.place = '/steps/1'
"""


@pytest.fixture
def step(tx_of, org):
    """`await step(enrolment)`: take the next step, as a worker does."""

    # Fewer than there are connections.
    free = asyncio.Semaphore(5)

    async def once(enrolment, take=step_once):
        async with free, unit_of_work(tx_of(org)) as tx:
            return await take(tx, UUID(enrolment["id"]))

    return once


async def answered(client, contact, channel):
    raw = mail(
        sender=contact["address"], to=channel["addresses"][0], id=f"{uuid4().hex}@example.org"
    )
    await take(client, raw)
    return datetime.now(UTC)


async def with_channel(client, *steps, **more):
    address = f"{uuid4().hex}@example.com"
    channel = await client.made("channels", {"name": "News", "addresses": [address]})
    return channel, await published(client, *steps, channel_id=channel["id"], **more)


async def test_of_two_steppers_one_takes_each_step(client, step):
    _, sequence = await with_channel(client, MAIL, LONG)
    people = [await reachable(client) for _ in range(8)]
    ones = [await enrolled(client, sequence, person) for person in people]
    done = await asyncio.gather(*(step(one) for one in ones for _ in range(4)))
    # Whoever came after the commit found nothing due: the mail is waited for.
    assert sum(done) == len(ones)
    for one, person in zip(ones, people, strict=True):
        assert await steps_of(client, one) == [("/steps/0", "mail", "queued")]
        found = await client.read("messages", **{"filter[contact_id]": person["id"]})
        assert len(found["data"]) == 1


async def test_of_two_who_enrol_somebody_one_does(client):
    _, sequence = await with_channel(client, HOLD)
    body = {"sequence_id": sequence["id"], "contact_id": (await reachable(client))["id"]}
    answers = await asyncio.gather(
        *(client.post("/v1/sequence-enrolments", json=body) for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[409] * 5]


async def test_killed_workers_take_no_step_twice(client, owner, settings, worker_process):
    _, sequence = await with_channel(client, MAIL, {"action": "wait", "duration": "0m"}, HOLD)
    people = [await reachable(client) for _ in range(12)]
    workers = [worker_process(), worker_process()]
    ids = {"contact_ids": [person["id"] for person in people]}
    answer = await client.post(f"/v1/sequences/{sequence['id']}/enrol", json=ids)
    assert answer.json()["enrolled"] == len(people), answer.text
    for taken in (5, 20):
        async for _ in patiently(0.02):
            if await owner.fetchval(_TAKEN, UUID(sequence["id"])) >= taken:
                break
        workers.pop(0).send_signal(signal.SIGKILL)
        workers.append(worker_process())
    for one in answer.json()["results"]:
        enrolment = {"id": one["enrolment_id"]}
        await becomes(client, enrolment, waiting_for="task")
        assert await steps_of(client, enrolment) == [
            ("/steps/0", "mail", "sent"),
            ("/steps/1", "wait", "done"),
            ("/steps/2", "task", "waiting"),
        ]
    tasks = (await client.read("tasks", limit=200))["data"]
    assert len(tasks) == len({task["contact_id"] for task in tasks}) == len(people)
    for person in people:
        found = await client.read("messages", **{"filter[contact_id]": person["id"]})
        assert len(found["data"]) == 1
        # Killed between the letter and the commit, it may come twice: by one Message-ID.
        letters = arrived(settings.mail_outbox, person["address"])
        assert len({letter["Message-ID"] for letter in letters}) == 1


async def test_an_answer_that_the_feed_has_not_told_yet_keeps_the_next_mail_back(client, step):
    channel, sequence = await with_channel(client, MAIL, HOLD)
    contact = await reachable(client)
    one = await enrolled(client, sequence, contact)
    await answered(client, contact, channel)
    assert await step(one)
    found = await client.read(f"sequence-enrolments/{one['id']}")
    assert (found["status"], found["exit_reason"]) == ("exited", "replied")
    assert await steps_of(client, one) == []


async def test_an_answer_keeps_back_what_is_queued(client, step, app, settings):
    channel, sequence = await with_channel(client, MAIL, HOLD)
    contact = await reachable(client)
    one = await enrolled(client, sequence, contact)
    assert await step(one)
    found = await client.read(f"sequence-enrolments/{one['id']}")
    assert found["waiting_for"] == "message"
    await answered(client, contact, channel)
    await step(one, heed_once)
    message = await client.read(f"messages/{found['message_id']}")
    assert (message["status"], message["failure"]) == ("failed", "withdrawn")
    gone = await client.read(f"sequence-enrolments/{one['id']}")
    assert gone["exit_reason"] == "replied"
    assert await steps_of(client, one) == [("/steps/0", "mail", "withdrawn")]
    # What counted as a touch counts no more: another sequence may write at once.
    assert arrived(settings.mail_outbox, contact["address"]) == []


async def test_what_was_withdrawn_never_leaves_whoever_is_faster(
    client, step, settings, worker_process
):
    _, sequence = await with_channel(client, MAIL, HOLD)
    people = [await reachable(client) for _ in range(6)]
    ones = [await enrolled(client, sequence, person) for person in people]
    await asyncio.gather(*(step(one) for one in ones))
    # From here on a worker sends, while they are taken out of the sequence.
    worker_process()
    for one in ones:
        await did(client, "sequence-enrolments", one, "remove", reason="An example")
    for one, person in zip(ones, people, strict=True):
        found = await client.read(f"sequence-enrolments/{one['id']}")
        message = {}
        async for _ in patiently():
            message = await client.read(f"messages/{found['message_id']}")
            if message["status"] != "queued":
                break
        letters = arrived(settings.mail_outbox, person["address"])
        assert len(letters) == (1 if message["status"] == "sent" else 0), message


@pytest.mark.parametrize("how", ["delete", "merge"])
async def test_what_waits_does_not_leave_once_its_enrolment_is_gone(client, step, how):
    _, sequence = await with_channel(client, MAIL, HOLD)
    stays, goes = await reachable(client), await reachable(client)
    await enrolled(client, sequence, stays)
    one = await enrolled(client, sequence, goes)
    assert await step(one)
    waiting = await client.read(f"sequence-enrolments/{one['id']}")
    if how == "delete":
        answer = await client.delete(f"/v1/sequence-enrolments/{one['id']}")
    else:
        body = {"winner_id": stays["id"], "loser_ids": [goes["id"]]}
        answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.is_success, answer.text
    message = await client.read(f"messages/{waiting['message_id']}")
    assert (message["status"], message["failure"]) == ("failed", "withdrawn")


async def test_a_mail_that_has_left_counts_though_its_step_is_skipped(client, step, owner):
    _, sequence = await with_channel(client, MAIL, HOLD)
    one = await enrolled(client, sequence, await reachable(client))
    assert await step(one)
    waiting = await client.read(f"sequence-enrolments/{one['id']}")
    # It has left, and no worker has heard of it yet.
    sent = "UPDATE messages SET status = 'sent', sent_at = now() WHERE id = $1"
    await owner.execute(sent, UUID(waiting["message_id"]))
    await did(client, "sequence-enrolments", one, "skip")
    assert await steps_of(client, one) == [("/steps/0", "mail", "sent")]


async def test_answers_race_with_the_next_mail(client, step, owner):
    channel, sequence = await with_channel(client, HOLD, MAIL, LONG)
    people = [await reachable(client) for _ in range(12)]
    ones = [await enrolled(client, sequence, person) for person in people]
    for one in ones:
        await step(one)
        await did(client, "sequence-enrolments", one, "skip")

    free = asyncio.Semaphore(3)

    async def go(number, one, person):
        # Some begin a little earlier, some a little later.
        async def answer():
            await asyncio.sleep(0.004 * (number % 3))
            async with free:
                return await answered(client, person, channel)

        async def write():
            await asyncio.sleep(0.004 * (number % 4))
            return await asyncio.gather(*(step(one) for _ in range(3)))

        return (await asyncio.gather(answer(), write()))[0]

    ends = await asyncio.gather(
        *(go(n, one, person) for n, (one, person) in enumerate(zip(ones, people, strict=True)))
    )
    for one, at in zip(ones, ends, strict=True):
        await step(one, heed_once)
        found = await client.read(f"sequence-enrolments/{one['id']}")
        assert (found["status"], found["exit_reason"]) == ("exited", "replied")
        for run in await owner.fetch(_MAILS, UUID(one["id"])):
            # It was begun before the answer was there, and was kept back.
            assert run["taken_at"] < at
            assert run["status"] == "failed"


async def test_a_limit_holds_with_many_steppers(client, step, owner):
    _, sequence = await with_channel(client, MAIL, sender_daily_limit=1, daily_limit=3)
    people = [await reachable(client) for _ in range(9)]
    ones = [await enrolled(client, sequence, person) for person in people]
    await asyncio.gather(*(step(one) for one in ones))
    assert await owner.fetchval(_TAKEN, UUID(sequence["id"])) == 3


async def test_a_letter_has_left_once_a_worker_runs(client, worker, settings):
    _, sequence = await with_channel(client, MAIL)
    contact = await reachable(client)
    one = await enrolled(client, sequence, contact)
    await becomes(client, one, status="finished")
    await letters_to(settings.mail_outbox, contact["address"], 1)
