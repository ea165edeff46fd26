"""Each person gets a mailing once, whatever dies, waits, is paused or is asked twice."""

import asyncio
import random
from collections import Counter
from uuid import UUID

from crm_api.domains.mailings.claiming import Claims, Held, Result, finish, hand_over, still_held
from crm_api.domains.mailings.schemas import MailingSettings
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.ids import new_id
from support.clients import tx_of
from support.mailings import did, mailing, reader, sends_of, settled, sink
from support.waiting import patiently

KILLS = 8
PEOPLE = 240
LEAST_LEFT = 30
"""Of the mails, before each worker: else there would be too few to wait for."""
SEED = 7
UNLIMITED = MailingSettings.model_validate({"per_minute_of_domain": None})


async def has(wanted):
    async for _ in patiently(0.01):
        if wanted():
            return


async def drop_leases(owner, mailing):
    """What is waited for otherwise: the leases of the dead."""
    sql = (
        "UPDATE mailing_sends SET lease_until = now() WHERE mailing_id = $1 AND status = 'sending'"
    )
    await owner.execute(sql, mailing["id"])


async def test_workers_that_are_killed_send_each_mail_once(client, worker_process, owner):
    people = []
    for _ in range(0, PEOPLE, 10):
        people += await asyncio.gather(*(reader(client) for _ in range(10)))
    made = await mailing(client, is_ongoing=True)
    await client.put("/v1/mailings/settings", json={"per_minute_of_domain": None})
    await did(client, made, "start")
    await did(client, made, "send", contact_ids=[one["id"] for one in people])
    chance = random.Random(SEED)
    async with sink() as server:
        # Long enough to die between the end of a mail and the answer to it.
        server.after_s = 0.1
        for _ in range(KILLS):
            assert len(server.taken) <= PEOPLE - LEAST_LEFT
            wanted = len(server.taken) + chance.randint(1, 14)
            process = worker_process(CRM_SMTP_URL=server.url)
            await has(lambda wanted=wanted: len(server.taken) >= wanted)
            await asyncio.sleep(chance.random() * 0.06)
            process.kill()
            process.wait()
            await drop_leases(owner, made)
        server.after_s = 0.0
        for _ in range(2):
            worker_process(CRM_SMTP_URL=server.url)
        sends = await settled(client, made)
        ids = server.ids
    taken = Counter({id.partition("@")[0]: number for id, number in ids.items()})
    assert set(taken.values()) == {1}
    # Workers send whatever is due, also what other tests have left.
    taken = taken.keys() & {one["id"] for one in sends}
    by_status = {
        status: {one["id"] for one in sends if one["status"] == status}
        for status in ("sent", "uncertain")
    }
    assert len(by_status["sent"]) + len(by_status["uncertain"]) == len(sends) == PEOPLE
    # What counts as sent was; of what was on its way at a death nothing is claimed.
    assert by_status["sent"] <= taken
    assert taken - by_status["sent"] <= by_status["uncertain"]
    assert by_status["uncertain"]
    told = await owner.fetch(
        "SELECT data ->> 'send_id' AS id FROM events WHERE type = 'mailing.sent'"
        " AND data ->> 'mailing_id' = $1",
        made["id"],
    )
    assert Counter(row["id"] for row in told) == dict.fromkeys(by_status["sent"], 1)
    found = await client.read(f"mailings/{made['id']}/results")
    counted = {status: len(those) for status, those in by_status.items()}
    assert {status: found[status] for status in counted} == counted


def system(database, org_id):
    return Tx(database, Actor(org_id, "system", scopes=frozenset({"*"})))


async def queued(client, number):
    made = await mailing(client, is_ongoing=True)
    await client.put("/v1/mailings/settings", json={"per_minute_of_domain": None})
    await did(client, made, "start")
    people = [await reader(client) for _ in range(number)]
    await did(client, made, "send", contact_ids=[one["id"] for one in people])
    return made


async def claimed(database, org, made, most=100):
    """The mails that one more worker holds now."""
    async with unit_of_work(system(database, org.id)) as tx:
        claims = Claims(tx)
        picked = await claims.pick(made["id"], most, UNLIMITED.limit_of)
        await claims.take([(one.id, f"{one.id}@example.org", None) for one in picked])
    return [Held(org.id, one.id, claims.token) for one in picked]


async def shared_of(settings):
    from crm_api.api.services import open_database
    from crm_api.kit.db.database import WORKER_ROLE

    return open_database(settings, WORKER_ROLE)


async def test_of_many_workers_one_holds_each(client, database, org):
    made = await queued(client, 6)
    found = await asyncio.gather(*(claimed(database, org, made, 4) for _ in range(4)))
    ids = [one.id for held in found for one in held]
    assert len(ids) == len(set(ids)) == 6


async def test_who_lost_the_lease_hands_nothing_over(client, database, org, owner, worker_settings):
    made = await queued(client, 1)
    (held,) = await claimed(database, org, made)
    shared = await shared_of(worker_settings)
    try:
        await drop_leases(owner, made)
        assert await still_held(shared, [held]) == set()
        stranger = Held(org.id, held.id, new_id())
        assert await still_held(shared, [stranger]) == set()
        await owner.execute(
            "UPDATE mailing_sends SET lease_until = now() + interval '1 hour' WHERE id = $1",
            held.id,
        )
        # Nor who was stopped meanwhile.
        await did(client, made, "pause")
        assert await still_held(shared, [held]) == set()
        await did(client, made, "resume")
        assert await still_held(shared, [held]) == {held.id}
        ends = []
        await hand_over(shared, [held, stranger], lambda: ends.append("."))
        assert ends == ["."]
        # Once it is handed over, nobody hands it over.
        assert await still_held(shared, [held]) == set()
    finally:
        await shared.close()
    async with unit_of_work(system(database, org.id)) as tx:
        await finish(tx, [Result(stranger, "failed", ["wrong"]), Result(held, "sent")])
    (one,) = await sends_of(client, made)
    assert (one["status"], one["reasons"]) == ("sent", [])


async def test_ten_who_ask_at_once_queue_it_once(client):
    person = await reader(client)
    made = await mailing(client, is_ongoing=True)
    await did(client, made, "start")
    asked = (did(client, made, "send", contact_ids=[person["id"]]) for _ in range(10))
    told = await asyncio.gather(*asked)
    assert sum(one["queued"] for one in told) == 1


async def test_one_address_gets_one_mail(client, worker_process, database, org):
    first, made = await reader(client), await mailing(client, is_ongoing=True)
    same = [first, *[await reader(client, address=first["address"]) for _ in range(2)]]
    await did(client, made, "start")
    async with sink() as server:
        worker_process(CRM_SMTP_URL=server.url)
        await did(client, made, "send", contact_ids=[one["id"] for one in same])
        sends = await settled(client, made)
        taken = {id.partition("@")[0] for id in server.ids}
    assert len(taken & {one["id"] for one in sends}) == 1
    assert Counter(one["status"] for one in sends) == {"sent": 1, "suppressed": 2}
    assert {why for one in sends for why in one["reasons"]} == {"same_address"}


async def test_each_domain_takes_what_it_takes(client, database, org):
    names = ("slow.example.org", "quick.example.org", "other.example.org")
    people = [
        await reader(client, address=f"{new_id().hex}@{name}") for name in names for _ in range(3)
    ]
    made = await mailing(client, is_ongoing=True)
    limits = [{"domain": names[0], "per_minute": 1}, {"domain": names[1], "per_minute": 100_000}]
    settings = MailingSettings.model_validate({"per_minute_of_domain": 60, "domain_limits": limits})
    await did(client, made, "start")
    await did(client, made, "send", contact_ids=[one["id"] for one in people])
    async with unit_of_work(tx_of(database, org)) as tx:
        picked = await Claims(tx).pick(UUID(made["id"]), 50, settings.limit_of)
    # One fits into the second that was free before, of whatever takes one a second.
    assert Counter(one.domain for one in picked) == {names[1]: 3, names[2]: 1}
    await did(client, made, "cancel")


async def test_what_a_server_refuses_is_told(client, worker_process):
    people = [
        await reader(client, address=f"{word}.{made}@example.org")
        for word in ("gone", "policy", "later", "fine")
        if (made := new_id().hex)
    ]
    made = await mailing(client, is_ongoing=True)
    await did(client, made, "start")
    async with sink() as server:
        server.refuses = {
            "gone": "550 5.1.1 no such user",
            "policy": "550 5.7.1 not welcome",
            "later": "451 4.7.1 try again",
        }
        worker_process(CRM_SMTP_URL=server.url)
        await did(client, made, "send", contact_ids=[one["id"] for one in people])
        async for _ in patiently():
            sends = {one["contact_id"]: one for one in await sends_of(client, made)}
            found = [sends[one["id"]] for one in people]
            waiting = {one["status"] for one in (*found[:2], found[3])} & {"queued", "sending"}
            if found[2]["detail"] and not waiting:
                break
    assert [one["status"] for one in found] == ["bounced", "failed", "queued", "sent"]
    assert [one["reasons"] for one in found[:3]] == [["unknown_address"], ["refused"], ["put_off"]]
    assert found[0]["bounce"] == "hard"
    assert found[0]["detail"] == "550 5.1.1 no such user"
    asked = {"items": [{"record_id": people[0]["id"], "channel": "email", "purpose": "newsletter"}]}
    (answer,) = (await client.post("/v1/outreach/check", json=asked)).json()["data"]
    assert set(answer["reasons"]) == {"address_unusable", "suppressed"}


async def test_what_the_server_says_nothing_of_is_not_sent_again(client, worker_process):
    person, made = await reader(client), await mailing(client, is_ongoing=True)
    await did(client, made, "start")
    async with sink() as server:
        server.hangs_up = True
        worker_process(CRM_SMTP_URL=server.url)
        await did(client, made, "send", contact_ids=[person["id"]])
        (one,) = await settled(client, made)
        assert one["status"] == "uncertain"
        server.hangs_up = False
        other = await reader(client)
        await did(client, made, "send", contact_ids=[other["id"]])
        await settled(client, made)
        taken = [id for id in server.ids.elements() if id.startswith(one["id"])]
    assert len(taken) == 1
    found = await client.read(f"mailings/{made['id']}/results")
    assert (found["sent"], found["uncertain"]) == (1, 1)


async def test_what_is_broken_holds_up_no_other(client, worker_process, owner):
    broken, well = await queued(client, 1), await queued(client, 1)
    put = "UPDATE mailings SET contents = $2 WHERE id = $1"
    kept = await owner.fetchval("SELECT contents FROM mailings WHERE id = $1", broken["id"])
    await owner.execute(put, broken["id"], "7")
    async with sink() as server:
        worker_process(CRM_SMTP_URL=server.url)
        assert [one["status"] for one in await settled(client, well)] == ["sent"]
        assert [one["status"] for one in await sends_of(client, broken)] == ["queued"]
        await owner.execute(put, broken["id"], kept)
        assert [one["status"] for one in await settled(client, broken)] == ["sent"]


async def test_nothing_leaves_while_it_is_paused(client, worker_process):
    made = await queued(client, 1)
    await did(client, made, "pause")
    async with sink() as server:
        worker_process(CRM_SMTP_URL=server.url)
        other = await queued(client, 1)
        await settled(client, other)
        await did(client, made, "cancel")
        taken = server.ids
    (one,) = await sends_of(client, made)
    assert one["status"] == "cancelled"
    assert one["id"] not in {id.partition("@")[0] for id in taken}
