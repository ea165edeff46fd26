"""Cases of one customer that become one, and what follows up what."""

from support.clients import pointers, problem
from support.sla import SUBJECT, act, policy_of


async def merged(api, winner, *losers, status=201):
    body = {"winner_id": winner["id"], "loser_ids": [one["id"] for one in losers]}
    answer = await api.post("/v1/cases/merge", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def closed(api, **more):
    case = await api.made("cases", {**SUBJECT, **more})
    await act(api, case, "resolve", resolution="Another cable")
    return await act(api, case, "close")


async def test_the_clocks_are_those_of_the_case_that_is_left(client):
    await policy_of(client)
    company = await client.made("companies", {"name": "Example Industries"})
    of = {**SUBJECT, "company_id": company["id"]}
    winner = await client.made("cases", of)
    loser = await client.made("cases", {**of, "priority": "low", "tags": ["again"]})
    await merged(client, winner, loser)
    left = await client.read(f"cases/{winner['id']}")
    assert (left["clocks"], left["number"]) == (winner["clocks"], winner["number"])
    assert (left["priority"], left["tags"]) == ("normal", ["again"])
    answer = await client.get(f"/v1/cases/{loser['id']}")
    assert answer.headers["location"] == f"/v1/cases/{winner['id']}"


async def test_cases_of_several_customers_stay_several(client):
    one, two = [await client.made("companies", {"name": n}) for n in ("Example", "Sample")]
    cases = [
        await client.made("cases", {**SUBJECT, "company_id": id})
        for id in (one["id"], two["id"], None)
    ]
    for loser in cases[1:]:
        refused = await client.post(
            "/v1/cases/merge", json={"winner_id": cases[0]["id"], "loser_ids": [loser["id"]]}
        )
        assert problem(refused, 409)["code"] == "other_customer"
    query = "mutation($input: MergeInput!) { mergeCases(input: $input) { case { id } } }"
    given = {"winnerId": cases[0]["id"], "loserIds": [cases[1]["id"]]}
    answer = await client.gql(query, input=given)
    assert answer["errors"][0]["extensions"]["code"] == "other_customer"


async def test_a_case_that_followed_up_another_does_not_follow_itself(client):
    first = await closed(client)
    second = await act(client, first, "follow-up", 201)
    await act(client, second, "resolve", resolution="Once more")
    second = await act(client, second, "close")
    third = await act(client, second, "follow-up", 201)
    await merged(client, third, second)
    assert (await client.read(f"cases/{third['id']}"))["follows_id"] == first["id"]


async def test_what_is_followed_up_is_closed_and_the_same_customers(client):
    company = await client.made("companies", {"name": "Example Industries"})
    opened = await client.made("cases", SUBJECT)
    before = await closed(client, company_id=company["id"])
    for follows, more, code in (
        (opened, {}, "case_not_closed"),
        (before, {}, "other_customer"),
    ):
        body = {**SUBJECT, **more, "follows_id": follows["id"]}
        refused = problem(await client.post("/v1/cases", json=body), 422)
        assert (refused["errors"][0]["code"], pointers(refused)) == (code, ["/follows_id"])
    body = {**SUBJECT, "follows_id": before["id"], "company_id": company["id"]}
    assert (await client.made("cases", body))["follows_id"] == before["id"]
