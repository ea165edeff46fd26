"""Attendees are told by mail what their bookings become, once each, and calendars answer."""

import asyncio
from uuid import UUID, uuid4

import pytest
from icalendar import Calendar

from crm_api.domains.attendees.telling import Telling
from crm_api.domains.conversations.repository import Channels
from crm_api.kit.db.tx import unit_of_work
from support.attending import booking, by_guest, invited, moved, page_of, slots
from support.clients import pointers, problem, tx_of
from support.letters import arrived, letters_to
from support.mails import SUPPORT, channel, take


@pytest.fixture
def to():
    """Somebody to whom no other test writes: all of them have one outbox."""
    return f"{uuid4().hex}@example.org"


async def inviting(client, **more):
    """An organization that invites by mail."""
    made = await channel(client, **more)
    answer = await client.put("/v1/invitations/settings", json={"channel_id": made["id"]})
    assert answer.status_code == 200, answer.text
    return made


def calendar_in(letter):
    """What calendars read of a letter: parsed strictly, and of one event."""
    (part,) = [one for one in letter.walk() if one.get_content_type() == "text/calendar"]
    raw = part.get_payload(decode=True)
    for line in raw.split(b"\r\n"):
        assert len(line) <= 75
    found = Calendar.from_ical(raw)
    assert found.errors == []
    (event,) = found.walk("VEVENT")
    assert event.errors == []
    assert (found["METHOD"], found["VERSION"]) == (part.get_param("method"), "2.0")
    assert {"UID", "DTSTAMP", "SEQUENCE", "ORGANIZER", "ATTENDEE", "DTSTART"} <= event.keys()
    return found["METHOD"], event


async def told(settings, to, count):
    """What somebody was told, in its order."""
    letters = await letters_to(settings.mail_outbox, to, count)
    found = [(letter, *calendar_in(letter)) for letter in letters]
    return sorted(found, key=lambda one: (int(one[2]["SEQUENCE"]), one[2]["DTSTAMP"].dt))


def reply_of(event, to, said="ACCEPTED", *, sender=None, id=None, **changed):
    """The mail by which a calendar answers an invitation."""
    values = {
        "uid": event["UID"],
        "stamp": "20310301T100000Z",
        "sequence": int(event["SEQUENCE"]),
        "who": f"mailto:{to}",
        **changed,
    }
    lines = [
        *("BEGIN:VCALENDAR", "PRODID:-//Example//EN", "VERSION:2.0", "METHOD:REPLY"),
        *("BEGIN:VEVENT", f"UID:{values['uid']}", f"DTSTAMP:{values['stamp']}"),
        *(f"SEQUENCE:{values['sequence']}", f"ORGANIZER:{event['ORGANIZER']}"),
        f"ATTENDEE;PARTSTAT={said}:{values['who']}",
        *("COMMENT:Gladly", "END:VEVENT", "END:VCALENDAR", ""),
    ]
    head = [
        *(f"From: {sender or to}", f"To: {SUPPORT}", f"Subject: {said}"),
        f"Message-ID: <{id or uuid4().hex}@example.org>",
        *("Date: Tue, 05 Jan 2027 10:00:00 +0100", "MIME-Version: 1.0"),
        'Content-Type: multipart/alternative; boundary="edge"',
    ]
    parts = [
        "Content-Type: text/plain\r\n\r\nThey have answered.",
        "Content-Type: text/calendar; method=REPLY; charset=UTF-8\r\n\r\n" + "\r\n".join(lines),
    ]
    body = "".join(f"--edge\r\n{part}\r\n" for part in parts) + "--edge--\r\n"
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


async def test_who_is_invited_is_told_and_told_again_when_it_is_moved_and_cancelled(
    client, to, worker, settings
):
    await inviting(client)
    booked = await booking(client)
    await invited(client, booked, email=to, name="Sample Person", role="optional")
    ((letter, method, event),) = await told(settings, to, 1)
    assert (method, int(event["SEQUENCE"]), event["UID"]) == (
        "REQUEST",
        0,
        f"{booked['id']}@crm-api",
    )
    assert (event["ORGANIZER"], event["ATTENDEE"]) == (f"mailto:{SUPPORT}", f"mailto:{to}")
    parameters = event["ATTENDEE"].params
    assert (parameters["ROLE"], parameters["PARTSTAT"], parameters["RSVP"]) == (
        "OPT-PARTICIPANT",
        "NEEDS-ACTION",
        "TRUE",
    )
    assert event["DTSTART"].dt.isoformat() == "2031-03-03T09:00:00+00:00"
    assert (letter["Subject"], letter["From"]) == ("Invitation: Site visit", f"Support <{SUPPORT}>")
    assert "Where: Meeting room" in letter.get_body().get_content()
    assert letter["Auto-Submitted"] == "auto-generated"

    await client.patch(f"/v1/bookings/{booked['id']}", json={"title": "Inspection"})
    changed = (await told(settings, to, 2))[1]
    assert (changed[1], int(changed[2]["SEQUENCE"]), changed[2]["SUMMARY"]) == (
        "REQUEST",
        0,
        "Inspection",
    )
    await moved(client, booked)
    after = (await told(settings, to, 3))[2]
    assert (after[1], int(after[2]["SEQUENCE"])) == ("REQUEST", 1)
    assert "Before: 2031-03-03 09:00-10:00" in after[0].get_body().get_content()
    assert after[0]["In-Reply-To"] is not None
    await client.post(f"/v1/bookings/{booked['id']}/cancel", json={})
    gone = (await told(settings, to, 4))[3]
    assert (gone[1], int(gone[2]["SEQUENCE"]), gone[2]["STATUS"]) == ("CANCEL", 2, "CANCELLED")
    assert {one[2]["UID"] for one in await told(settings, to, 4)} == {event["UID"]}
    (thread,) = (await client.read("conversations"))["data"]
    assert thread["message_count"] == 4


async def test_who_is_uninvited_alone_gets_a_cancellation_and_the_others_nothing(
    client, to, worker, settings
):
    await inviting(client)
    booked = await booking(client)
    one = await invited(client, booked, email=to)
    stays = f"{uuid4().hex}@example.org"
    await invited(client, booked, email=stays)
    await told(settings, to, 1)
    await told(settings, stays, 1)
    await client.delete(f"/v1/booking-attendees/{one['id']}")
    gone = (await told(settings, to, 2))[1]
    assert (gone[1], int(gone[2]["SEQUENCE"]), "STATUS" in gone[2]) == ("CANCEL", 1, False)
    await client.post(f"/v1/booking-attendees/{one['id']}/restore")
    back = (await told(settings, to, 3))[2]
    assert (back[1], int(back[2]["SEQUENCE"])) == ("REQUEST", 2)
    await client.idle()
    assert len(arrived(settings.mail_outbox, stays)) == 1


async def test_nobody_is_mailed_unless_it_is_switched_on(client, to, worker, settings):
    made = await channel(client)
    booked = await booking(client)
    await invited(client, booked, email=to)
    await moved(client, booked)
    await client.idle()
    assert arrived(settings.mail_outbox, to) == []
    path = "/v1/invitations/settings"
    assert (await client.read("invitations/settings")) == {"channel_id": None}
    wrong = await client.put(path, json={"channel_id": str(uuid4())})
    assert pointers(problem(wrong, 422)) == ["/channel_id"]
    chat = await client.made("channels", {"name": "Chat", "kind": "chat"})
    assert (await client.put(path, json={"channel_id": chat["id"]})).status_code == 422
    done = await client.data(
        "mutation($in: InvitationSettingsInput!)"
        " { setInvitationSettings(input: $in) { channelId } }",
        **{"in": {"channelId": made["id"]}},
    )
    assert done["setInvitationSettings"]["channelId"] == made["id"]
    shown = await client.data("{ invitationSettings { channelId } }")
    assert shown["invitationSettings"]["channelId"] == made["id"]


async def test_held_ones_are_told_of_once_they_are_confirmed(client, to, worker, settings):
    await inviting(client)
    booked = await booking(client, hold_expires_at="2031-01-01T00:00:00Z")
    await invited(client, booked, email=to)
    await client.idle()
    assert arrived(settings.mail_outbox, to) == []
    await client.post(f"/v1/bookings/{booked['id']}/confirm")
    assert (await told(settings, to, 1))[0][1] == "REQUEST"


async def test_each_version_is_told_once_however_many_look_at_once(
    client, to, worker, settings, database, org
):
    made = await inviting(client)
    booked = await booking(client)
    one = await invited(client, booked, email=to)

    async def look():
        async with unit_of_work(tx_of(database, org, "*")) as tx:
            await tx.learned.learn()
            channel = await Channels(tx).usable(UUID(made["id"]))
            return await Telling(tx, channel).tell(UUID(booked["id"]))

    await asyncio.gather(*(look() for _ in range(8)))
    times = {"starts_at": "2031-03-03T12:00:00Z", "ends_at": "2031-03-03T13:00:00Z"}
    path = f"/v1/bookings/{booked['id']}/reschedule"
    await asyncio.gather(client.post(path, json=times), *(look() for _ in range(8)))
    await asyncio.gather(*(look() for _ in range(8)))
    await client.idle()
    found = await told(settings, to, 2)
    assert [int(event["SEQUENCE"]) for _, _, event in found] == [0, 1]
    kept = (await client.read(f"booking-attendees/{one['id']}/invitations"))["data"]
    assert [(row["method"], row["sequence"]) for row in kept] == [("REQUEST", 1), ("REQUEST", 0)]
    sent = {row["id"] for row in (await client.read("messages"))["data"]}
    assert {row["message_id"] for row in kept} == sent


async def test_whom_something_stands_against_is_not_told(client, to, worker, settings):
    await inviting(client)
    await client.made("suppressions", {"kind": "email", "value": to, "reason": "manual"})
    booked = await booking(client)
    one = await invited(client, booked, email=to)
    await client.idle()
    await moved(client, booked)
    await client.idle()
    await client.post(f"/v1/bookings/{booked['id']}/cancel", json={})
    await client.idle()
    assert arrived(settings.mail_outbox, to) == []
    shown = await client.data(
        "query($id: UUID!)"
        " { attendeeInvitations(id: $id) { data { method sequence refused messageId } } }",
        id=one["id"],
    )
    refused = {"method": "REQUEST", "refused": "outreach_refused", "messageId": None}
    assert shown["attendeeInvitations"]["data"] == [
        {**refused, "sequence": 1},
        {**refused, "sequence": 0},
    ]


async def test_of_bookings_that_are_moved_at_once_each_is_told(client, to, worker, settings):
    await inviting(client)
    booked = await booking(client)
    other = await booking(client)
    await invited(client, booked, email=to)
    await invited(client, other, email=to)
    await told(settings, to, 2)
    await asyncio.gather(moved(client, booked), moved(client, other))
    found = await told(settings, to, 4)
    assert [int(event["SEQUENCE"]) for _, _, event in found] == [0, 0, 1, 1]


async def test_a_calendar_answers_by_mail(client, to, worker, settings):
    await inviting(client, opens_cases=True)
    contact = await client.made("contacts", {"last_name": "Sample", "email": to})
    booked = await booking(client)
    one = await invited(client, booked, email=None, contact_id=contact["id"])
    ((letter, _, event),) = await told(settings, to, 1)
    mail = reply_of(event, to, "TENTATIVE", id="answer")
    receipt = await take(client, mail)
    assert [note["code"] for note in receipt["notes"]].count("reply_taken") == 1
    assert (receipt["case_id"], receipt["is_auto_reply"]) == (None, True)
    found = await client.read(f"booking-attendees/{one['id']}")
    assert (found["reply"], found["replied_via"], found["comment"]) == (
        "tentative",
        "email",
        "Gladly",
    )
    # The same mail again is the same message, and changes nothing.
    assert (await take(client, mail, 200))["result"] == "repeated"
    assert (await client.read(f"booking-attendees/{one['id']}"))["version"] == found["version"]
    assert letter["Message-ID"] is not None


async def codes(client, mail):
    receipt = await take(client, mail)
    return {note["code"] for note in receipt["notes"] if note["code"].startswith("reply")}


async def test_replies_that_were_overtaken_change_nothing(client, to, worker, settings):
    await inviting(client)
    booked = await booking(client)
    one = await invited(client, booked, email=to)
    ((_, _, event),) = await told(settings, to, 1)
    await moved(client, booked)
    new = (await told(settings, to, 2))[1][2]
    assert await codes(client, reply_of(event, to)) == {"reply_outdated"}
    assert await codes(client, reply_of(new, to, sequence=7)) == {"reply_outdated"}
    path = f"booking-attendees/{one['id']}"
    assert (await client.read(path))["reply"] == "needs_action"
    assert await codes(client, reply_of(new, to, stamp="20260103T100000Z")) == {"reply_taken"}
    older = reply_of(new, to, "DECLINED", stamp="20260102T100000Z")
    assert await codes(client, older) == {"reply_outdated"}
    assert (await client.read(path))["reply"] == "accepted"
    newer = reply_of(new, to, "DECLINED", stamp="20260104T100000Z")
    assert await codes(client, newer) == {"reply_taken"}
    assert (await client.read(path))["reply"] == "declined"
    await client.post(f"/v1/bookings/{booked['id']}/cancel", json={})
    late = reply_of(new, to, stamp="20260105T100000Z")
    assert await codes(client, late) == {"reply_outdated"}


async def test_strangers_and_what_is_broken_are_told_and_change_nothing(
    client, to, worker, settings
):
    await inviting(client)
    booked = await booking(client)
    one = await invited(client, booked, email=to)
    ((_, _, event),) = await told(settings, to, 1)
    crasher = f"{uuid4().hex}@example.org"
    assert await codes(client, reply_of(event, crasher)) == {"reply_not_invited"}
    assert await codes(client, reply_of(event, to, sender=crasher)) == {"reply_not_theirs"}
    unknown = f"{uuid4()}@crm-api"
    assert await codes(client, reply_of(event, to, uid=unknown)) == {"reply_unknown_event"}
    assert await codes(client, reply_of(event, to, uid="x@example.com")) == {"reply_unknown_event"}
    assert await codes(client, reply_of(event, to, stamp="soon")) == {"reply_broken"}
    assert await codes(client, reply_of(event, to, "PERHAPS")) == {"reply_broken"}
    found = await client.read(f"booking-attendees/{one['id']}")
    assert (found["reply"], found["version"]) == ("needs_action", one["version"])
    await client.delete(f"/v1/booking-attendees/{one['id']}")
    assert await codes(client, reply_of(event, to)) == {"reply_not_invited"}


async def test_another_organization_hears_nothing_of_it(client, other, to, worker, settings):
    await inviting(client)
    await channel(other)
    booked = await booking(client)
    await invited(client, booked, email=to)
    ((_, _, event),) = await told(settings, to, 1)
    assert await codes(other, reply_of(event, to)) == {"reply_unknown_event"}


async def test_what_was_told_goes_with_the_attendee(client, to, worker, settings, owner):
    await inviting(client)
    booked = await booking(client)
    one = await invited(client, booked, email=to)
    await told(settings, to, 1)
    sql = "SELECT count(*) FROM attendee_invitations WHERE attendee_id = $1"
    assert await owner.fetchval(sql, UUID(one["id"])) == 1
    answer = await client.delete(f"/v1/booking-attendees/{one['id']}?purge=true")
    assert answer.status_code == 204, answer.text
    assert await owner.fetchval(sql, UUID(one["id"])) == 0


async def test_whoever_books_is_told_with_their_link(client, anonymous, to, worker, settings):
    await inviting(client)
    path = await page_of(client, time_zone="Europe/Berlin")
    free = await slots(anonymous, path)
    made = await by_guest(anonymous, path, free[0], email=to)
    ((letter, method, event),) = await told(settings, to, 1)
    assert (method, event["ATTENDEE"].params["PARTSTAT"]) == ("REQUEST", "ACCEPTED")
    text = letter.get_body().get_content()
    assert letter["Subject"] == "Booked: Consultation"
    assert "(Europe/Berlin)" in text
    assert made["path"] in text
    assert made["token"] not in str((await client.read("messages"))["data"])
    (attendee,) = (await client.read("booking-attendees"))["data"]
    assert (attendee["is_booker"], attendee["reply"]) == (True, "accepted")
    link = f"/public/bookings/{made['token']}"
    later = (await slots(anonymous, link))[-1]
    await anonymous.post(f"{link}/reschedule", json={"starts_at": later["start"]})
    after = (await told(settings, to, 2))[1]
    assert (after[1], int(after[2]["SEQUENCE"])) == ("REQUEST", 1)
    assert made["path"] in after[0].get_body().get_content()
    again = await client.read(f"booking-attendees/{attendee['id']}")
    assert again["reply"] == "accepted"
    await anonymous.post(f"{link}/cancel", json={})
    gone = (await told(settings, to, 3))[2]
    assert gone[1] == "CANCEL"
    assert made["path"] not in gone[0].get_body().get_content()
