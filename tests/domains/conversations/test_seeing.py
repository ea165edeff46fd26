"""Who reads what was written: whoever has the conversation, as far as nothing is hidden from them."""

import json

import pytest

from support.clients import problem
from support.mails import channel, ended, mail, reply, take, with_files
from support.members import custom_role, member
from support.waiting import patiently

OWN = dict.fromkeys(("read", "create", "update", "delete"), "own")
ALL = dict.fromkeys(OWN, "all")
SECRET = "The pump hums"


async def clerk(client, **role):
    return await member(client, await custom_role(client, **{"levels": {"*": OWN}, **role}))


@pytest.fixture
async def theirs(client):
    """A contact of somebody's, who has written, with whoever has them and somebody else."""
    await channel(client)
    mine, foreign = await clerk(client), await clerk(client)
    person = {"last_name": "Sample", "email": "sample@example.org", "owner_id": mine.id}
    contact = await client.made("contacts", person)
    receipt = await take(client, with_files(("a.bin", b"Some bytes"), body=SECRET))
    return mine, foreign, contact, receipt


async def test_whoever_may_not_see_a_contact_reads_nothing_of_them(client, theirs):
    mine, foreign, contact, receipt = theirs
    thread, message = receipt["conversation_id"], receipt["id"]
    (file,) = (await client.read("attachments", **{"filter[filename]": "a.bin"}))["data"]
    paths = (
        f"conversations/{thread}",
        f"conversations/{thread}/messages",
        f"messages/{message}",
        f"messages/{message}/attachments",
        f"attachments/{file['id']}/content",
        f"contacts/{contact['id']}/conversations",
    )
    for path in paths:
        assert (await mine.api.get(f"/v1/{path}")).status_code == 200, path
        assert (await foreign.api.get(f"/v1/{path}")).status_code == 404, path
    lists = ("conversations", "messages", "attachments")
    for plural in lists:
        assert (await mine.api.read(plural))["data"]
        assert (await foreign.api.read(plural))["data"] == []
    assert (await foreign.api.read("messages", q="pump"))["data"] == []
    assert (await foreign.api.read("search", q="pump"))["data"] == []
    assert SECRET not in json.dumps(await foreign.api.read("events", limit=200))
    assert SECRET in json.dumps(await mine.api.read("events", limit=200))
    body = {"body": "I was never here."}
    assert (await foreign.api.post(f"/v1/conversations/{thread}/reply", json=body)).is_error
    assert (
        await foreign.api.post(f"/v1/messages/{message}/assign", json={"create": True})
    ).is_error
    document = "query ($id: UUID!) { conversation(id: $id) { subject } }"
    assert (await foreign.api.data(document, id=thread))["conversation"] is None


async def test_hidden_fields_are_in_no_file_and_in_no_address(client, theirs):
    _, _, contact, receipt = theirs
    levels = {"*": ALL}
    path, files = f"messages/{receipt['id']}", f"messages/{receipt['id']}/attachments"
    blind = await clerk(client, levels=levels, masks={"message": {"hidden": ["body"]}})
    assert (await blind.api.read(path))["body"] is None
    # The mail as it came would tell it.
    assert (await blind.api.read(files))["data"] == []
    found = await client.read(files)
    raw = next(one for one in found["data"] if one["filename"] == "message.eml")
    assert (await blind.api.get(f"/v1/attachments/{raw['id']}/content")).status_code == 404
    far = await clerk(client, levels=levels, masks={"contact": {"hidden": ["email", "emails"]}})
    shown = await far.api.read(path)
    assert (shown["from_address"], shown["recipients"], shown["body"]) == (None, [], SECRET)
    assert (await far.api.read(f"conversations/{receipt['conversation_id']}"))[
        "counterpart"
    ] is None
    assert (await far.api.read(files))["data"] == []
    assert (await far.api.read(f"contacts/{contact['id']}"))["email"] is None


async def test_a_report_names_nobody_whose_address_is_hidden(client):
    await channel(client)
    receipt = await take(
        client,
        b"From: MAILER-DAEMON@example.net\r\nReturn-Path: <>\r\n"
        b"Content-Type: multipart/report; boundary=edge\r\n\r\n"
        b"--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a\r\n\r\n"
        b"Final-Recipient: rfc822; gone@example.org\r\nStatus: 5.1.1\r\n\r\n--edge--\r\n",
    )
    path = f"messages/{receipt['id']}"
    assert "gone@example.org" in json.dumps((await client.read(path))["notes"])
    masks = {"contact": {"hidden": ["email", "emails"]}}
    far = await clerk(client, levels={"*": ALL}, masks=masks)
    assert "gone@example.org" not in json.dumps(await far.api.read(path))
    assert "gone@example.org" not in json.dumps(await far.api.read("events", limit=200))


async def test_what_waits_for_an_answer_is_the_work_of_its_owner(client, theirs, worker):
    mine, foreign, contact, receipt = theirs
    (item,) = (await mine.api.read("me/next"))["data"]
    assert (item["kind"], item["record"]["record_id"]) == ("answer", receipt["conversation_id"])
    assert (await foreign.api.read("me/next"))["data"] == []
    await ended(client, await reply(mine.api, receipt), "sent")
    assert (await mine.api.read("me/next"))["data"] == []
    del contact


async def test_whoever_answers_first_has_it(client, worker):
    await channel(client)
    receipt = await take(client, mail())
    path = f"conversations/{receipt['conversation_id']}"
    assert (await client.read(path))["owner_id"] is None
    one = await clerk(client, levels={"*": ALL})
    await ended(client, await reply(one.api, receipt), "sent")
    assert (await client.read(path))["owner_id"] == one.id
    other = await clerk(client, levels={"*": ALL})
    await reply(other.api, receipt)
    assert (await client.read(path))["owner_id"] == one.id


async def test_who_gets_cases_gets_their_conversations(client):
    owner = await clerk(client)
    contact = {"last_name": "Sample", "email": "sample@example.org", "owner_id": owner.id}
    await client.made("contacts", contact)
    made = await channel(client, opens_cases=True)
    # What support is asked is not of whoever sells to them.
    first = await take(client, mail())
    assert (await client.read(f"conversations/{first['conversation_id']}"))["owner_id"] is None
    agent = await clerk(client)
    await client.changed(f"channels/{made['id']}", {"case_owner_id": agent.id})
    second = await take(client, mail(id="2@example.org", subject="Another"))
    for path in (f"conversations/{second['conversation_id']}", f"cases/{second['case_id']}"):
        assert (await client.read(path))["owner_id"] == agent.id


async def test_messages_are_on_the_timeline_and_in_the_picture(client, worker):
    await channel(client, opens_cases=True)
    company = await client.made(
        "companies", {"name": "Example Industries", "domains": ["example.org"]}
    )
    receipt = await take(client, mail())
    await take(client, mail(id="2@example.org", Auto_Submitted="auto-replied"))
    await ended(client, await reply(client, receipt), "sent")
    answer = await client.post(f"/v1/messages/{receipt['id']}/assign", json={"create": True})
    contact_id = answer.json()["contact_id"]

    async def topics(path, number):
        found = []
        async for _ in patiently():
            data = (await client.read(f"{path}/timeline"))["data"]
            found = [one["topic"] for one in data if one["topic"].startswith("message.")]
            if len(found) >= number:
                break
        return found

    # The company knew of it from the beginning, the contact since they were found out.
    assert await topics(f"contacts/{contact_id}", 2) == ["message.assigned"] * 2
    known = await topics(f"companies/{company['id']}", 4)
    assert sorted(known) == ["message.assigned"] * 2 + ["message.received", "message.sent"]
    case = await client.read(f"cases/{receipt['case_id']}")
    assert (case["contact_id"], case["company_id"]) == (contact_id, company["id"])
    whole = await client.read(f"contacts/{contact_id}/360")
    shown = json.dumps(whole)
    assert receipt["conversation_id"] in shown
    assert "open_conversations" in shown


async def test_events_tell_what_those_who_follow_them_go_by(client, worker):
    await channel(client)
    person = {"last_name": "Sample", "email": "sample@example.org"}
    contact = await client.made("contacts", person)
    receipt = await take(client, mail())
    await take(client, mail(id="2@example.org", Auto_Submitted="auto-replied"))
    sent = await ended(client, await reply(client, receipt), "sent")
    came = (await client.read("events", types="message.received"))["data"]
    (left,) = (await client.read("events", types="message.sent"))["data"]
    assert {one["data"]["contact_id"] for one in (*came, left)} == {contact["id"]}
    by_id = {one["record_id"]: one["data"] for one in (*came, left)}
    assert by_id[receipt["id"]]["is_auto_reply"] is False
    assert by_id[sent["id"]]["is_auto_reply"] is False
    assert by_id[receipt["id"]]["conversation_id"] == receipt["conversation_id"]
    assert by_id[sent["id"]]["conversation_id"] == receipt["conversation_id"]
    assert sorted(one["data"]["is_auto_reply"] for one in came) == [False, True]


@pytest.mark.parametrize("sender", [f"{'a' * 250}@example.org", "a b@-example-.org"])
async def test_a_sender_of_whom_no_contact_can_be_made_is_told(client, sender):
    receipt = await take(client, mail(sender=f'"" <{sender}>'))
    answer = await client.post(f"/v1/messages/{receipt['id']}/assign", json={"create": True})
    refused = problem(answer, 422)
    assert [(f["code"], f["pointer"]) for f in refused["errors"]] == [
        ("unusable_sender", "/create")
    ]


async def test_a_sender_with_a_long_address_and_no_name_becomes_a_contact(client):
    domain = ".".join(["a" * 60] * 3)
    receipt = await take(client, mail(sender=f"{'b' * 40}@{domain}.example.org"))
    answer = await client.post(f"/v1/messages/{receipt['id']}/assign", json={"create": True})
    assert answer.status_code == 200, answer.text
    contact = await client.read(f"contacts/{answer.json()['contact_id']}")
    assert len(contact["last_name"]) == 200
