"""How a product fares: offered, won, discounted, ordered, with others, and what is left."""

from uuid import uuid4

import pytest

from support.clients import problem
from support.members import custom_role, member
from support.ordering import accepted, act, order, order_of
from support.quoting import act as act_on_quote
from support.quoting import product, quote
from support.reporting import behind_standard, standard


async def fares(api, id, **more):
    """The rows of one product by their currencies."""
    found = await api.read(f"products/{id}/performance", **more)
    rows = [row["values"] for row in found["answer"]["rows"]]
    return {row["currency"]: row for row in rows}


@pytest.fixture
async def chair(client):
    """A chair for 100 EUR that costs 40.

    Of it were offered: 2 with a tenth off, which were accepted and ordered; one in each of 3 months,
    which was declined; one as an option that nobody chose, and one in a draft. Another one was
    ordered for 90, together with a table.
    """
    sold, table = await product(client), await product(client, name="Table")
    line = {"product_id": sold["id"]}
    cut = [line | {"quantity": "2", "discounts": [{"percent": "10"}]}]
    won = await accepted(client, lines=cut)
    await act(client, (await order_of(client, won["id"]))["id"], "confirm")
    lost = await quote(client, lines=[line | {"interval": "month", "term": 3}])
    await act_on_quote(client, lost["id"], "send")
    await act_on_quote(client, lost["id"], "decline")
    option = await quote(
        client, lines=[{"name": "Setup", "unit_price": "5"}, line | {"is_optional": True}]
    )
    await act_on_quote(client, option["id"], "send")
    await quote(client, lines=[line])
    priced = [line | {"unit_price": "90"}, {"product_id": table["id"], "unit_price": "10"}]
    await act(client, (await order(client, lines=priced, currency="EUR"))["id"], "confirm")
    return sold["id"]


async def test_how_a_product_fares(client, chair):
    """Offered 180 and 300 of 200 and 300; ordered 180 and 90; of 180 there are 100 left."""
    row = (await fares(client, chair, with_margin="true"))["EUR"]
    assert row == {
        "product_id": chair,
        "product": "Chair",
        "currency": "EUR",
        "quotes": 2,
        "won": 1,
        "lost": 1,
        "acceptance": "0.5",
        "quoted": "480.00",
        "discount": "20.00",
        "discount_share": "0.04",
        "orders": 2,
        "ordered": "270.00",
        "attached": 1,
        "attach_rate": "0.5",
        "margin": "100.00",
        "margin_share": "0.555556",
    }
    plain = await fares(client, chair)
    assert plain["EUR"] == row | {"margin": None, "margin_share": None}
    # GraphQL and the report say the same; the report of all products has it among others.
    document = """query($id: UUID!) { productPerformance(productId: $id, withMargin: true) {
        standard { name } answer { rows { values } } } }"""
    told = (await client.data(document, id=chair))["productPerformance"]
    assert told["standard"]["name"] == "product_performance"
    assert [one["values"] for one in told["answer"]["rows"]] == [row]
    rows = (await standard(client, "product_performance"))["answer"]["rows"]
    assert len(rows) == 2
    assert plain["EUR"] in [one["values"] for one in rows]


async def test_behind_each_number_stand_its_records(client, chair):
    name, asked = "product_performance", {"product_id": chair}
    ((row,),) = [(await standard(client, name, **asked))["answer"]["rows"]]
    for measure, count in (
        *(("quotes", 2), ("won", 1), ("lost", 1), ("margin", 1)),
        *(("orders", 2), ("ordered", 2), ("attached", 1)),
    ):
        found = await behind_standard(client, name, row["cell"], measure, **asked)
        assert len(found) == count, measure


async def test_only_what_happened_within_the_days_counts(client, chair):
    assert await fares(client, chair, **{"from": "2020-01-01", "to": "2020-12-31"}) == {}
    unsold = await product(client, name="Shelf")
    assert await fares(client, unsold["id"]) == {}
    path = f"/v1/products/{chair}/performance"
    for query, at in (
        ({"from": "2020-02-01", "to": "2020-01-01"}, "to"),
        ({"to": "1990-01-01"}, "to"),
        ({"from": "soon"}, "from"),
    ):
        found = problem(await client.get(path, params=query), 422)
        assert [error["parameter"] for error in found["errors"]] == [at], query


async def test_whoever_may_not_see_it_is_not_told(client, other, chair):
    path = f"/v1/products/{chair}/performance"
    problem(await other.get(path), 404)
    problem(await client.get(f"/v1/products/{uuid4()}/performance"), 404)
    everything = {"*": {"read": "all"}}
    masks = {"quote": {"hidden": ["costs"]}}
    blind = await member(client, await custom_role(client, levels=everything, masks=masks))
    assert (await fares(blind.api, chair))["EUR"]["margin"] is None
    problem(await blind.api.get(path, params={"with_margin": "true"}), 403, "hidden_field")
    for entity in ("quote", "order"):
        role = await custom_role(client, levels=everything, masks={entity: {"hidden": ["lines"]}})
        problem(await (await member(client, role)).api.get(path), 403, "hidden_field")
    own = {"*": {"read": "own"}, "products": {"read": "all"}}
    narrow = await member(client, await custom_role(client, levels=own))
    assert await fares(narrow.api, chair) == {}
    role = await custom_role(client, levels={"products": {"read": "all"}})
    problem(await (await member(client, role)).api.get(path), 403)
