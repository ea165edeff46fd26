"""The rules of contacts."""

import pytest

from support.clients import problem


def values(points):
    return [(point["value"], point["primary"]) for point in points]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"first_name": "Only"}, "Only"),
        ({"last_name": "Person"}, "Person"),
        ({"email": "only@example.com"}, "only@example.com"),
        ({"emails": [{"value": "only@example.com"}]}, "only@example.com"),
        ({"first_name": "A", "middle_name": "B", "last_name": "C"}, "A B C"),
    ],
)
async def test_name_is_made_of_what_is_known(client, body, name):
    assert (await client.made("contacts", body))["name"] == name


@pytest.mark.parametrize("body", [{}, {"title": "Buyer"}, {"phone": "+4930901820"}, {"emails": []}])
async def test_contact_needs_a_name_or_an_address(client, body):
    problem(await client.post("/v1/contacts", json=body), 422, "validation")


async def test_last_name_cannot_go_when_nothing_else_names(client):
    made = await client.made("contacts", {"last_name": "Person"})
    path = f"contacts/{made['id']}"
    problem(await client.patch(f"/v1/{path}", json={"last_name": None}), 422)
    changed = await client.changed(path, {"last_name": None, "email": "p@example.com"})
    assert changed["name"] == "p@example.com"
    problem(await client.patch(f"/v1/{path}", json={"email": None}), 422)
    problem(await client.patch(f"/v1/{path}", json={"emails": []}), 422)
    changed = await client.changed(path, {"emails": [], "first_name": "Sample"})
    assert changed["name"] == "Sample"


async def test_short_email_is_the_primary_of_many(client):
    made = await client.made("contacts", {"email": "First@Example.COM"})
    assert made["email"] == "First@example.com"
    assert values(made["emails"]) == [("First@example.com", True)]
    path = f"contacts/{made['id']}"
    more = [{"value": "first@example.com", "primary": True}, {"value": "second@example.com"}]
    await client.changed(path, {"emails": more})
    changed = await client.changed(path, {"email": "third@example.com"})
    assert values(changed["emails"]) == [("third@example.com", True), ("second@example.com", False)]
    changed = await client.changed(path, {"email": "second@example.com"})
    assert values(changed["emails"]) == [("second@example.com", True)]
    changed = await client.changed(path, {"email": None, "last_name": "Person"})
    assert (changed["email"], changed["emails"]) == (None, [])


async def test_phones_are_read_by_the_contacts_country_first(client):
    german = await client.made("contacts", {"last_name": "P", "phone": "030 901820"})
    assert german["phone"] == "+4930901820"
    french = await client.made(
        "contacts", {"last_name": "P", "country": "FR", "phone": "01 23 45 67 89"}
    )
    assert french["phone"] == "+33123456789"
    changed = await client.changed(
        f"contacts/{german['id']}", {"country": "GB", "phone": "020 7946 0958"}
    )
    assert changed["phone"] == "+442079460958"
    found = await client.read("contacts", **{"filter[phones]": "030901820"})
    assert found["data"] == []
    found = await client.read("contacts", **{"filter[phones]": "+33 1 23 45 67 89"})
    assert [row["id"] for row in found["data"]] == [french["id"]]


async def test_emails_are_found_in_any_spelling(client):
    made = await client.made("contacts", {"email": "Sample.Person@Example.com"})
    for asked in ("sample.person@example.com", "SAMPLE.PERSON@EXAMPLE.COM"):
        found = await client.read("contacts", **{"filter[emails]": asked})
        assert [row["id"] for row in found["data"]] == [made["id"]]
    await client.delete(f"/v1/contacts/{made['id']}")
    assert (await client.read("contacts", **{"filter[emails]": asked}))["data"] == []
    await client.post(f"/v1/contacts/{made['id']}/restore")
    assert len((await client.read("contacts", **{"filter[emails]": asked}))["data"]) == 1


async def test_cyrillic_names_are_in_alphabetical_order(client):
    letters = "абвгдеёжзийклмнопрстуфхцчшщъыьэюя"
    for letter in sorted(letters, key=hash):
        await client.made("contacts", {"last_name": f"{letter.upper()}нов", "first_name": "Пример"})
    listed = await client.read("contacts", sort="name", limit=200)
    assert "".join(row["last_name"][0].lower() for row in listed["data"]) == letters


async def test_people_are_listed_by_family_name(client):
    for first, last in (("Zoe", "Alpha"), ("Adam", "Beta"), ("Adam", "Alpha")):
        await client.made("contacts", {"first_name": first, "last_name": last})
    listed = [row["name"] for row in (await client.read("contacts", sort="name"))["data"]]
    assert listed == ["Adam Alpha", "Zoe Alpha", "Adam Beta"]


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("Щербаков", "shcherbakov"),
        ("Щербаков", "щерб"),
        ("Щербаков", "Scherbakov"),
        ("Фёдоров", "федоров"),
        ("Фёдоров", "Fedorov"),
        ("Müller", "mueller"),
        ("Müller", "muller"),
        ("O'Brien", "obrien"),
        ("O'Brien", "brien"),
        ("Łukasz", "lukasz"),
        ("Škoda", "skod"),
        ("Anne-Marie", "marie"),
    ],
)
async def test_search_finds_any_usual_spelling(client, stored, asked):
    made = await client.made("contacts", {"last_name": stored})
    await client.made("contacts", {"last_name": "Unrelated"})
    found = await client.read("contacts", q=asked)
    assert [row["id"] for row in found["data"]] == [made["id"]]


async def test_search_finds_by_points_and_needs_every_word(client):
    body = {"first_name": "Sample", "last_name": "Person", "email": "box@example.com"}
    made = await client.made("contacts", {**body, "phone": "+49 30 901820"})
    for asked in ("sample person", "per sam", "box@example.com", "+4930901820"):
        found = (await client.read("contacts", q=asked))["data"]
        assert [row["id"] for row in found] == [made["id"]], asked
    assert (await client.read("contacts", q="sample other"))["data"] == []
    found = await client.read("contacts", q="person", **{"filter[lifecycle]": "customer"})
    assert found["data"] == []


@pytest.mark.parametrize(
    ("field", "short", "value", "again"),
    [
        ("emails", "email", "opted@example.com", "Opted@EXAMPLE.com"),
        ("phones", "phone", "+4930901820", "+49 30 901820"),
    ],
)
async def test_naming_a_point_again_leaves_it_what_it_is(client, field, short, value, again):
    points = [{"value": value, "kind": "home", "status": "opted_out", "primary": True}]
    made = await client.made("contacts", {"last_name": "Person", field: points})
    changed = await client.changed(f"contacts/{made['id']}", {short: again, "title": "Buyer"})
    assert [(p["kind"], p["status"]) for p in changed[field]] == [("home", "opted_out")]
    # The same of one that was not the primary one.
    other = {"email": "new@example.com", "phone": "+4930901821"}[short]
    both = [*changed[field], {"value": other, "status": "bounced", "primary": False}]
    await client.changed(f"contacts/{made['id']}", {field: both})
    changed = await client.changed(f"contacts/{made['id']}", {short: other})
    assert [(p["value"], p["status"], p["primary"]) for p in changed[field]] == [
        (other, "bounced", True)
    ]
