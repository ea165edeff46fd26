"""The link in what rules write: whoever follows it gets no more, whatever their record becomes."""

import re
from uuid import uuid4

import pytest

from support.leads import users_of
from support.letters import letters_to

pytestmark = pytest.mark.usefixtures("worker")
MAIL = {"action": "mail", "purpose": "newsletter", "subject": "Hello", "text": "Welcome."}
TO = {"channel": "email", "purpose": "newsletter"}


@pytest.fixture
def link_to(client, rules, settings):
    """`await link_to(kind, record, address)`: the link of a letter to somebody who has agreed."""

    async def link(kind, record, address):
        said = {"state": "granted", "basis": "consent", "evidence": {"source": "form"}, **TO}
        await client.made("consents", {"target": kind, "record_id": record["id"], **said})
        id = await rules.active(MAIL, trigger={"type": "event", "events": [f"{kind}.created"]})
        await rules.act(id, "run", {"record_ids": [record["id"]]}, 202)
        (letter,) = await letters_to(settings.mail_outbox, address, 1)
        found = re.fullmatch(r"<.*(/public/.*)>", letter["List-Unsubscribe"])
        assert found is not None
        return found[1]

    return link


async def reasons(client, record, purpose="newsletter"):
    asked = {"record_id": record["id"], **TO, "purpose": purpose}
    answer = await client.post("/v1/outreach/check", json={"items": [asked]})
    return answer.json()["data"][0]["reasons"]


async def test_who_is_in_the_bin_says_it_for_when_they_are_back(client, anonymous, link_to):
    address = f"{uuid4().hex}@example.com"
    body = {"last_name": "Person", "emails": [{"value": address, "primary": True}]}
    person = await client.made("contacts", body)
    path = await link_to("contact", person, address)
    other = path.replace("address=", "address=0")[:-1]
    for wrong, status in ((other, 404), (path.partition("&address")[0], 422), (path + "0", 422)):
        assert (await anonymous.post(wrong)).status_code == status
    assert await reasons(client, person) == []
    await client.delete(f"/v1/contacts/{person['id']}")
    for _ in range(2):
        assert (await anonymous.post(path)).status_code == 200
    await client.post(f"/v1/contacts/{person['id']}/restore")
    assert await reasons(client, person) == ["suppressed", "withdrawn"]
    # Of the address nothing readable was written down by that.
    (suppression,) = (await client.read("suppressions"))["data"]
    assert (suppression["value"], suppression["reason"]) == (None, "unsubscribed")
    emails = [{"value": f"{uuid4().hex}@example.com", "primary": True}]
    await client.patch(f"/v1/contacts/{person['id']}", json={"emails": emails})
    assert await reasons(client, person) == ["withdrawn"]


async def test_what_a_lead_said_holds_for_the_contact_that_it_becomes(client, anonymous, link_to):
    address = f"{uuid4().hex}@example.com"
    (owner,) = await users_of(client, 1)
    body = {"last_name": "Person", "email": address, "owner_id": owner}
    lead = await client.made("leads", body)
    path = await link_to("lead", lead, address)
    assert (await anonymous.post(path)).status_code == 200
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={})
    assert answer.status_code == 200, answer.text
    contact = {"id": answer.json()["contact_id"]}
    said = {"state": "granted", "basis": "consent", "evidence": {"source": "form"}, **TO}
    await client.made("consents", {"target": "contact", "record_id": contact["id"], **said})
    assert await reasons(client, contact) == ["suppressed"]
    assert await reasons(client, contact, "offers") == ["no_consent"]
