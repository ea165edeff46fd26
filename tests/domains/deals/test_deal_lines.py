"""Deals of lines: what these cost by price lists and by hand, and what all of them come to."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.deals.lines import MOST_LINES, DealLine
from crm_api.kit.pricing.recurring import worth
from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import REACH, product
from support.selling import act, deal, pipeline


async def refused(client, id, status=422, **body):
    """What is said against a change of a deal."""
    return problem(await client.patch(f"/v1/deals/{id}", json=body), status)


def sums(found):
    return tuple(found[name] for name in ("amount", "one_time", "mrr", "tcv"))


async def test_lines_make_the_amount(client):
    chair = await product(client)
    where = await pipeline(client)
    lines = [
        {"product_id": chair["id"], "quantity": "3", "discount_percent": "10"},
        {"name": "Setup", "unit_price": "50"},
        {"name": "Care", "unit_price": "20", "interval": "month", "term": 24},
        {"name": "Licence", "unit_price": "120", "interval": "year"},
    ]
    made = await deal(client, where, "Offer", currency="EUR", amount_mode="lines", lines=lines)
    # 3 x 100 less 10 %, and 50; then 20 and 120 / 12 a month, 24 x 20 and a year of 120.
    assert sums(made) == ("920.00", "320.00", "30.00", "920.00")
    assert (made["base_amount"], made["expected_amount"]) == ("920.00", "368.00")
    shown = [(line["name"], line["price"], line["net"], line["total"]) for line in made["lines"]]
    assert shown == [
        ("Chair", "100.00", "270.00", "270.00"),
        ("Setup", "50.00", "50.00", "50.00"),
        ("Care", "20.00", "20.00", "480.00"),
        ("Licence", "120.00", "120.00", "120.00"),
    ]
    assert await client.read(f"deals/{made['id']}") == made
    after = await client.changed(f"deals/{made['id']}", {"lines": lines[1:2]})
    assert sums(after) == ("50.00", "50.00", "0.00", "50.00")
    after = await client.changed(f"deals/{made['id']}", {"lines": []})
    assert sums(after) == (None, None, None, None)


async def test_an_amount_is_given_or_made_of_lines(client):
    where = await pipeline(client)
    lines = [{"name": "Setup", "unit_price": "50"}]
    body = {"name": "Office", "amount": "10", "amount_mode": "lines", "lines": lines}
    answer = await client.post("/v1/deals", json={**body, "stage_id": where["New"]})
    found = problem(answer, 422)
    assert (found["errors"][0]["code"], pointers(found)) == ("amount_of_lines", ["/amount"])
    made = await deal(client, where, amount="10", lines=lines)
    assert sums(made) == ("10.00", "50.00", "0.00", "50.00")
    by_lines = await client.changed(f"deals/{made['id']}", {"amount_mode": "lines"})
    assert sums(by_lines) == ("50.00", "50.00", "0.00", "50.00")
    assert pointers(await refused(client, made["id"], amount="60")) == ["/amount"]
    # What was only read and is written back is no mistake, and no change.
    read = {name: by_lines[name] for name in ("amount", "amount_mode", "name")}
    after = await client.changed(f"deals/{made['id']}", read)
    assert after["version"] == by_lines["version"]
    after = await client.changed(f"deals/{made['id']}", {"amount_mode": "manual", "amount": "60"})
    assert sums(after) == ("60.00", "50.00", "0.00", "50.00")


async def test_prices_are_those_of_the_customer(client):
    chair = await product(client)
    company = await client.made("companies", {"name": "Example Industries"})
    await client.made(
        "contract-prices",
        {"company_id": company["id"], "product_id": chair["id"], "unit_price": "80"}
        | {"currency": "EUR"},
    )
    where = await pipeline(client)
    lines = [{"product_id": chair["id"]}]
    body = {"currency": "EUR", "amount_mode": "lines"}
    made = await deal(client, where, **body, lines=lines)
    assert made["amount"] == "100.00"
    after = await client.changed(f"deals/{made['id']}", {"company_id": company["id"]})
    assert (after["amount"], after["lines"][0]["price"]) == ("80.00", "80.00")
    by_hand = [{**lines[0], "unit_price": "70", "name": "Seat"}]
    after = await client.changed(f"deals/{made['id']}", {"lines": by_hand})
    assert (after["amount"], after["lines"][0]["name"]) == ("70.00", "Seat")
    # In what nothing has a price, a line has one by hand.
    await client.changed(f"deals/{made['id']}", {"currency": "JPY"})
    found = await refused(client, made["id"], lines=[*by_hand, *lines])
    assert pointers(found) == ["/lines/1"]


async def test_lines_are_of_what_there_is(client):
    where = await pipeline(client)
    made = await deal(client, where)
    gone = {"product_id": made["id"]}
    found = await refused(client, made["id"], lines=[{"name": "A", "unit_price": "1"}, gone])
    assert pointers(found) == ["/lines/1/product_id"]
    for line in ({}, {"name": "A"}, {"name": "A", "unit_price": "1", "term": 3}):
        assert pointers(await refused(client, made["id"], lines=[line])) == ["/lines/0"]
    many = [{"name": "A", "unit_price": "1"}] * (MOST_LINES + 1)
    assert pointers(await refused(client, made["id"], lines=many)) == ["/lines"]
    large = [{"name": "A", "unit_price": "9" * 14, "quantity": "9" * 6}]
    assert pointers(await refused(client, made["id"], lines=large)) == ["/lines/0"]


async def test_what_is_in_the_bin_stays_in_a_deal(client):
    chair = await product(client)
    where = await pipeline(client)
    line = {"product_id": chair["id"], "quantity": "2"}
    made = await deal(client, where, currency="EUR", amount_mode="lines", lines=[line])
    await client.delete(f"/v1/products/{chair['id']}")
    more = [*_read(made), {"name": "Setup", "unit_price": "50"}]
    after = await client.changed(f"deals/{made['id']}", {"lines": more})
    assert after["amount"] == "250.00"
    assert after["lines"][0] == made["lines"][0]
    # Changed, it takes a price by hand.
    found = await refused(client, made["id"], lines=[{**line, "quantity": "3"}])
    assert [e["code"] for e in found["errors"]] == ["product_gone"]
    after = await client.changed(
        f"deals/{made['id']}", {"lines": [{**line, "quantity": "3", "unit_price": "90"}]}
    )
    assert (after["amount"], after["lines"][0]["name"]) == ("270.00", "Chair")


async def test_a_name_that_was_read_follows_its_product(client):
    chair = await product(client)
    where = await pipeline(client)
    made = await deal(client, where, currency="EUR", lines=[{"product_id": chair["id"]}])
    await client.changed(f"products/{chair['id']}", {"name": "Stool", "list_price": "120"})
    same = await client.changed(f"deals/{made['id']}", {"lines": _read(made)})
    assert same["version"] == made["version"]
    more = [{**_read(made)[0], "quantity": "2"}]
    after = await client.changed(f"deals/{made['id']}", {"lines": more})
    assert (after["lines"][0]["name"], after["tcv"]) == ("Stool", "240.00")


async def test_a_copy_has_the_lines_by_the_prices_of_today(client):
    chair = await product(client)
    where = await pipeline(client)
    lines = [{"product_id": chair["id"]}]
    made = await deal(client, where, currency="EUR", amount_mode="lines", lines=lines)
    await client.changed(f"products/{chair['id']}", {"list_price": "120"})
    copy = await act(client, made["id"], "clone", 201)
    assert (copy["amount_mode"], copy["amount"]) == ("lines", "120.00")


async def test_what_tells_an_amount_is_hidden_with_it(client):
    where = await pipeline(client)
    masks = {"deal": {"hidden": ["amount"], "read_only": []}}
    who = await member(client, await custom_role(client, levels={"*": REACH}, masks=masks))
    made = await deal(client, where, lines=[{"name": "Setup", "unit_price": "50"}])
    seen = await who.api.read(f"deals/{made['id']}")
    assert [seen[name] for name in ("lines", "one_time", "mrr", "tcv")] == [[], None, None, None]
    # What is not seen is not written over, whatever it is told by.
    for name in ("lines", "splits"):
        answer = await who.api.patch(f"/v1/deals/{made['id']}", json={name: []})
        assert pointers(problem(answer, 403)) == [f"/{name}"]
    await who.api.changed(f"deals/{made['id']}", {"name": "Other"})
    assert (await client.read(f"deals/{made['id']}"))["lines"] == made["lines"]


async def test_the_same_over_graphql(client):
    where = await pipeline(client)
    made = await deal(client, where)
    change = """mutation ($id: UUID!, $data: DealUpdateInput!) { updateDeal(id: $id, input: $data) {
        amount amountMode mrr tcv lines { name net total interval } } }"""
    data = {
        "amountMode": "lines",
        "lines": [{"name": "Care", "unitPrice": "5", "interval": "month"}],
    }
    found = (await client.data(change, id=made["id"], data=data))["updateDeal"]
    line = {"name": "Care", "net": "5.00", "total": "60.00", "interval": "month"}
    read = {"amount": "60.00", "amountMode": "lines", "mrr": "5.00", "tcv": "60.00"}
    assert found == {**read, "lines": [line]}


def _read(made):
    """The lines of a deal as they are given, from what is read of them."""
    return [{n: line[n] for n in DealLine.model_fields} for line in made["lines"]]


_PARTS = st.lists(
    st.tuples(
        st.integers(0, 10**9).map(lambda cents: Decimal(cents) / 100),
        st.sampled_from([None, "month", "quarter", "half_year", "year"]),
        st.integers(1, 60),
    ),
    max_size=20,
)


@given(_PARTS)
def test_all_is_the_sum_of_what_each_line_is_in_all(parts):
    lines = [
        DealLine(name="A", unit_price=Decimal(1), interval=often, term=term if often else None)
        for _, often, term in parts
    ]
    found = worth(((amount, line) for (amount, *_), line in zip(parts, lines, strict=True)), "EUR")
    assert found["tcv"] == sum(amount * (term if often else 1) for amount, often, term in parts)
    assert found["one_time"] == sum(amount for amount, often, _ in parts if not often)
    assert found["acv"] <= found["arr"] + Decimal("0.01")
