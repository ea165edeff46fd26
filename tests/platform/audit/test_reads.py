"""What is read of watched fields is written down, whoever reads it and however."""

import pytest

from support.clients import pointers, problem
from support.exports import exported

SETTINGS = "audit/settings"


async def watch(client, **fields):
    body = {"reads": [{"entity": entity, "fields": names} for entity, names in fields.items()]}
    answer = await client.put(f"/v1/{SETTINGS}", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def readings(client, entity="contact"):
    """What the readings of a kind of record say, oldest first."""
    params = {"filter[type]": f"{entity}.read", "sort": "occurred_at", "limit": 200}
    return [event["data"] for event in (await client.read("audit", **params))["data"]]


@pytest.fixture
async def person(client):
    company = await client.made("companies", {"name": "Example", "industry": "bank"})
    return await client.made(
        "contacts",
        {
            "last_name": "Person",
            "birth_date": "1980-01-01",
            "email": "person@example.com",
            "company_id": company["id"],
        },
    )


async def test_nothing_is_written_down_unless_somebody_wants_it(client, person, statements):
    async with statements() as seen:
        await client.read(f"contacts/{person['id']}")
        await client.read("contacts")
    assert len(seen) == 2
    assert await readings(client) == []


async def test_a_record_and_a_list_are_one_event_each(client, person):
    await watch(client, contact=["birth_date"])
    second = await client.made("contacts", {"last_name": "Second"})
    assert await readings(client) == []
    await client.read(f"contacts/{person['id']}")
    await client.read("contacts", sort="created_at")
    told = {"entity": "contact", "fields": ["birth_date"]}
    assert await readings(client) == [
        {**told, "ids": [person["id"]], "count": 1},
        {**told, "ids": [person["id"], second["id"]], "count": 2},
    ]
    (event, _) = (await client.read("audit", **{"filter[type]": "contact.read"}))["data"]
    me = await client.read("me")
    assert (event["actor_kind"], event["actor_id"]) == (me["kind"], me["id"])
    assert event["entity"] == "read"
    assert event["request_id"]


async def test_only_what_is_shown_counts(client, person):
    await watch(client, contact=["birth_date"])
    await client.read(f"contacts/{person['id']}", fields="id,last_name")
    await client.read("contacts", fields="id,last_name")
    await client.data("{ contacts { nodes { id lastName } } }")
    await client.read(f"companies/{person['company_id']}")
    missing = await client.get(f"/v1/contacts/{person['company_id']}")
    problem(missing, 404)
    await client.read("contacts", **{"filter[last_name]": "Nobody"})
    assert await readings(client) == []


READERS = {
    "list": lambda api, p: api.read("contacts"),
    "query": lambda api, p: api.post("/v1/contacts/query", json={}),
    "one": lambda api, p: api.read(f"contacts/{p['id']}"),
    "as of": lambda api, p: api.read(f"contacts/{p['id']}", as_of="@now"),
    "changes": lambda api, p: api.read("contacts/changes"),
    "words": lambda api, p: api.read("contacts", q="Person"),
    "history": lambda api, p: api.read(f"contacts/{p['id']}/history"),
    "feed": lambda api, p: api.read("events", types="contact.created"),
    "trail": lambda api, p: api.read("audit", **{"filter[record_id]": p["id"]}),
    "unchanged by a patch": lambda api, p: api.patch(f"/v1/contacts/{p['id']}", json={}),
    "dry run": lambda api, p: api.patch(
        f"/v1/contacts/{p['id']}", json={"title": "X"}, params={"dry_run": "true"}
    ),
    "stale": lambda api, p: api.patch(
        f"/v1/contacts/{p['id']}", json={"title": "X"}, headers={"If-Match": '"99"'}
    ),
    "graph list": lambda api, p: api.data("{ contacts { nodes { birthDate } } }"),
    "graph one": lambda api, p: api.data(
        "query($id: UUID!) { contact(id: $id) { birthDate } }", id=p["id"]
    ),
    "graph node by fragments": lambda api, p: api.data(
        "query($id: UUID!) { a: contact(id: $id) { ...F } } fragment F on Contact { birthDate }",
        id=p["id"],
    ),
    "graph mutation": lambda api, p: api.data(
        'mutation($id: UUID!) { updateContact(id: $id, input: {title: "X"}) { birthDate } }',
        id=p["id"],
    ),
}


@pytest.mark.parametrize("way", READERS)
async def test_every_way_of_reading_is_written_down(client, person, way):
    # The feed holds back what is younger than any transaction that still runs.
    await client.told(person["id"], 1)
    await watch(client, contact=["birth_date"])
    await READERS[way](client, person)
    assert [told["ids"] for told in await readings(client)] == [[person["id"]]]


RELATED = {
    "include": lambda api: api.read("contacts", include="company"),
    "graph": lambda api: api.data("{ contacts { nodes { company { industry } } } }"),
    "graph field by field": lambda api: api.data(
        "{ contacts { nodes { company { industry } } } __schema { queryType { name } } }"
    ),
}


@pytest.mark.parametrize("way", RELATED)
async def test_related_records_are_read_too(client, person, way):
    await watch(client, company=["industry"])
    await RELATED[way](client)
    told = await readings(client, "company")
    assert [each["ids"] for each in told] == [[person["company_id"]]]


async def test_parts_are_read_with_their_record(client, person):
    await watch(client, employment=["title"])
    (job,) = (await client.read("employments"))["data"]
    await client.read(f"contacts/{person['id']}", include="employments")
    assert [each["ids"] for each in await readings(client, "employment")] == [[job["id"]]] * 2


async def test_search_shows_what_it_finds(client, person):
    await watch(client, contact=["email"])
    found = await client.read("search", q="person@example.com")
    assert [hit["id"] for hit in found["data"]] == [person["id"]]
    assert [told["ids"] for told in await readings(client)] == [[person["id"]]]


async def test_the_gate_of_outreach_shows_where_people_are_reached(client):
    await watch(client, contact=["emails"])
    body = {"last_name": "Person", "email": "asked@example.com"}
    made = await client.made("contacts", body)
    for item in ({"record_id": made["id"]}, {"address": "asked@example.com"}):
        items = [{"channel": "email", "purpose": "newsletter", **item}]
        answer = await client.post("/v1/outreach/check", json={"items": items})
        assert answer.status_code == 200, answer.text
    told = {"entity": "contact", "fields": ["emails"], "ids": [made["id"]], "count": 1}
    assert await readings(client) == [told, told]


async def test_an_export_tells_how_many(client, person, worker):
    await watch(client, contact=["birth_date"], company=["industry"])
    await exported(client, "contacts", fields=["id", "last_name"])
    assert await readings(client) == []
    await exported(client, "contacts", fields=["birth_date", "company.industry"])
    (told,) = await readings(client)
    assert told == {"entity": "contact", "fields": ["birth_date"], "ids": [], "count": 1}
    (told,) = await readings(client, "company")
    assert told == {"entity": "company", "fields": ["industry"], "ids": [], "count": 1}
    (event,) = (await client.read("audit", **{"filter[type]": "contact.read"}))["data"]
    exports = (await client.read("exports"))["data"]
    assert event["cause_id"] == exports[0]["id"]


async def test_fields_of_ones_own_and_all_fields(client, person):
    await client.made("custom-fields", {"target": "contact", "name": "tax", "type": "text"})
    await watch(client, contact=["custom.tax"])
    await client.read(f"contacts/{person['id']}", fields="id,birth_date")
    await client.read(f"contacts/{person['id']}", fields="id,custom")
    assert [told["fields"] for told in await readings(client)] == [["custom.tax"]]
    await watch(client, company=["*"])
    await client.read(f"companies/{person['company_id']}", fields="id")
    await client.read(f"contacts/{person['id']}")
    assert len(await readings(client)) == 1
    assert [told["fields"] for told in await readings(client, "company")] == [["*"]]


async def test_readings_disturb_no_history_and_no_sync(client, person):
    await watch(client, contact=["birth_date"])
    start = (await client.read("contacts/changes", limit=200))["next_cursor"]
    await client.read(f"contacts/{person['id']}")
    history = await client.read(f"contacts/{person['id']}/history")
    assert [entry["type"] for entry in history["data"]] == ["contact.created"]
    then = await client.read(f"contacts/{person['id']}", as_of="@now")
    assert then["last_name"] == "Person"
    changes = await client.read("contacts/changes", after=start)
    assert changes["data"] == []


async def test_the_settings_over_both_faces(client, other):
    assert await client.read(SETTINGS) == {"reads": []}
    wanted = {"reads": [{"entity": "contact", "fields": ["birth_date", "email"]}]}
    assert await watch(client, contact=["email", "birth_date", "email"]) == wanted
    assert await client.read(SETTINGS) == wanted
    assert await other.read(SETTINGS) == {"reads": []}
    shown = "{ auditSettings { reads { entity fields } } }"
    assert (await client.data(shown))["auditSettings"] == wanted
    change = (
        "mutation($input: AuditSettingsInput!) "
        "{ setAuditSettings(input: $input) { reads { entity fields } } }"
    )
    after = await client.data(change, input={"reads": []})
    assert after["setAuditSettings"] == {"reads": []}
    told = (await client.read("audit", **{"filter[type]": "audit.configured"}))["data"]
    assert [event["data"] for event in told] == [{"reads": []}, wanted]
    assert told[0]["previous"] == wanted


async def test_what_cannot_be_watched_is_pointed_at(client):
    body = {
        "reads": [
            {"entity": "contact", "fields": ["birth_date", "nothing", "custom.none"]},
            {"entity": "nobody", "fields": ["*"]},
            {"entity": "contact", "fields": ["*"]},
        ]
    }
    found = problem(await client.put(f"/v1/{SETTINGS}", json=body), 422)
    assert pointers(found) == [
        "/reads/0/fields/1",
        "/reads/0/fields/2",
        "/reads/1/entity",
        "/reads/2/entity",
    ]
    empty = {"reads": [{"entity": "contact", "fields": []}]}
    found = problem(await client.put(f"/v1/{SETTINGS}", json=empty), 422)
    assert pointers(found) == ["/reads/0/fields"]
    assert await client.read(SETTINGS) == {"reads": []}
