"""What people got and did by mail is a touch of the campaign of the mailing."""

import re
from datetime import timedelta

from domains.mailings.test_story import BROWSER, aged, parts, path_of
from support import campaigns
from support.letters import letters_to
from support.mailings import did, mailing, reader, settled
from support.mails import mail, take
from support.waiting import patiently


async def sold(client, person, amount="100.00"):
    body = {"name": "Office", "contact_id": person["id"], "amount": amount}
    deal = await client.made("deals", body)
    answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    return deal["id"]


async def touches(client, deal, number):
    """The touches on the way to a deal, once there are so many."""
    found = []
    async for _ in patiently():
        found = (await client.read(f"attribution/conversions/{deal}"))["touches"]
        if len(found) >= number:
            break
    assert len(found) == number, found
    return found


async def test_a_click_leads_to_a_deal(client, anonymous, worker, settings, owner):
    person, other = await reader(client), await reader(client)
    campaign = await campaigns.campaign(
        client, await campaigns.segment(client, person["id"], other["id"])
    )
    made = await mailing(client, campaign_id=campaign)
    await campaigns.done(client, campaign, "launch")
    await settled(client, made)
    letter, answered = [
        (await letters_to(settings.mail_outbox, one["address"], 1))[0] for one in (person, other)
    ]
    await aged(owner, made, timedelta(minutes=1))
    link = path_of(re.search(r'<a href="([^"]+)">see', parts(letter)[1])[1])
    for _ in range(2):
        assert (await anonymous.get(link, headers=BROWSER)).status_code == 302
    reply = {"In_Reply_To": answered["Message-ID"]}
    await take(client, mail(sender=other["address"], id="answer@x", **reply))
    for one, kind in ((person, "clicked"), (other, "responded")):
        (touch,) = await touches(client, await sold(client, one), 1)
        assert (touch["kind"], touch["channel"], touch["source"]) == (kind, "email", "mailing")
        assert (touch["campaign_id"], touch["person_id"]) == (campaign, one["id"])
        assert (touch["weight"], touch["value"]) == ("1", "100.00")
    found = {}
    async for _ in patiently():
        found = (await client.read(f"campaigns/{campaign}/results"))["total"]
        if found["sent"] == 2:
            break
    assert {name: found[name] for name in ("sent", "clicked", "responded")} == {
        "sent": 2,
        "clicked": 1,
        "responded": 1,
    }
    assert (found["won"], found["revenue"]) == ("2", "200.00")


async def test_each_mail_is_a_touch_and_what_was_only_sent_counts_by_settings(
    client, worker, settings
):
    person = await reader(client)
    for _ in range(2):
        made = await mailing(client)
        await did(client, made, "start")
        await did(client, made, "send", contact_ids=[person["id"]])
        await settled(client, made)
    deal = await sold(client, person)
    told = await client.read("attribution/settings")
    body = {**told, "counted_kinds": ["sent"], "session_minutes": 0}
    answer = await client.put("/v1/attribution/settings", json=body)
    assert answer.status_code == 200, answer.text
    found = await touches(client, deal, 2)
    assert {(one["kind"], one["campaign_id"]) for one in found} == {("sent", None)}
    assert len({one["source_id"] for one in found}) == 2
    assert (await client.put("/v1/attribution/settings", json=told)).status_code == 200
    assert (await client.read(f"attribution/conversions/{deal}"))["touches"] == []


async def test_what_was_before_is_taken_up_of_merged_and_of_erased_people(
    client, worker, owner, org
):
    one, other, gone, last = [await reader(client) for _ in range(4)]
    made = await mailing(client)
    await did(client, made, "start")
    await did(client, made, "send", contact_ids=[one["id"], gone["id"]])
    await settled(client, made)
    for loser, winner in ((one, other), (gone, last)):
        merged = {"winner_id": winner["id"], "loser_ids": [loser["id"]]}
        answer = await client.post("/v1/contacts/merge", json=merged)
        assert answer.is_success, answer.text
    request = await client.made("subject-requests", {"kind": "erasure", "record_id": last["id"]})
    path = f"/v1/subject-requests/{request['id']}"
    answer = await client.post(f"{path}/verify", json={"verification": "Saw the passport"})
    assert answer.status_code == 200, answer.text
    answer = await client.post(f"{path}/start")
    assert answer.status_code == 202, answer.text
    await client.ended(answer.json()["job_id"])
    # As in an organization that is new to attribution: it begins with all there is.
    await owner.execute(
        "WITH gone AS (DELETE FROM campaign_touches WHERE organization_id = $1) "
        "DELETE FROM campaign_touch_states WHERE organization_id = $1",
        org.id,
    )
    told = await client.read("attribution/settings")
    body = {**told, "counted_kinds": ["sent"]}
    answer = await client.put("/v1/attribution/settings", json=body)
    assert answer.status_code == 200, answer.text
    (touch,) = await touches(client, await sold(client, other), 1)
    assert (touch["kind"], touch["person_id"]) == ("sent", one["id"])
    left = "SELECT person_id FROM campaign_touches WHERE organization_id = $1"
    assert {str(row["person_id"]) for row in await owner.fetch(left, org.id)} == {one["id"]}
