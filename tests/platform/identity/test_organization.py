"""What an organization sets for itself."""

import pytest

from support.clients import problem


async def test_an_organization_is_changed_at_both_faces(client):
    answer = await client.patch(
        "/v1/organization", json={"name": "Renamed", "fiscal_year_starts_in": 4, "country": None}
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["name"], answer.json()["fiscal_year_starts_in"]) == ("Renamed", 4)
    assert answer.json()["country"] is None
    data = await client.data(
        'mutation { updateOrganization(input: {currency: "chf", language: "de"})'
        " { name currency language } }"
    )
    assert data["updateOrganization"] == {"name": "Renamed", "currency": "CHF", "language": "de"}
    assert (await client.read("organization"))["currency"] == "CHF"


async def test_the_change_is_told(client, org):
    await client.patch("/v1/organization", json={"name": "Renamed"})
    (event,) = await client.told(str(org.id), 1, types="organization.updated")
    assert (event["data"], event["previous"]) == ({"name": "Renamed"}, {"name": "Example"})
    await client.patch("/v1/organization", json={"name": "Renamed"})
    assert len(await client.told(str(org.id), 1, types="organization.updated")) == 1


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"time_zone": "Mars/Base"}, "/time_zone"),
        ({"currency": "XYZ"}, "/currency"),
        ({"currency": None}, "/currency"),
        ({"name": None}, "/name"),
        ({"fiscal_year_starts_in": 13}, "/fiscal_year_starts_in"),
        ({"id": "01990000-0000-7000-8000-000000000000"}, "/id"),
    ],
)
async def test_bad_changes(client, body, pointer):
    found = problem(await client.patch("/v1/organization", json=body), 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


async def test_changing_needs_its_scope(read_only):
    answer = await read_only.patch("/v1/organization", json={"name": "A"})
    problem(answer, 403, "insufficient_scope")


async def test_dry_run_changes_nothing(client):
    dry = {"dry_run": "true"}
    answer = await client.patch("/v1/organization", json={"name": "A"}, params=dry)
    assert answer.json()["name"] == "A"
    assert (await client.read("organization"))["name"] == "Example"
