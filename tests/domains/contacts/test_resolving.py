"""Who is meant by what is known of a person."""

from typing import Any

import pytest

from support.clients import Api, pointers, problem
from support.members import custom_role, member

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}
ALL = dict.fromkeys(OWN, "all")
JOHN: dict[str, Any] = {
    "first_name": "Jonathan",
    "last_name": "Example",
    "email": "jonathan.example@example.com",
    "phone": "+49 30 901820",
    "birth_date": "1980-02-29",
    "external_ids": {"erp": "151"},
}


async def resolve(api: Api, **body: Any) -> dict[str, Any]:
    answer = await api.post("/v1/contacts/resolve", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"external_ids": {"erp": "151"}}, "external_ids"),
        ({"emails": ["other@example.com", "Jonathan.Example@Example.com"]}, "email"),
        ({"phones": ["030 901820"], "last_name": "Example", "country": "DE"}, "phone"),
        ({"name": "Example, Jonathon", "birth_date": "1980-02-29"}, "birth_date"),
    ],
)
async def test_any_mix_of_identifiers_tells_who_it_is(client, body, field):
    made = await client.made("contacts", JOHN)
    await client.made("contacts", {"first_name": "Somebody", "last_name": "Else"})
    found = await resolve(client, **body)
    assert found["match"]["contact"]["id"] == made["id"]
    assert found["match"]["score"] >= 50
    reasons = {reason["field"]: reason for reason in found["match"]["reasons"]}
    assert reasons[field]["level"] == "equal"
    assert reasons[field]["bits"] > 0
    assert found["alternatives"] == []


async def test_an_id_decides_and_the_others_are_alternatives(client):
    other = await client.made("contacts", {**JOHN, "external_ids": {}})
    body = {"last_name": "Unlike", "external_ids": {"erp": "7"}}
    made = await client.made("contacts", body)
    asked = {"emails": [JOHN["email"]], "last_name": "Example", "external_ids": {"erp": "7"}}
    found = await resolve(client, **asked)
    match = found["match"]
    assert (match["contact"]["id"], match["band"], match["score"]) == (made["id"], "certain", 100)
    assert [one["contact"]["id"] for one in found["alternatives"]] == [other["id"]]


@pytest.mark.parametrize("way", ["company_id", "company", "domain"])
async def test_the_company_tells_namesakes_apart(client, way):
    names = {"first_name": "Sample", "last_name": "Person"}
    people = {}
    for name in ("Alpha", "Beta"):
        company = await client.made(
            "companies", {"name": name, "domains": [f"{name.lower()}.example.com"]}
        )
        person = await client.made("contacts", {**names, "company_id": company["id"]})
        people[person["id"]] = {
            "company_id": company["id"],
            "company": name.upper(),
            "domain": f"https://www.{name.lower()}.example.com",
        }
    for id, known in people.items():
        found = await resolve(client, name="Sample Person", min_score=1, **{way: known[way]})
        assert found["match"]["contact"]["id"] == id
        assert found["match"]["score"] > found["alternatives"][0]["score"]


async def test_nobody_is_meant_by_nothing(client):
    await client.made("contacts", JOHN)
    bodies: list[dict[str, Any]] = [{}, {"birth_date": "1980-02-29"}, {"domain": "example.com"}]
    for body in bodies:
        answer = await client.post("/v1/contacts/resolve", json=body)
        assert problem(answer, 422)["errors"][0]["code"] == "nothing_to_identify_by"
    answer = await client.post("/v1/contacts/resolve", json={"emails": ["a@example.com", "no"]})
    assert pointers(problem(answer, 422)) == ["/emails/1"]
    twice = {"name": "A B", "last_name": "B"}
    problem(await client.post("/v1/contacts/resolve", json=twice), 422)
    nobody = await resolve(client, emails=["nobody@example.com"])
    assert nobody == {"match": None, "alternatives": []}


async def test_only_who_is_seen_is_found(client):
    rep = await member(client, await custom_role(client, levels={"*": OWN}))
    mine = await rep.api.made("contacts", {"last_name": "Example", "email": "mine@example.com"})
    await client.made("contacts", JOHN)
    for body in ({"external_ids": {"erp": "151"}}, {"emails": [JOHN["email"]]}):
        assert (await resolve(rep.api, **body))["match"] is None
    found = await resolve(rep.api, emails=["mine@example.com"])
    assert found["match"]["contact"]["id"] == mine["id"]


async def test_what_is_hidden_identifies_nobody(client):
    masks = {"contact": {"hidden": ["birth_date", "email", "first_name"]}}
    one = await member(client, await custom_role(client, levels={"*": ALL}, masks=masks))
    await client.made("contacts", {**JOHN, "phone": None})
    for body, pointer in (
        ({"emails": [JOHN["email"]]}, "/emails"),
        ({"external_ids": {"erp": "151"}, "birth_date": "1980-02-29"}, "/birth_date"),
        ({"last_name": "Jonathan"}, "/last_name"),
    ):
        found = problem(await one.api.post("/v1/contacts/resolve", json=body), 403)
        assert (found["code"], pointers(found)) == ("hidden_field", [pointer])
    match = (await resolve(one.api, external_ids={"erp": "151"}))["match"]
    assert match["contact"]["birth_date"] is None
    assert [reason["field"] for reason in match["reasons"]] == ["external_ids"]


async def test_companies_that_are_not_seen_tell_nothing(client):
    levels = {"contacts": ALL, "companies": OWN}
    rep = await member(client, await custom_role(client, levels=levels))
    company = await client.made("companies", {"name": "Alpha"})
    body = {"first_name": "Sample", "last_name": "Person", "company_id": company["id"]}
    await client.made("contacts", body)
    asked = {"name": "Sample Person", "min_score": 1}
    told = (await resolve(rep.api, **asked, company="Alpha"))["match"]
    assert "company" not in {reason["field"] for reason in told["reasons"]}
    told = (await resolve(client, **asked, company="Alpha"))["match"]
    assert "company" in {reason["field"] for reason in told["reasons"]}


async def test_both_faces_resolve_alike(client):
    await client.made("contacts", JOHN)
    document = (
        "query($input: ContactIdentifiersInput!) { resolveContact(input: $input) "
        "{ match { contact { id } band score weight reasons { field level bits } } "
        "alternatives { score } } }"
    )
    asked = {"emails": [JOHN["email"]], "lastName": "Example"}
    told = (await client.data(document, input=asked))["resolveContact"]
    same = await resolve(client, emails=[JOHN["email"]], last_name="Example")
    same["match"]["contact"] = {"id": same["match"]["contact"]["id"]}
    assert told == same
