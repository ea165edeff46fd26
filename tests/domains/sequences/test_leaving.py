"""When mail leaves, when it waits, and who goes instead: the gate, windows, limits, replies."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.sequences.turns import Turn
from crm_api.kit.calendar import Calendar, Hours
from support.letters import arrived, letters_to
from support.mails import mail, take
from support.sequences import MAIL, becomes, did, enrolled, published, reachable, steps_of
from support.waiting import patiently

LONG = {"action": "wait", "duration": "30d"}


async def test_what_the_gate_puts_off_waits_with_its_reason(client, worker, settings):
    contact = await reachable(client, tags=["later"])
    rule = await client.made(
        "guard-rules",
        {"name": "Not now", "filter": {"tags": {"has": "later"}}, "message": "Not now."},
    )
    sequence = await published(client, MAIL)
    one = await enrolled(client, sequence, contact)
    waiting = await becomes(client, one, waiting_for="gate")
    assert waiting["reasons"] == ["guarded"]
    at = datetime.fromisoformat(waiting["next_at"])
    assert at - datetime.now(UTC) > timedelta(minutes=50)
    assert await steps_of(client, one) == []
    # What stood against it is gone: it is tried again, and leaves.
    await client.changed(f"guard-rules/{rule['id']}", {"is_active": False})
    await did(client, "sequence-enrolments", one, "pause")
    await did(client, "sequence-enrolments", one, "resume")
    await becomes(client, one, status="finished")
    await letters_to(settings.mail_outbox, contact["address"], 1)


@pytest.mark.parametrize(("state", "reason"), [("withdrawn", "unsubscribed"), (None, "no_consent")])
async def test_what_the_gate_refuses_for_good_is_the_end(client, worker, state, reason):
    if state is None:
        address = f"{uuid4().hex}@example.org"
        contact = await client.made(
            "contacts", {"first_name": "A", "last_name": "Person", "email": address}
        )
    else:
        contact = await reachable(client)
        body = {"target": "contact", "record_id": contact["id"], "purpose": "news"}
        said = {"channel": "email", "state": state, "evidence": {"source": "form"}}
        answer = await client.post("/v1/consents", json={**body, **said})
        assert answer.status_code == 201, answer.text
    one = await enrolled(client, await published(client, MAIL, LONG), contact)
    gone = await becomes(client, one, status="exited")
    assert gone["exit_reason"] == reason
    assert await steps_of(client, one) == [("/steps/0", "mail", "failed")]


async def test_a_suppressed_address_is_the_end(client, worker):
    contact = await reachable(client)
    await client.made("suppressions", {"kind": "email", "value": contact["address"]})
    one = await enrolled(client, await published(client, MAIL, LONG), contact)
    assert (await becomes(client, one, status="exited"))["exit_reason"] == "suppressed"


async def test_of_a_day_no_more_leave_than_the_limit(client, worker, settings):
    sequence = await published(client, MAIL, daily_limit=2)
    people = [await reachable(client) for _ in range(5)]
    ones = [await enrolled(client, sequence, person) for person in people]
    async for _ in patiently():
        found = [await client.read(f"sequence-enrolments/{one['id']}") for one in ones]
        states = sorted(f["waiting_for"] or f["status"] for f in found)
        if states == ["finished", "finished", "limit", "limit", "limit"]:
            break
    waiting = next(f for f in found if f["waiting_for"] == "limit")
    assert datetime.fromisoformat(waiting["next_at"]) > datetime.now(UTC)
    left = [len(arrived(settings.mail_outbox, person["address"])) for person in people]
    assert sorted(left) == [0, 0, 0, 1, 1]


async def test_an_auto_reply_puts_the_next_mail_off(client, worker, settings):
    contact = await reachable(client)
    hold = {"action": "task", "subject": "Look"}
    sequence = await published(client, MAIL, hold, MAIL, auto_reply_days=7)
    one = await enrolled(client, sequence, contact)
    waiting = await becomes(client, one, waiting_for="task")
    (letter,) = await letters_to(settings.mail_outbox, contact["address"], 1)
    raw = mail(
        sender=contact["address"],
        to=str(letter["From"]).rpartition("<")[2].rstrip(">"),
        id=f"{uuid4().hex}@example.org",
        Auto_Submitted="auto-replied",
    )
    await take(client, raw)
    await did(client, "tasks", {"id": waiting["task_id"]}, "complete")
    away = await becomes(client, one, waiting_for="out_of_office")
    until = datetime.fromisoformat(away["next_at"]) - datetime.now(UTC)
    assert timedelta(days=6) < until <= timedelta(days=7)
    await letters_to(settings.mail_outbox, contact["address"], 1)


async def test_a_bounce_is_the_end(client, worker, settings):
    contact = await reachable(client)
    one = await enrolled(client, await published(client, MAIL, LONG), contact)
    await becomes(client, one, waiting_for="time")
    (letter,) = await letters_to(settings.mail_outbox, contact["address"], 1)
    parts = [
        "Content-Type: text/plain\r\n\r\nIt did not arrive.",
        (
            "Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n"
            f"Final-Recipient: rfc822; {contact['address']}\r\n"
            "Action: failed\r\nStatus: 5.1.1\r\n"
        ),
        f"Content-Type: text/rfc822-headers\r\n\r\nMessage-ID: {letter['Message-ID']}\r\n",
    ]
    body = "".join(f"--edge\r\n{part}\r\n" for part in parts) + "--edge--\r\n"
    kind = 'multipart/report; report-type=delivery-status; boundary="edge"'
    raw = mail(
        body,
        sender="mailer-daemon@example.org",
        to=str(letter["From"]).rpartition("<")[2].rstrip(">"),
        id=f"{uuid4().hex}@example.org",
        MIME_Version="1.0",
        Content_Type=kind,
    )
    assert (await take(client, raw))["kind"] == "bounce"
    assert (await becomes(client, one, status="exited"))["exit_reason"] == "bounced"


async def test_goals_deals_and_archives_end_it(client, worker):
    hold = {"action": "task", "subject": "Look"}
    goal = {"lifecycle": {"eq": "customer"}}
    sequence = await published(client, hold, goal=goal)
    reached = await enrolled(client, sequence, await reachable(client, lifecycle="customer"))
    assert (await becomes(client, reached, status="exited"))["exit_reason"] == "goal_met"
    deal = await client.made("deals", {"name": "New office"})
    won = await enrolled(client, sequence, await reachable(client), deal_id=deal["id"])
    await becomes(client, won, waiting_for="task")
    answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    assert (await becomes(client, won, status="exited"))["exit_reason"] == "deal_won"
    left = await enrolled(client, sequence, await reachable(client))
    paused = await enrolled(client, sequence, await reachable(client))
    await becomes(client, left, waiting_for="task")
    await did(client, "sequence-enrolments", paused, "pause")
    await did(client, "sequences", sequence, "archive")
    for one in (left, paused):
        assert (await becomes(client, one, status="exited"))["exit_reason"] == "archived"
    body = {"sequence_id": sequence["id"], "contact_id": (await reachable(client))["id"]}
    answer = await client.post("/v1/sequence-enrolments", json=body)
    assert answer.json()["code"] == "sequence_archived"


async def test_mail_waits_for_the_window_by_the_clocks_of_the_contact(client, worker):
    zone = ZoneInfo("America/Sao_Paulo")
    now = datetime.now(zone)
    # Hours that are over, by whatever clock the test runs.
    start = (now + timedelta(hours=3)).replace(minute=0)
    start = start if start.hour < 22 else start.replace(hour=0) + timedelta(days=1)
    days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
    hours = {"starts_at": f"{start:%H:%M}", "ends_at": f"{start:%H}:59"}
    window = {"weekdays": days, "heeds_holidays": False, **hours}
    sequence = await published(client, MAIL, send_window=window)
    contact = await reachable(client, time_zone="America/Sao_Paulo")
    one = await enrolled(client, sequence, contact)
    waiting = await becomes(client, one, waiting_for="window")
    opens = datetime.fromisoformat(waiting["next_at"]).astimezone(zone)
    assert (opens.hour, opens.minute) == (start.hour, 0)


ALL_DAYS = ([Hours(9 * 60, 17 * 60)],) * 7


@pytest.mark.parametrize(
    ("zone", "at", "opens"),
    [
        # The night on which the clocks of Berlin go forward, and the one on which they go back.
        ("Europe/Berlin", "2027-03-28T00:30:00Z", "2027-03-28T07:00:00Z"),
        ("Europe/Berlin", "2027-03-26T18:00:00Z", "2027-03-27T08:00:00Z"),
        ("Europe/Berlin", "2027-10-31T00:30:00Z", "2027-10-31T08:00:00Z"),
        ("America/Sao_Paulo", "2027-03-28T00:30:00Z", "2027-03-28T12:00:00Z"),
        ("Europe/Berlin", "2027-03-29T08:00:00Z", "2027-03-29T08:00:00Z"),
    ],
)
def test_a_window_opens_by_the_clock(zone, at, opens):
    calendar = Calendar(ZoneInfo(zone), ALL_DAYS)
    assert calendar.opening(datetime.fromisoformat(at)) == datetime.fromisoformat(opens)


def test_working_days_keep_the_hour_by_the_clock():
    week = (([Hours(9 * 60, 17 * 60)],) * 5) + ([], [])
    calendar = Calendar(ZoneInfo("Europe/Berlin"), week)
    friday = datetime(2027, 3, 26, 9, 0, tzinfo=UTC)  # 10:00 in Berlin, before summer time
    assert calendar.add_days(friday, 1) == datetime(2027, 3, 29, 8, 0, tzinfo=UTC)
    assert calendar.add_days(friday, 0) == friday
    assert Turn.roots >= {"contact", "company", "deal", "sender"}
