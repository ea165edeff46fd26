"""Price lists and their rules: overlaps, circles, what is done with whole lists."""

import asyncio
from uuid import UUID, uuid4

import asyncpg
import pytest

from crm_api.domains.prices import actions
from support.clients import pointers, problem


async def product(client, **more):
    body = {"sku": f"S-{uuid4().hex[:10]}", "name": "Chair", "type": "good", **more}
    return await client.made("products", body)


async def price_list(client, **more):
    return await client.made("price-lists", {"name": "List", "currency": "EUR", **more})


async def rule(client, of_list, price, **more):
    body = {"price_list_id": of_list["id"], "unit_price": price, **more}
    return await client.made("price-rules", body)


async def test_equal_rules_do_not_overlap(client):
    sold, made = await product(client), await price_list(client)
    body = {"price_list_id": made["id"], "product_id": sold["id"], "unit_price": "1"}
    first = await client.made("price-rules", body | {"valid_to": "2026-06-30"})
    second = await client.made("price-rules", body | {"valid_from": "2026-07-01"})
    answer = await client.post(
        "/v1/price-rules", json=body | {"valid_from": "2026-06-30", "valid_to": "2026-06-30"}
    )
    found = problem(answer, 409, "overlap")
    assert (found["price_rule_id"], pointers(found)) == (first["id"], ["/valid_from"])
    answer = await client.patch(f"/v1/price-rules/{second['id']}", json={"valid_from": None})
    assert problem(answer, 409, "overlap")["price_rule_id"] == first["id"]
    mutation = "mutation($i: PriceRuleCreateInput!) { createPriceRule(input: $i) { id } }"
    given = {"priceListId": made["id"], "productId": sold["id"], "unitPrice": "1"}
    answer = await client.gql(mutation, i=given)
    assert answer["errors"][0]["extensions"]["code"] == "overlap"
    # Another quantity, another list, or one from the bin are others.
    await client.made("price-rules", body | {"min_quantity": "5"})
    await client.delete(f"/v1/price-rules/{first['id']}")
    third = await client.made("price-rules", body | {"valid_to": "2026-06-30"})
    answer = await client.post(f"/v1/price-rules/{first['id']}/restore")
    assert problem(answer, 409, "overlap")["price_rule_id"] == third["id"]


async def test_of_equal_rules_at_the_same_moment_one_is_stored(client):
    sold, made = await product(client), await price_list(client)
    body = {"price_list_id": made["id"], "product_id": sold["id"], "unit_price": "1"}
    answers = await asyncio.gather(*(client.post("/v1/price-rules", json=body) for _ in range(8)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert len((await client.read("price-rules"))["data"]) == 1


async def test_the_database_itself_keeps_equal_rules_apart(client, owner):
    """Whoever goes past the service is stopped by the constraint."""
    sold, made = await product(client), await price_list(client)
    first = await rule(client, made, "1", product_id=sold["id"])
    columns = await owner.fetchval(
        "SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns "
        "WHERE table_name = 'price_rules' AND column_name <> 'id'"
    )
    with pytest.raises(asyncpg.ExclusionViolationError):
        await owner.execute(
            f"INSERT INTO price_rules (id, {columns}) "
            f"SELECT gen_random_uuid(), {columns} FROM price_rules WHERE id = $1",
            UUID(first["id"]),
        )


async def test_lists_do_not_stand_below_themselves(client):
    first = await price_list(client)
    second = await price_list(client, parent_id=first["id"])
    answer = await client.patch(f"/v1/price-lists/{first['id']}", json={"parent_id": second["id"]})
    assert pointers(problem(answer, 409, "hierarchy_cycle")) == ["/parent_id"]


async def test_circles_do_not_come_about_at_the_same_moment(client):
    for _ in range(5):
        first, second = await price_list(client), await price_list(client)
        answers = await asyncio.gather(
            client.patch(f"/v1/price-lists/{first['id']}", json={"parent_id": second["id"]}),
            client.patch(f"/v1/price-lists/{second['id']}", json={"parent_id": first["id"]}),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"audience": "account"}, "/company_id"),
        ({"audience": "segment"}, "/audience_key"),
        ({"audience_key": "gold"}, "/audience_key"),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "/valid_to"),
        ({"factor": "0"}, "/factor"),
        ({"currency": "XXY"}, "/currency"),
        ({"priority": -1}, "/priority"),
    ],
)
async def test_wrong_lists_are_named(client, more, pointer):
    answer = await client.post("/v1/price-lists", json={"name": "L", "currency": "EUR", **more})
    assert pointers(problem(answer, 422)) == [pointer]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({}, "/unit_price"),
        ({"method": "percent"}, "/percent"),
        ({"method": "formula"}, "/formula"),
        ({"method": "formula", "formula": "__import__('os')"}, "/formula"),
        ({"method": "formula", "formula": "name"}, "/formula"),
        ({"unit_price": "-1"}, "/unit_price"),
        ({"unit_price": 1.5}, "/unit_price"),
        ({"unit_price": "1", "min_quantity": "-1"}, "/min_quantity"),
        ({"unit_price": "1", "floor": "5", "ceiling": "4"}, "/ceiling"),
        ({"unit_price": "1", "min_margin": "100"}, "/min_margin"),
        ({"tier_mode": "volume", "tiers": [{"unit_price": "1", "up_to": "5"}]}, "/tiers"),
        ({"tiers": [{"unit_price": "1"}]}, "/tier_mode"),
        ({"unit_price": "1", "product_id": str(uuid4())}, "/product_id"),
        ({"unit_price": "1", "price_list_id": str(uuid4())}, "/price_list_id"),
    ],
)
async def test_wrong_rules_are_named(client, more, pointer):
    made = await price_list(client)
    answer = await client.post("/v1/price-rules", json={"price_list_id": made["id"], **more})
    assert pointers(problem(answer, 422)) == [pointer]
    assert (await client.read("price-rules"))["data"] == []


async def test_a_list_is_scheduled_activated_and_expired(client):
    made = await price_list(client)
    path = f"/v1/price-lists/{made['id']}"
    assert pointers(problem(await client.post(f"{path}/schedule", json={}), 422)) == ["/valid_from"]
    answer = await client.post(f"{path}/schedule", json={"valid_from": "2100-01-01"})
    assert answer.json()["status"] == "scheduled"
    answer = await client.post(f"{path}/activate", json={})
    assert answer.json()["status"] == "active"
    assert answer.json()["valid_from"] < "2100-01-01"
    problem(await client.post(f"{path}/schedule", json={"valid_from": "2100-01-01"}), 409)
    # It has not counted on any day before.
    answer = await client.post(f"{path}/expire")
    assert answer.json()["status"] == "draft"
    data = await client.data(
        "mutation($id: UUID!) { activatePriceList(id: $id, validFrom: null) { status } }",
        id=(await price_list(client))["id"],
    )
    assert data["activatePriceList"]["status"] == "active"


@pytest.mark.parametrize("verb", ["schedule", "activate", "expire"])
async def test_actions_over_graphql_take_the_version_that_was_seen(client, verb):
    made = await price_list(client, valid_from="2099-01-01" if verb == "schedule" else None)
    if verb == "expire":
        await client.post(f"/v1/price-lists/{made['id']}/activate", json={})
    version = (await client.read(f"price-lists/{made['id']}"))["version"]
    document = (
        f"mutation($id: UUID!, $v: Int) {{ {verb}PriceList(id: $id, expectedVersion: $v) "
        "{ version } }"
    )
    answer = await client.gql(document, id=made["id"], v=version + 1)
    assert answer["errors"][0]["extensions"]["code"] == "stale"
    data = await client.data(document, id=made["id"], v=version)
    assert data[f"{verb}PriceList"]["version"] == version + 1


async def test_what_one_list_or_rule_alone_may_have_is_not_copied(client):
    for target in ("price_list", "price_rule"):
        body = {"target": target, "name": "number", "type": "text", "unique": True}
        await client.made("custom-fields", body)
    own = {"custom": {"number": "A-1"}}
    made = await price_list(client, **own)
    await rule(client, made, "10", **own)
    answer = await client.post(f"/v1/price-lists/{made['id']}/clone", json={"name": "Copy"})
    assert answer.is_success, answer.text
    copy = answer.json()["price_list_id"]
    assert (await client.read(f"price-lists/{copy}"))["custom"] == {}
    (copied,) = (await client.read("price-rules", **{"filter[price_list_id]": copy}))["data"]
    assert copied["custom"] == {}


async def test_a_copy_has_the_same_rules(client):
    sold, made = await product(client), await price_list(client)
    await rule(client, made, "9", product_id=sold["id"])
    await rule(client, made, "10")
    answer = await client.post(f"/v1/price-lists/{made['id']}/clone", json={"name": "Copy"})
    assert answer.json()["rules"] == 2
    copy = answer.json()["price_list_id"]
    rows = (await client.read("price-rules", **{"filter[price_list_id]": copy}))["data"]
    assert sorted(row["unit_price"] for row in rows) == ["10.00", "9.00"]
    assert (await client.read(f"price-lists/{copy}"))["status"] == "draft"


async def test_prices_are_adjusted_after_a_preview(client):
    sold, made = await product(client), await price_list(client)
    first = await rule(client, made, "9.99", product_id=sold["id"])
    body = {"percent": "10", "round_to": "1", "ending": "-0.01", "direction": "up"}
    path = f"/v1/price-lists/{made['id']}/adjust"
    # 9.99 + 10 % = 10.989, which goes up to 10.99.
    expected = {
        "changed": 1,
        "prices": [{"price_rule_id": first["id"], "before": "9.99", "after": "10.99"}],
        "job_id": None,
    }
    assert (await client.post(f"{path}?dry_run=true", json=body)).json() == expected
    assert (await client.read(f"price-rules/{first['id']}"))["unit_price"] == "9.99"
    assert (await client.post(path, json=body)).json() == expected
    assert (await client.read(f"price-rules/{first['id']}"))["unit_price"] == "10.99"


async def test_a_list_with_rules_keeps_its_currency(client):
    made = await price_list(client)
    await rule(client, made, "1")
    answer = await client.patch(f"/v1/price-lists/{made['id']}", json={"currency": "USD"})
    assert pointers(problem(answer, 409, "has_rules")) == ["/currency"]


async def test_contract_prices_do_not_overlap(client):
    sold = await product(client)
    company = await client.made("companies", {"name": "Buyer"})
    body = {"company_id": company["id"], "product_id": sold["id"], "currency": "EUR"}
    first = await client.made("contract-prices", {**body, "unit_price": "1"})
    answers = await asyncio.gather(
        *(client.post("/v1/contract-prices", json={**body, "unit_price": "2"}) for _ in range(3))
    )
    for answer in answers:
        assert problem(answer, 409, "overlap")["contract_price_id"] == first["id"]
    await client.made("contract-prices", {**body, "unit_price": "2", "currency": "USD"})


async def test_of_merged_companies_contracts_of_the_same_days_only_one_counts(client):
    """That of the company that stays does; the merge taken back, all do again."""
    sold = await product(client)
    one, two, three = [await client.made("companies", {"name": name}) for name in "ABC"]

    async def contract(company, price, **days):
        body = {"company_id": company["id"], "product_id": sold["id"], "currency": "EUR", **days}
        return await client.made("contract-prices", body | {"unit_price": price})

    kept = await contract(one, "1", valid_to="2026-06-30")
    later = await contract(two, "2", valid_from="2026-07-01")
    same = await contract(two, "3", valid_from="2026-06-01", valid_to="2026-06-30")
    last = await contract(three, "4", valid_from="2026-08-01")

    async def living():
        found = await client.read("contract-prices")
        return {row["id"]: row["company_id"] for row in found["data"]}

    before = await living()
    body = {"winner_id": one["id"], "loser_ids": [two["id"], three["id"]]}
    merged = await client.post("/v1/companies/merge", json=body)
    assert merged.status_code == 201, merged.text
    assert await living() == {kept["id"]: one["id"], later["id"]: one["id"]}
    for gone in (same, last):
        history = await client.read(f"contract-prices/{gone['id']}/history")
        assert "contract_price.deleted" in {entry["type"] for entry in history["data"]}
    undone = await client.post(f"/v1/merges/{merged.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert await living() == before


@pytest.fixture
def few(monkeypatch, worker):
    """More than five rules are many, and two are a stretch."""
    monkeypatch.setattr(actions, "MOST_RULES", 5)
    monkeypatch.setattr(actions, "_STRETCH", 2)


async def many(client, count=7):
    sold, made = await product(client), await price_list(client)
    for least in range(count):
        body = {"product_id": sold["id"], "min_quantity": str(least)}
        await rule(client, made, str(10 + least), **body)
    return made


async def prices_of(client, id):
    found = await client.read("price-rules", limit=200, **{"filter[price_list_id]": id})
    return sorted(one["unit_price"] for one in found["data"])


@pytest.mark.usefixtures("few")
async def test_many_rules_are_copied_by_a_job(client):
    made = await many(client)
    answer = await client.post(f"/v1/price-lists/{made['id']}/clone", json={"name": "Copy"})
    copy = answer.json()
    assert (answer.status_code, copy["rules"]) == (200, 7)
    assert (await client.ended(copy["job_id"]))["result"] == {"rules": 7}
    assert await prices_of(client, copy["price_list_id"]) == await prices_of(client, made["id"])
    few_of_them = await many(client, 5)
    answer = await client.post(f"/v1/price-lists/{few_of_them['id']}/clone", json={"name": "C"})
    assert (answer.json()["rules"], answer.json()["job_id"]) == (5, None)


@pytest.mark.usefixtures("few")
async def test_many_prices_are_adjusted_by_a_job_each_once(client):
    made = await many(client)
    path, body = f"/v1/price-lists/{made['id']}/adjust", {"percent": "10"}
    answer = await client.post(path, params={"dry_run": "true"}, json=body)
    assert (answer.json()["job_id"], len(answer.json()["prices"])) == (None, 7)
    assert (await prices_of(client, made["id"]))[0] == "10.00"
    jobs = [(await client.post(path, json=body)).json()["job_id"] for _ in range(2)]
    late = await rule(client, made, "1", min_quantity="99")
    for job in jobs:
        assert (await client.ended(job))["result"] == {"changed": 7}
    # Twice a tenth more: 10 is 11, then 12.10; what was made since stays.
    assert await prices_of(client, made["id"]) == sorted(
        ["1.00", "12.10", "13.31", "14.52", "15.73", "16.94", "18.15", "19.36"]
    )
    assert (await client.read(f"price-rules/{late['id']}"))["version"] == 1
    assert len(await client.told(made["id"], 1)) == 1
