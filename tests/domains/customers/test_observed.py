"""Preferences that nobody wrote down: counted, with how sure they are."""

import pytest

from crm_api.domains.customers.observing import confidence, part_of_day, seen
from crm_api.kit import clock
from support.clients import problem
from support.mails import channel, mail, take
from support.members import custom_role, member
from support.ordering import act, order
from support.quoting import product
from support.waiting import patiently

# Monday to Friday at 9:30, and one at 23:30 on a Saturday, in Berlin before and after the change
# to winter time of 25 October 2026.
TIMES = (
    *("2026-10-19T07:30Z", "2026-10-20T07:30Z", "2026-10-24T21:30Z"),
    *("2026-10-26T08:30Z", "2026-11-02T08:30Z", "2026-11-09T08:30Z"),
    *("2026-11-16T08:30Z", "2026-11-23T08:30Z"),
)


async def observed(api, path):
    rows = (await api.read(f"{path}/preferences/observed"))["data"]
    return {one["aspect"]: one for one in rows}


async def heard(api, contact, number, *calls):
    """Calls and letters, each at a time, once so many are on the timeline."""
    for kind, direction, at in calls:
        body = {"kind": kind, "subject": kind, "direction": direction, "ended_at": at}
        body |= {"status": "completed", "contact_id": contact["id"]}
        await api.made("activities", body)
    async for _ in patiently():
        found = await api.read(f"contacts/{contact['id']}/timeline", limit=100)
        if len(found["data"]) == number:
            break


@pytest.fixture
async def contact(client):
    company = await client.made("companies", {"name": "Example Industries"})
    return await client.made("contacts", {"last_name": "Person", "company_id": company["id"]})


def test_a_share_of_few_is_less_sure_than_the_same_of_many():
    # Wilson's interval of 4 of 5 is 0.376 to 0.964, of 40 of 50 it is 0.670 to 0.888.
    assert (confidence(4, 5), confidence(40, 50)) == (37, 66)
    assert (confidence(5, 5), confidence(1, 10)) == (56, 1)
    assert [part_of_day(hour) for hour in (0, 5, 6, 11, 12, 17, 21, 22, 23)] == [
        *("night", "night", "morning", "morning", "afternoon", "evening", "evening"),
        *("night", "night"),
    ]
    assert seen("channel", {"phone": 3, "email": 3}, 6)["status"] == "undecided"
    assert seen("channel", {"phone": 4}, 4)["status"] == "insufficient_data"


async def test_how_and_when_somebody_gets_in_touch_is_counted(client, worker, contact):
    await client.patch("/v1/organization", json={"time_zone": "Europe/Berlin"})
    path, company = f"contacts/{contact['id']}", f"companies/{contact['company_id']}"
    kinds = ["call"] * 6 + ["letter"] * 2
    calls = [(kind, "inbound", at) for kind, at in zip(kinds, TIMES, strict=True)]
    await heard(client, contact, 4, *calls[:4])
    found = await observed(client, path)
    assert [(one["status"], one["value"], one["sample"]) for one in found.values()] == [
        *[("insufficient_data", None, 4)] * 3,
        ("insufficient_data", None, 0),
    ]
    assert (await client.read(f"{path}/preferences/effective"))["data"] == []
    # What was said to them speaks of those who said it.
    said = [("meeting", "outbound", at) for at in TIMES]
    await heard(client, contact, 16, *calls[4:], *said)
    before = clock.now().isoformat()
    for party in (path, company):
        found = await observed(client, party)
        told = {name: (one["value"], one["confidence"]) for name, one in found.items()}
        assert told == {
            "channel": ("phone", confidence(6, 8)),
            "part_of_day": ("morning", confidence(7, 8)),
            "weekday": ("monday", confidence(6, 8)),
            "product": (None, None),
        }
    liked = (await client.read(f"{path}/preferences/effective"))["data"]
    assert [(one["key"], one["value"], one["origin"], one["sample"]) for one in liked] == [
        ("channel", "phone", "observed", 8),
        ("time", "morning", "observed", 8),
    ]
    document = """query($id: UUID!) { observedPreferences(kind: "contact", id: $id) {
        aspect value confidence sample } }"""
    data = (await client.data(document, id=contact["id"]))["observedPreferences"]
    keys = ("aspect", "value", "confidence", "sample")
    rows = (await client.read(f"{path}/preferences/observed"))["data"]
    assert data == [{key: one[key] for key in keys} for one in rows]
    # A guess yields to it, and it yields to what was said; the picture says the same.
    body = {"contact_id": contact["id"], "key": "channel"}
    await client.made("preferences", {**body, "value": "sms", "origin": "inferred"})
    shown = await client.read(f"{path}/360", sections="preferences")
    assert (shown["preferences"][0]["value"], shown["preferences"][0]["overruled"]) == ("phone", 1)
    await client.made("preferences", {**body, "value": "post", "origin": "stated"})
    shown = await client.read(f"{path}/360", sections="preferences")
    first = shown["preferences"][0]
    assert (first["value"], first["origin"], first["overruled"]) == ("post", "stated", 2)
    await heard(client, contact, 17, ("call", "inbound", clock.now().isoformat()))
    assert (await observed(client, path))["channel"]["sample"] == 9
    then = await client.read(f"{path}/360", sections="preferences", as_of=before)
    assert [(one["value"], one["sample"]) for one in then["preferences"]] == [
        ("phone", 8),
        ("morning", 8),
    ]


async def test_what_is_ordered_again_and_again_is_counted_by_orders(client, contact):
    chair, desk = await product(client), await product(client, name="Desk")
    of = {"company_id": contact["company_id"], "contact_id": contact["id"]}
    for number in range(3):
        lines = [{"product_id": chair["id"], "quantity": "1"}]
        if number == 0:
            lines.append({"product_id": desk["id"], "quantity": "40"})
        made = await order(client, lines=lines, **of)
        found = (await observed(client, f"contacts/{contact['id']}"))["product"]
        assert (found["status"], found["sample"]) == ("insufficient_data", number)
        await act(client, made["id"], "confirm")
    found = (await observed(client, f"contacts/{contact['id']}"))["product"]
    assert (found["value"], found["confidence"]) == ("Chair", confidence(3, 3))
    role = await custom_role(client, levels={"*": {"read": "all"}, "orders": {"read": "none"}})
    who = await member(client, role)
    hidden = (await observed(who.api, f"contacts/{contact['id']}"))["product"]
    assert (hidden["status"], hidden["sample"]) == ("insufficient_data", 0)
    nothing = "018f0000-0000-7000-8000-000000000000"
    problem(await client.get(f"/v1/contacts/{nothing}/preferences/observed"), 404)


async def test_mails_that_come_in_count_as_what_somebody_writes_by(client, worker):
    await channel(client)
    person = {"last_name": "Person", "email": "sample@example.org"}
    contact = await client.made("contacts", person)
    path = f"contacts/{contact['id']}"
    for n in range(5):
        await take(client, mail(id=f"m{n}@example.org", subject=f"Question {n}"))
    async for _ in patiently():
        found = await client.read(f"{path}/timeline", kind="email", direction="in")
        if len(found["data"]) == 5:
            break
    one = (await observed(client, path))["channel"]
    assert (one["status"], one["value"], one["sample"]) == ("known", "email", 5)
