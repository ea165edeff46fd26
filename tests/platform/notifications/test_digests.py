"""What is sent: one letter of many, once, that can be ended by a click; short messages."""

import json
import re
import signal
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy

import pytest

from crm_api.kit.tokens import Opaque, new_secret
from support.clients import problem
from support.inboxes import inbox, told
from support.members import custom_role, member
from support.waiting import patiently

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}


@pytest.fixture
def letters(settings):
    """`await letters(address, count)`: what has arrived there, once it is so much."""

    def found(address):
        files = sorted(settings.mail_outbox.glob("*.eml")) if settings.mail_outbox.exists() else []
        read = [message_from_bytes(f.read_bytes(), policy=policy.default) for f in files]
        return [letter for letter in read if letter["to"] == address]

    async def wait(address, count):
        async for _ in patiently():
            if len(found(address)) >= count:
                break
        arrived = found(address)
        assert len(arrived) == count, [str(letter) for letter in arrived]
        return arrived

    return wait


async def address_of(client, one):
    return (await client.read(f"users/{one.id}"))["email"]


async def wish(one, **choices):
    off = {"email": "off"}
    body = {"choices": dict.fromkeys(("assigned", "mention", "comment"), off) | choices}
    answer = await one.api.patch("/v1/notification-preferences", json=body)
    assert answer.status_code == 200, answer.text


async def fall_due(owner, org):
    """Let the time come at which what waits is sent."""
    sql = "UPDATE notification_dues SET due_at = now() WHERE organization_id = $1"
    await owner.execute(sql, org.id)


async def ended(owner, org, count):
    """The digests of an organization, once so many have ended."""
    rows = []
    async for _ in patiently():
        rows = await owner.fetch(
            "SELECT channel, status, items FROM notification_digests WHERE organization_id = $1 "
            "AND status <> 'pending' ORDER BY created_at",
            org.id,
        )
        if len(rows) >= count:
            break
    assert len(rows) == count, rows
    return rows


async def test_what_is_told_at_once_is_a_letter(client, org, worker, letters):
    one = await member(client, "admin")
    address = await address_of(client, one)
    contact = await client.made("contacts", {"last_name": "<b>Person</b>"})
    body = {"target": "contact", "record_id": contact["id"], "body": f"@[user:{one.id}] <i>hi</i>"}
    await client.made("comments", body)
    (letter,) = await letters(address, 1)
    assert letter["subject"] == "Somebody mentioned you in a comment on <b>Person</b>"
    plain = letter.get_body(("plain",)).get_content()
    html = letter.get_body(("html",)).get_content()
    (row,) = await inbox(one.api, 1)
    link = f"https://crm.example.com/pages/notifications#{row['id']}"
    assert link in plain
    assert link in html
    assert "<b>Person</b>" in plain
    assert "&lt;b&gt;Person" in html
    assert "<i>" not in html
    assert letter["list-unsubscribe-post"] == "List-Unsubscribe=One-Click"
    assert letter["list-unsubscribe"].strip("<>") in plain


async def test_a_digest_is_one_letter_of_many(client, org, owner, worker, letters):
    one = await member(client, "admin")
    await wish(one, assigned={"email": "daily"}, changed={"email": "daily"})
    contacts = [
        await client.made("contacts", {"last_name": f"Person {n}", "owner_id": one.id})
        for n in range(3)
    ]
    for number in range(2):
        body = {"last_name": f"Changed {number}"}
        await client.changed(f"contacts/{contacts[0]['id']}", body)
    rows = await told(client, one)
    due = await owner.fetch(
        "SELECT due_at, count FROM notification_dues WHERE organization_id = $1", org.id
    )
    assert {row["due_at"].strftime("%H:%M") for row in due} == {"08:00"}
    read = next(row for row in rows if row["record_id"] == contacts[1]["id"])
    body = {"ids": [read["id"]], "is_read": True}
    assert (await one.api.post("/v1/notifications/mark", json=body)).json() == {"changed": 1}
    await fall_due(owner, org)
    (letter,) = await letters(await address_of(client, one), 1)
    plain = letter.get_body(("plain",)).get_content()
    assert letter["subject"] == "4 notifications from Example"
    assert "Somebody changed Changed 1 (2 times)" in plain
    assert "Person 2 is yours now" in plain
    # What was read meanwhile is not told again.
    assert "Person 1" not in plain
    (digest,) = await ended(owner, org, 1)
    assert (digest["channel"], digest["status"]) == ("email", "sent")
    assert len(json.loads(digest["items"])) == 5


async def test_what_is_seen_no_more_is_not_sent(client, org, owner, worker):
    role = await custom_role(client, levels={"*": OWN})
    one = await member(client, role)
    await wish(one, assigned={"email": "daily"})
    contact = await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    await inbox(one.api, 1)
    await client.changed(f"contacts/{contact['id']}", {"owner_id": None})
    await fall_due(owner, org)
    (digest,) = await ended(owner, org, 1)
    assert digest["status"] == "nothing_left"


async def test_several_workers_send_each_digest_once(client, org, owner, worker_process, letters):
    people = [await member(client, "admin") for _ in range(4)]
    for one in people:
        await wish(one, assigned={"email": "weekly"})
        for number in range(2):
            body = {"last_name": f"Person {number}", "owner_id": one.id}
            await client.made("contacts", body)
    workers = [worker_process() for _ in range(2)]
    for one in people:
        await inbox(one.api, 2)
    await fall_due(owner, org)
    workers[0].send_signal(signal.SIGKILL)
    rows = await ended(owner, org, 4)
    assert {row["status"] for row in rows} == {"sent"}
    for one in people:
        (letter,) = await letters(await address_of(client, one), 1)
        assert letter["subject"] == "2 notifications from Example"


async def test_letters_end_by_one_click(client, org, owner, worker, letters, anonymous):
    one = await member(client, "admin")
    await client.changed(f"users/{one.id}", {"language": "de"})
    await wish(one, assigned={"email": "instantly"}, mention={"email": "instantly", "sms": "daily"})
    await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    (letter,) = await letters(await address_of(client, one), 1)
    assert letter["subject"] == "Person gehört jetzt Ihnen, durch Jemand"
    url = re.sub(r"^<https?://[^/]+|>$", "", letter["list-unsubscribe"])
    page = await anonymous.get(url)
    assert (page.status_code, "<form method" in page.text) == (200, True)
    assert "Abbestellen" in page.text
    before = await one.api.read("notification-preferences")
    assert before["effective"]["mention"]["email"] == "instantly"
    for _ in range(2):
        done = await anonymous.post(
            url,
            content=b"List-Unsubscribe=One-Click",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert done.status_code == 200
    after = await one.api.read("notification-preferences")
    assert {channels["email"] for channels in after["effective"].values()} == {"off"}
    assert after["effective"]["mention"]["sms"] == "daily"
    (event,) = [
        e
        for e in await client.told(one.id, 2, types="notification_preference.updated")
        if e["actor"] == {"kind": "user", "id": one.id}
    ]
    assert event["data"]["choices"]["*"] == {"email": "off"}
    token = url.rpartition("/")[2]
    for wrong in (
        "nothing",
        str(Opaque("unsubscribe", (org.id, org.id), new_secret())),
        # Not the last one, of which some bits mean nothing.
        token[:-5] + ("x" if token[-5] != "x" else "y") + token[-4:],
    ):
        for send in (anonymous.get, anonymous.post):
            problem(await send(f"/public/unsubscribe/{wrong}"), 404)


async def test_short_messages_go_where_the_user_says(client, org, owner, worker, settings):
    one = await member(client, "admin")
    body = {"choices": {"assigned": {"sms": "instantly", "messenger": "instantly", "email": "off"}},
            "phone": "+49 30 123456"}  # fmt: skip
    assert (await one.api.patch("/v1/notification-preferences", json=body)).status_code == 200
    await client.made("contacts", {"last_name": "Person", "owner_id": one.id})
    rows = await ended(owner, org, 2)
    assert {row["channel"]: row["status"] for row in rows} == {
        "sms": "sent",
        "messenger": "no_address",
    }
    sent = [json.loads(file.read_text()) for file in settings.mail_outbox.glob("*.sms.json")]
    (message,) = [one for one in sent if one["to"] == "+4930123456"]
    assert message["text"] == "Person is yours now, by Somebody"


async def test_old_notifications_are_forgotten(client, org, owner, worker, database):
    one = await member(client, "admin")
    for number in range(3):
        body = {"last_name": f"Person {number}", "owner_id": one.id}
        await client.made("contacts", body)
    first, second, third = await inbox(one.api, 3)
    body = {"ids": [first["id"]], "is_read": True}
    await one.api.post("/v1/notifications/mark", json=body)
    for row, days in ((first, 91), (second, 91), (third, 366)):
        await owner.execute(
            "UPDATE notifications SET last_at = $1 WHERE organization_id = $2 AND id = $3",
            datetime.now(UTC) - timedelta(days=days),
            org.id,
            row["id"],
        )
    await database.ask("SELECT crm_forget_notifications($1)", 5_000)
    assert [row["id"] for row in await inbox(one.api, 1, state="all")] == [second["id"]]
