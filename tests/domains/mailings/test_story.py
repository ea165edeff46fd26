"""A mailing goes out, is opened, clicked, answered, bounced, complained about, and unsubscribed."""

import asyncio
import re
from datetime import timedelta
from uuid import UUID, uuid4

from crm_api.domains.mailings.schemas import MailingSettings
from support.letters import arrived, letters_to
from support.mailings import TO, did, mailing, reader, sends_of, settled
from support.mails import mail, take
from support.waiting import patiently

BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0"}


async def sent_to(client, settings, *people, **more):
    """A mailing that has left to some, and their letters."""
    made = await mailing(client, **more)
    await did(client, made, "start")
    await did(client, made, "send", contact_ids=[one["id"] for one in people])
    await settled(client, made)
    letters = [(await letters_to(settings.mail_outbox, one["address"], 1))[0] for one in people]
    return made, letters


async def aged(owner, mailing, age):
    """Have its mails have left so long ago."""
    sql = "UPDATE mailing_sends SET handed_at = now() - $2::interval WHERE mailing_id = $1"
    await owner.execute(sql, mailing["id"], age)


def path_of(url):
    return "/public/" + url.partition("/public/")[2]


def parts(letter):
    text, html = (one.get_content() for one in letter.iter_parts())
    return text, html


async def test_mail_leaves_through_the_gate_and_counts(client, worker, settings):
    person, silent = await reader(client), await reader(client, agreed=False)
    made = await mailing(client)
    await did(client, made, "start")
    told = await did(client, made, "send", contact_ids=[person["id"], silent["id"]])
    assert told["queued"] == 2
    assert (await did(client, made, "send", contact_ids=[person["id"]]))["queued"] == 0
    by_contact = {one["contact_id"]: one for one in await settled(client, made)}
    kept = by_contact[silent["id"]]
    assert (kept["status"], kept["reasons"]) == ("suppressed", ["no_consent"])
    left = by_contact[person["id"]]
    assert left["status"] == "sent"
    (letter,) = await letters_to(settings.mail_outbox, person["address"], 1)
    assert letter["Subject"] == "News for Sample"
    assert letter["Message-ID"].startswith(f"<{left['id']}@")
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert arrived(settings.mail_outbox, silent["address"]) == []
    # It is done, since nothing is left to send.
    async for _ in patiently():
        if (await client.read(f"mailings/{made['id']}"))["status"] == "completed":
            break
    found = await client.read(f"mailings/{made['id']}/results")
    assert (found["total"], found["sent"], found["suppressed"]) == (2, 1, 1)
    assert found["reasons"] == [{"reason": "no_consent", "count": 1}]
    events = (await client.read("events", types="mailing.sent"))["data"]
    assert [one["record_id"] for one in events] == [person["id"]]


async def test_one_click_unsubscribes_at_once(client, anonymous, worker, settings):
    person = await reader(client)
    made, (letter,) = await sent_to(client, settings, person)
    path = path_of(letter["List-Unsubscribe"].strip("<>"))
    assert path in parts(letter)[0].replace("\n", "")
    page = await anonymous.get(path)
    assert (page.status_code, "<form" in page.text) == (200, True)
    assert (await sends_of(client, made))[0]["unsubscribed_at"] is None
    answer = await anonymous.post(path, data={"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200, answer.text
    (one,) = await sends_of(client, made)
    assert one["status"] == "unsubscribed"
    said = {"items": [{"record_id": person["id"], **TO}]}
    (found,) = (await client.post("/v1/outreach/check", json=said)).json()["data"]
    assert set(found["reasons"]) == {"withdrawn", "suppressed"}
    # A second click changes nothing; a token that was made up opens nothing.
    assert (await anonymous.post(path)).status_code == 200
    wrong = path[:-3] + ("abc" if path[-3:] != "abc" else "abd")
    assert (await anonymous.post(wrong)).status_code == 404
    # The next mailing does not reach them.
    second = await mailing(client)
    await did(client, second, "start")
    await did(client, second, "send", contact_ids=[person["id"]])
    assert (await settled(client, second))[0]["status"] == "suppressed"


async def test_who_was_merged_unsubscribes_as_what_they_became(client, anonymous, worker, settings):
    loser, winner = await reader(client), await reader(client)
    _, (letter,) = await sent_to(client, settings, loser)
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
    await client.made("contacts/merge", body)
    path = path_of(letter["List-Unsubscribe"].strip("<>"))
    assert (await anonymous.post(path)).status_code == 200
    assert "withdrawn" in await why(client, winner)


async def test_opens_and_clicks_are_of_people(client, anonymous, worker, settings, owner):
    person = await reader(client)
    made, (letter,) = await sent_to(client, settings, person)
    html = parts(letter)[1]
    pixel = path_of(re.search(r'<img src="([^"]+)"', html)[1])
    link = path_of(re.search(r'<a href="([^"]+)">see', html)[1])
    # At once after it left it is a scanner; a program says so itself; HEAD is nobody.
    await aged(owner, made, timedelta(minutes=-1))
    assert (await anonymous.get(link, headers=BROWSER)).status_code == 302
    await aged(owner, made, timedelta(minutes=1))
    await anonymous.get(pixel, headers={"User-Agent": "Barracuda scan/1.0"})
    await anonymous.request("HEAD", link, headers=BROWSER)
    (one,) = await sends_of(client, made)
    assert (one["opened_at"], one["clicked_at"]) == (None, None)
    answer = await anonymous.get(pixel, headers=BROWSER)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/gif")
    for _ in range(2):
        answer = await anonymous.get(link, headers=BROWSER)
        assert answer.headers["location"] == "https://example.com/a?b=1&c=2"
    (one,) = await sends_of(client, made)
    assert one["status"] == "clicked"
    found = await client.read(f"mailings/{made['id']}/results")
    assert (found["opened"], found["clicked"], found["programs"]) == (1, 1, 2)
    assert found["links"] == [{"url": "https://example.com/a?b=1&c=2", "clicks": 2, "people": 1}]
    assert len((await client.read("events", types="mailing.clicked"))["data"]) == 1


async def test_links_lead_nowhere_else(client, anonymous, worker, settings):
    made, (letter,) = await sent_to(client, settings, await reader(client))
    link = path_of(re.search(r'<a href="([^"]+)">see', parts(letter)[1])[1])
    path = link.partition("?")[0]
    for other in ("https://evil.example/", "javascript:alert(1)", "//evil.example"):
        answer = await anonymous.get(path, params={"to": other}, headers=BROWSER)
        assert answer.status_code == 404
    assert made["status"] == "draft"


async def test_who_does_not_want_to_be_tracked_is_not(client, worker, settings):
    person = await reader(client)
    said = {"target": "contact", "record_id": person["id"], "channel": "email"}
    await client.made("consents", {**said, "purpose": "tracking", "state": "denied"})
    _, (letter,) = await sent_to(client, settings, person)
    html = parts(letter)[1]
    assert "<img" not in html
    assert 'href="https://example.com/a?b=1&amp;c=2"' in html
    await client.put("/v1/mailings/settings", json={"tracks": False})
    _, (letter,) = await sent_to(client, settings, await reader(client))
    assert "/clicks/" not in parts(letter)[1]


def report(letter, status, action):
    own = letter["Message-ID"]
    body = (
        "--edge\r\nContent-Type: text/plain\r\n\r\nAbout your mail.\r\n"
        "--edge\r\nContent-Type: message/delivery-status\r\n\r\n"
        "Reporting-MTA: dns; mx.example.org\r\n\r\n"
        f"Final-Recipient: rfc822; {letter['To']}\r\nAction: {action}\r\nStatus: {status}\r\n"
        "Diagnostic-Code: smtp; 550 no such user\r\n\r\n"
        f"--edge\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {own}\r\n\r\nHi\r\n--edge--\r\n"
    )
    kind = "multipart/report; report-type=delivery-status; boundary=edge"
    return mail(body, sender="mailer-daemon@example.org", id=f"{uuid4()}@x", Content_Type=kind)


def complaint(letter):
    body = (
        "--edge\r\nContent-Type: text/plain\r\n\r\nA complaint.\r\n"
        "--edge\r\nContent-Type: message/feedback-report\r\n\r\n"
        "Feedback-Type: abuse\r\nUser-Agent: Example/1.0\r\nVersion: 1\r\n\r\n"
        "--edge\r\nContent-Type: text/rfc822-headers\r\n\r\n"
        f"Message-ID: {letter['Message-ID']}\r\nFrom: x@y\r\n\r\n--edge--\r\n"
    )
    kind = "multipart/report; report-type=feedback-report; boundary=edge"
    return mail(body, sender="fbl@example.org", id=f"{uuid4()}@x", Content_Type=kind)


async def why(client, person):
    said = {"items": [{"record_id": person["id"], **TO}]}
    return set((await client.post("/v1/outreach/check", json=said)).json()["data"][0]["reasons"])


async def test_reports_are_heeded(client, worker, settings):
    people = [await reader(client) for _ in range(5)]
    made, letters = await sent_to(client, settings, *people)
    hard, soft, arrived_, angry, kind = letters
    await take(client, report(hard, "5.1.1", "failed"))
    await take(client, report(soft, "4.2.2", "failed"))
    await take(client, report(arrived_, "2.0.0", "delivered"))
    receipt = await take(client, complaint(angry))
    assert "complaint" in [one["code"] for one in receipt["notes"]]
    own = {"In_Reply_To": kind["Message-ID"]}
    await take(client, mail(sender=people[4]["address"], id=f"{uuid4()}@x", **own))
    by = {one["contact_id"]: one for one in await sends_of(client, made)}
    assert [by[one["id"]]["status"] for one in people] == [
        *("bounced", "bounced", "delivered", "complained", "replied"),
    ]
    assert [by[one["id"]]["bounce"] for one in people[:3]] == ["hard", "soft", None]
    assert await why(client, people[0]) == {"address_unusable", "suppressed"}
    assert await why(client, people[1]) == set()
    assert await why(client, people[3]) == {"withdrawn", "suppressed"}
    found = await client.read(f"mailings/{made['id']}/results")
    assert (found["bounced_hard"], found["bounced_soft"]) == (1, 1)
    assert (found["complained"], found["replied"], found["delivered"]) == (1, 1, 1)
    # The same report once more counts once.
    await take(client, report(hard, "5.1.1", "failed"))
    assert len((await client.read("events", types="mailing.bounced"))["data"]) == 2


async def test_what_comes_back_again_and_again_is_suppressed(client, worker, settings):
    await client.put("/v1/mailings/settings", json={"most_soft_bounces": 2})
    full, away = await reader(client), await reader(client)

    async def arrives(person):
        made = await mailing(client)
        await did(client, made, "start")
        await did(client, made, "send", contact_ids=[person["id"]])
        (one,) = await settled(client, made)
        letters = arrived(settings.mail_outbox, person["address"])
        return next(letter for letter in letters if one["id"] in letter["Message-ID"])

    await take(client, report(await arrives(full), "4.2.2", "failed"))
    assert await why(client, full) == set()
    # Of these one arrived in between.
    await take(client, report(await arrives(away), "4.2.2", "failed"))
    await arrives(away)
    await take(client, report(await arrives(away), "4.2.2", "failed"))
    assert await why(client, away) == set()
    second = report(await arrives(full), "4.2.2", "failed")
    await take(client, second)
    assert await why(client, full) == {"suppressed"}
    (one,) = (await client.read("suppressions"))["data"]
    assert (one["reason"], one["value"]) == ("soft_bounces", full["address"])
    # Whom somebody lets through again has as many to come back as before.
    assert (await client.delete(f"/v1/suppressions/{one['id']}")).status_code == 204
    await take(client, report(await arrives(full), "4.2.2", "failed"))
    assert await why(client, full) == set()
    await take(client, report(await arrives(full), "4.2.2", "failed"))
    assert await why(client, full) == {"suppressed"}


async def test_of_two_that_come_back_at_once_the_second_counts_both(client, owner):
    person = await reader(client)
    most = MailingSettings.model_validate({}).most_soft_bounces
    sends = []
    for _ in range(most):
        made = await mailing(client)
        await did(client, made, "start")
        await did(client, made, "send", contact_ids=[person["id"]])
        sends += await sends_of(client, made)
        await did(client, made, "pause")
    left = """UPDATE mailing_sends SET status = 'sent', handed_at = now(), sent_at = now(),
        address = $2 WHERE id = ANY($1)"""
    await owner.execute(left, [UUID(one["id"]) for one in sends], person["address"])
    letters = [{"Message-ID": f"<{one['id']}@x>", "To": person["address"]} for one in sends]
    reports = [report(letter, "4.2.2", "failed") for letter in letters]
    await asyncio.gather(*(take(client, one) for one in reports))
    (one,) = (await client.read("suppressions"))["data"]
    assert (one["reason"], one["value"]) == ("soft_bounces", person["address"])


async def test_too_much_that_comes_back_stops_it(client, worker, settings):
    await client.put("/v1/mailings/settings", json={"least_sent": 2, "most_bounces_percent": 50})
    people = [await reader(client) for _ in range(2)]
    made, letters = await sent_to(client, settings, *people, is_ongoing=True)
    await take(client, report(letters[0], "5.1.1", "failed"))
    stopped = await client.read(f"mailings/{made['id']}")
    assert (stopped["status"], stopped["pause_reason"]) == ("paused", "bounces")
    assert len((await client.read("events", types="mailing.auto_paused"))["data"]) == 1
    assert (await did(client, made, "resume"))["pause_reason"] is None


async def test_an_automation_sends_to_one(client, worker, settings):
    made = await mailing(client, is_ongoing=True)
    await did(client, made, "start")
    rule = await client.made(
        "automations",
        {
            "name": "Welcome",
            "trigger": {"type": "event", "events": ["contact.updated"]},
            "steps": [{"action": "send_mailing", "mailing_id": made["id"]}],
        },
    )
    answer = await client.post(f"/v1/automations/{rule['id']}/publish")
    assert answer.status_code == 200, answer.text
    person = await reader(client)
    for title in ("Chief", "Chair"):
        await client.patch(f"/v1/contacts/{person['id']}", json={"title": title})
    (one,) = await settled(client, made)
    assert one["contact_id"] == person["id"]
    assert one["step"] == rule["id"]
    await letters_to(settings.mail_outbox, person["address"], 1)


async def test_it_is_on_the_timeline(client, worker, settings):
    person = await reader(client)
    await sent_to(client, settings, person)
    async for _ in patiently():
        found = await client.read(f"contacts/{person['id']}/timeline")
        if any(one["topic"] == "mailing.sent" for one in found["data"]):
            break


async def test_a_story_over_graphql(client, worker, settings):
    person = await reader(client)
    made = await mailing(client)
    id = made["id"]
    await client.gql(f'mutation {{ startMailing(id: "{id}") {{ status }} }}')
    ids = f'input: {{ contactIds: ["{person["id"]}"] }}'
    told = await client.gql(f'mutation {{ sendMailing(id: "{id}", {ids}) {{ queued }} }}')
    assert told["data"]["sendMailing"] == {"queued": 1}
    await settled(client, made)
    asked = f'{{ mailingSends(id: "{id}") {{ data {{ status }} }} mailingResults(id: "{id}") {{ sent }} }}'
    found = (await client.gql(asked))["data"]
    assert found["mailingSends"] == {"data": [{"status": "sent"}]}
    assert found["mailingResults"] == {"sent": 1}
    own = f'input: {{ contactId: "{person["id"]}" }}'
    shown = await client.gql(f'{{ renderedMailing(id: "{id}", {own}) {{ subject }} }}')
    assert shown["data"]["renderedMailing"]["subject"] == "News for Sample"
