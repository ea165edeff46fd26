"""`search` on a text: the words of that field, in the manner of web searches."""

import pytest

CASES = [
    ("harbour", {"a", "b"}),
    ("HARBOUR old", {"a"}),
    ("harbour -old", {"b"}),
    ('"old harbour"', {"a"}),
    ('"harbour old"', set()),
    ("museum or north", {"b", "c"}),
    ("harb", set()),
    ("...", set()),
    ("'; --", set()),
]


@pytest.fixture
async def people(client):
    await client.made("custom-fields", {"target": "contact", "name": "note", "type": "text"})
    texts = {"a": "The old harbour.", "b": "Harbour, north side", "c": "A museum", "d": None}
    for name, text in texts.items():
        body = {"last_name": name, "description": text, "custom": {"note": text}}
        await client.made("contacts", body)


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(("asked", "wanted"), CASES)
async def test_texts_are_found_by_their_words(client, asked, wanted):
    for filter in ({"description": {"search": asked}}, {"custom": {"note": {"search": asked}}}):
        answer = await client.post("/v1/contacts/query", json={"filter": filter})
        assert {row["last_name"] for row in answer.json()["data"]} == wanted, answer.text
        rest = {"filter": {"not": filter}}
        answer = await client.post("/v1/contacts/query", json=rest)
        assert {row["last_name"] for row in answer.json()["data"]} == {*"abcd"} - wanted
    document = (
        "query($t: String) { contacts(where: {description: {search: $t}}) { nodes { lastName } } }"
    )
    found = (await client.data(document, t=asked))["contacts"]["nodes"]
    assert {node["lastName"] for node in found} == wanted
    page = await client.read("contacts", **{"filter[description][search]": asked})
    assert {row["last_name"] for row in page["data"]} == wanted
