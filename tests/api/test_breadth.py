"""How many related records a page may bring along."""

from support.clients import pointers, problem


async def test_pages_that_would_bring_too_much_are_refused(client):
    await client.made("companies", {"name": "Example"})
    wide = {"limit": 200, "include": "deals.quotes"}
    found = problem(await client.get("/v1/companies", params=wide), 422, "include_too_large")
    assert pointers(found) == ["include"]
    # Fields of related records bring these as well.
    by_fields = {"limit": 200, "fields": "id,deals.quotes.id"}
    problem(await client.get("/v1/companies", params=by_fields), 422, "include_too_large")
    answer = await client.post("/v1/companies/query", json={**wide, "include": ["deals.quotes"]})
    assert pointers(problem(answer, 422, "include_too_large")) == ["/include"]
    for narrow in ({**wide, "limit": 7}, {**wide, "include": "deals,children"}):
        await client.read("companies", **narrow)


async def test_over_graphql_the_cost_is_the_bound(client):
    deals = "deals(first: 50) { nodes { quotes(first: 50) { nodes { id } } } }"
    (error,) = (await client.gql(f"{{ companies(first: 200) {{ nodes {{ {deals} }} }} }}"))[
        "errors"
    ]
    assert error["extensions"]["code"] == "query_too_costly"
    await client.data(f"{{ companies(first: 7) {{ nodes {{ {deals} }} }} }}")
