"""Mail as it comes in: threads, repeats, senders, loops, bounces and files."""

import asyncio
from uuid import uuid4

import pytest

from support.clients import problem
from support.mails import NASTY, SUPPORT, channel, mail, take, with_files


async def read(api, receipt):
    return await api.read(f"messages/{receipt['id']}")


async def thread_of(api, receipt):
    return await api.read(f"conversations/{receipt['conversation_id']}")


async def test_a_mail_of_a_contact_begins_a_conversation(client):
    made = await channel(client)
    company = await client.made("companies", {"name": "Example Industries"})
    person = {"last_name": "Sample", "email": "Sample@Example.org", "company_id": company["id"]}
    contact = await client.made("contacts", person)
    receipt = await take(client, mail())
    assert (receipt["result"], receipt["contact_id"]) == ("created", contact["id"])
    message, thread = await read(client, receipt), await thread_of(client, receipt)
    assert (message["body"], message["channel_id"]) == ("It stands still.", made["id"])
    assert message["dated_at"] == "2027-01-05T09:00:00Z"
    assert (thread["subject"], thread["message_count"]) == ("The display stays dark", 1)
    assert (thread["company_id"], thread["needs_answer"]) == (company["id"], True)
    (raw,) = (await client.read(f"messages/{receipt['id']}/attachments"))["data"]
    assert (await client.get(f"/v1/attachments/{raw['id']}/content")).content == mail()
    back = await client.read(f"contacts/{contact['id']}", include="conversations")
    assert [one["id"] for one in back["conversations"]["data"]] == [thread["id"]]


async def test_the_same_mail_twenty_times_at_once_is_one_record(client):
    await channel(client, opens_cases=True)
    headers = {"Content-Type": "message/rfc822"}
    send = [client.post("/v1/inbox/email", content=mail(), headers=headers) for _ in range(20)]
    answers = await asyncio.gather(*send)
    assert sorted(one.status_code for one in answers) == [200] * 19 + [201]
    assert len({one.json()["id"] for one in answers}) == 1
    for plural in ("messages", "conversations", "cases"):
        assert len((await client.read(f"{plural}"))["data"]) == 1
    attached = await client.read("attachments")
    assert len(attached["data"]) == 1


async def test_answers_find_their_thread(client):
    await channel(client)
    first = await take(client, mail())
    answer = mail(
        id="second@example.org", subject="Something else", In_Reply_To="<first@example.org>"
    )
    assert (await take(client, answer))["conversation_id"] == first["conversation_id"]
    far = mail(
        id="third@example.org",
        subject="Re: x",
        References="<gone@example.org> <second@example.org>",
    )
    assert (await take(client, far))["conversation_id"] == first["conversation_id"]
    by_subject = mail(id="fourth@example.org", subject="AW: Re: the display  stays dark")
    assert (await take(client, by_subject))["conversation_id"] == first["conversation_id"]
    # No answer, or of somebody else: another thread.
    again = mail(id="fifth@example.org")
    assert (await take(client, again))["conversation_id"] != first["conversation_id"]
    stranger = mail(
        id="sixth@example.org", sender="other@example.net", subject="Re: The display stays dark"
    )
    assert (await take(client, stranger))["conversation_id"] != first["conversation_id"]


async def test_an_answer_that_comes_before_what_it_answers(client):
    await channel(client)
    late = mail(id="second@example.org", subject="Re: x", In_Reply_To="<first@example.org>")
    first = await take(client, late)
    assert (await take(client, mail()))["conversation_id"] == first["conversation_id"]


async def test_of_several_contacts_none_is_chosen(client):
    await channel(client)
    ids = [
        (await client.made("contacts", {"last_name": name, "email": "sample@example.org"}))["id"]
        for name in ("Sample", "Example")
    ]
    receipt = await take(client, mail())
    assert (receipt["contact_id"], receipt["candidates"]) == (None, sorted(ids))
    unknown = await client.read("messages", **{"filter[contact_id][is_null]": "true"})
    assert [one["id"] for one in unknown["data"]] == [receipt["id"]]
    path = f"/v1/messages/{receipt['id']}/assign"
    assert (await client.post(path, json={})).status_code == 422
    answer = await client.post(path, json={"contact_id": ids[0]})
    assert (answer.json()["contact_id"], answer.json()["candidates"]) == (ids[0], [])
    assert (await thread_of(client, receipt))["contact_id"] == ids[0]
    refused = problem(await client.post(path, json={"contact_id": ids[1]}), 409)
    assert refused["code"] == "already_assigned"


async def test_an_unknown_sender_is_of_the_company_of_the_domain_and_becomes_a_contact(client):
    await channel(client)
    body = {"name": "Example Industries", "domains": ["example.org"]}
    company = await client.made("companies", body)
    first = await take(client, mail())
    assert (first["contact_id"], first["company_id"]) == (None, company["id"])
    second = await take(client, mail(id="2@example.org", In_Reply_To="<first@example.org>"))
    answer = await client.post(f"/v1/messages/{first['id']}/assign", json={"create": True})
    contact = await client.read(f"contacts/{answer.json()['contact_id']}")
    assert (contact["name"], contact["email"]) == ("Sample Person", "sample@example.org")
    assert (await read(client, second))["contact_id"] == contact["id"]


LOOPS = {
    "auto_submitted": {"Auto_Submitted": "auto-replied (vacation)"},
    "mailing_list": {"Precedence": "bulk"},
    "no_return_path": {"Return_Path": "<>"},
    "auto_reply": {"X_Auto_Response_Suppress": "DR, OOF, AutoReply"},
}


@pytest.mark.parametrize("code", [*LOOPS, "list"])
async def test_what_programs_send_opens_no_case_and_is_not_answered(client, code):
    await channel(client, opens_cases=True, acknowledges=True)
    headers = LOOPS.get(code, {"List_Id": "<news.example.org>"})
    receipt = await take(client, mail(**headers))
    assert (receipt["is_auto_reply"], receipt["case_id"]) == (True, None)
    assert code in {"list", *(note["code"] for note in receipt["notes"])}
    assert (await thread_of(client, receipt))["message_count"] == 1


async def test_what_comes_back_from_here_is_told(client):
    await channel(client, opens_cases=True)
    receipt = await take(client, mail(sender=SUPPORT))
    assert [note["code"] for note in receipt["notes"]] == ["own_loop"]
    assert receipt["case_id"] is None


async def test_two_programs_that_answer_each_other_come_to_an_end(client):
    await channel(client, opens_cases=True, hourly_limit=2)
    receipts = [await take(client, mail(id=f"{n}@example.org")) for n in range(4)]
    assert [one["case_id"] is not None for one in receipts] == [True, True, False, False]
    assert [note["code"] for note in receipts[3]["notes"]] == ["too_many"]


async def test_cases_are_continued_reopened_or_followed_up(client):
    await channel(client, opens_cases=True, case_kind="incident", case_priority="high")
    first = await take(client, mail())
    case = await client.read(f"cases/{first['case_id']}")
    assert (case["kind"], case["priority"], case["channel"]) == ("incident", "high", "email")

    async def again(number):
        raw = mail(id=f"{number}@example.org", In_Reply_To="<first@example.org>")
        return (await take(client, raw))["case_id"]

    assert await again(2) == case["id"]
    path = f"/v1/cases/{case['id']}"
    await client.post(f"{path}/resolve", json={"resolution": "Another cable"})
    assert await again(3) == case["id"]
    assert (await client.read(path.removeprefix("/v1/")))["status"] == "in_progress"
    await client.post(f"{path}/resolve", json={"resolution": "Another display"})
    await client.post(f"{path}/close")
    await client.put("/v1/cases/settings", json={"closing_days": 0, "auto_close_days": None})
    follower = await again(4)
    assert (await client.read(f"cases/{follower}"))["follows_id"] == case["id"]
    assert (await thread_of(client, first))["case_id"] == follower


async def test_files_are_attached_beside_the_mail(client):
    await channel(client)
    content = bytes(range(256)) * 4_000
    receipt = await take(client, with_files(("plan.bin", content), ("../../a.txt", b"Some text")))
    found = (await client.read(f"messages/{receipt['id']}/attachments"))["data"]
    files = {one["filename"]: one for one in found}
    assert set(files) == {"message.eml", "plan.bin", "a.txt"}
    answer = await client.get(f"/v1/attachments/{files['plan.bin']['id']}/content")
    assert answer.content == content
    assert (await read(client, receipt))["body"] == "See the files."


async def test_a_file_that_is_not_taken_stands_in_the_raw_mail(client):
    await channel(client)
    receipt = await take(client, with_files(("run.exe", b"MZ" + bytes(500))))
    assert [note["code"] for note in receipt["notes"]] == ["attachment_left_out"]
    found = (await client.read(f"messages/{receipt['id']}/attachments"))["data"]
    assert [one["filename"] for one in found] == ["message.eml"]


async def test_a_form_is_as_good(client):
    await channel(client)
    answer = await client.post("/v1/inbox/email", files={"file": ("mail.eml", mail())})
    assert answer.status_code == 201
    assert (await read(client, answer.json()))["message_id"] == "first@example.org"


async def test_an_empty_body_is_refused_and_a_key_needs_the_scope(client, keyed):
    headers = {"Content-Type": "message/rfc822"}
    answer = await client.post("/v1/inbox/email", content=b"", headers=headers)
    assert problem(answer, 422)["code"] == "empty"
    problem(await client.post("/v1/inbox/email", json={"mail": "Hello"}), 415)
    other = await keyed("contacts:write")
    assert (await other.post("/v1/inbox/email", content=mail(), headers=headers)).status_code == 403
    gateway = await keyed("inbox:write")
    await take(gateway, mail())
    assert (await gateway.get("/v1/messages")).status_code == 403


async def test_a_large_file_comes_through_and_a_larger_mail_is_refused(client, app):
    await channel(client)
    content = b"0123456789abcdef" * 500_000
    receipt = await take(client, with_files(("large.bin", content)))
    found = (await client.read(f"messages/{receipt['id']}/attachments"))["data"]
    sizes = {one["filename"]: one["size_bytes"] for one in found}
    assert sizes["large.bin"] == len(content)
    most = app.state.services.settings.max_upload_bytes
    headers = {"Content-Type": "message/rfc822", "Content-Length": str(most + 100_000)}
    answer = await client.post("/v1/inbox/email", content=b"x", headers=headers)
    assert problem(answer, 413)["code"] == "too_large"


async def test_a_rehearsal_leaves_nothing(client):
    await channel(client, opens_cases=True)
    receipt = await take(client, mail(), dry_run="true")
    assert receipt["result"] == "created"
    for plural in ("messages", "conversations", "cases", "attachments"):
        assert (await client.read(plural))["data"] == []


async def test_mail_that_is_as_wrong_as_can_be_is_taken_and_kept(client):
    await channel(client)
    for raw, _ in NASTY.values():
        receipt = await take(client, raw.replace(b"<a@example.org>", f"<{uuid4()}@a>".encode()))
        files = (await client.read(f"messages/{receipt['id']}/attachments"))["data"]
        assert "message.eml" in {one["filename"] for one in files}
        assert await read(client, receipt)


async def test_an_answer_and_what_it_answers_at_once_are_one_conversation(client):
    await channel(client, opens_cases=True)
    raws = [
        mail(id=f"{n}@example.org", References=f"<first@example.org> <{n - 1}@example.org>")
        for n in range(1, 6)
    ]
    receipts = await asyncio.gather(*[take(client, raw) for raw in (*reversed(raws), mail())])
    assert len({one["conversation_id"] for one in receipts}) == 1
    assert len({one["case_id"] for one in receipts}) == 1
    document = """
        query ($id: UUID!, $in: String!) {
            conversation(id: $id) { messageCount case { number } }
            messages(where: {conversationId: {eq: $in}}, orderBy: ["at"]) { nodes { messageId } } }
    """
    thread = receipts[0]["conversation_id"]
    shown = await client.data(document, **{"id": thread, "in": thread})
    ids = {node["messageId"] for node in shown["messages"]["nodes"]}
    assert (shown["conversation"]["messageCount"], len(ids)) == (6, 6)
    # With it everything in it is destroyed, and its files.
    path = f"conversations/{receipts[0]['conversation_id']}"
    assert (await client.delete(f"/v1/{path}", params={"purge": "true"})).is_success
    assert (await client.read("messages"))["data"] == []
    assert (await client.read("attachments"))["data"] == []
