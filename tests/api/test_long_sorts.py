"""Lists that are sorted by long texts: their cursors are always taken again."""

import pytest


async def walked(client, sort):
    """The names of a list, one a page, by the links of its answers."""
    names, link = [], f"/v1/contacts?limit=1&fields=last_name&sort={sort}"
    while link:
        assert len(link) < 2_000
        answer = await client.get(link)
        assert answer.status_code == 200, answer.text
        names += [row["last_name"] for row in answer.json()["data"]]
        header = answer.headers.get("link")
        link = header and header[1 : header.index(">")]
    return names


@pytest.mark.parametrize("letter", ["x", "щ", "\U0001f600", "\n"])
async def test_pages_go_on_after_long_texts(client, letter):
    """What differs beyond the first 100 characters is in the order of the ids."""
    await client.post(
        "/v1/custom-fields", json={"target": "contact", "name": "story", "type": "text"}
    )
    for name, begin in (("c", "3"), ("a", "1"), ("b1", "2"), ("b2", "2")):
        text = begin + letter * 4_000 + ("z" if name == "b1" else "y")
        body = {"last_name": name, "description": text, "custom": {"story": text}}
        await client.made("contacts", body)
    await client.made("contacts", {"last_name": "d"})
    for field in ("description", "custom.story"):
        assert await walked(client, field) == ["a", "b1", "b2", "c", "d"]
        assert await walked(client, f"-{field}") == ["c", "b2", "b1", "a", "d"]


async def test_four_long_keys_fit_into_a_cursor(client):
    company = await client.made("companies", {"name": "ж" * 200, "description": "ж" * 5_000})
    for name in ("ab", "cd"):
        text = "ж" * 900 + name
        await client.made(
            "contacts",
            {"last_name": "ж" * 150, "company_id": company["id"], "description": text},
        )
    keys = "name,description,company.name,company.description"
    assert len(await walked(client, keys)) == 2
