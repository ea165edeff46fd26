"""Exchange rates: the latest on or before a day, said with the amount."""

import asyncio

import pytest

from support.clients import problem


async def put(client, *rates):
    rows = [dict(zip(("base", "quote", "day", "rate"), rate, strict=True)) for rate in rates]
    return await client.put("/v1/exchange-rates", json={"rates": rows})


async def convert(client, amount, currency, to, on, **more):
    body = {"amount": amount, "currency": currency, "to": to, "on": on, **more}
    answer = await client.post("/v1/exchange-rates/convert", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_latest_rate_on_or_before_the_day_counts(client):
    answer = await put(
        client,
        ("EUR", "USD", "2026-03-01", "1.10"),
        ("EUR", "USD", "2026-03-03", "1.20"),
        ("EUR", "USD", "2026-03-09", "9.99"),
    )
    assert answer.json() == {"count": 3}
    found = await convert(client, "100", "EUR", "USD", "2026-03-05")
    assert found == {
        "amount": "120.00",
        "currency": "USD",
        "rate": "1.2",
        "rates": [
            {"base": "EUR", "quote": "USD", "rate": "1.2", "day": "2026-03-03", "inverse": False}
        ],
    }
    data = await client.data(
        '{ convertAmount(amount: "100", currency: "EUR", to: "USD", on: "2026-03-02")'
        " { amount rates { day } } }"
    )
    assert data["convertAmount"] == {"amount": "110.00", "rates": [{"day": "2026-03-01"}]}


@pytest.mark.parametrize(
    ("to", "amount"), [("JPY", "12346"), ("KWD", "12345.679"), ("USD", "12345.68")]
)
async def test_amounts_are_rounded_to_the_smallest_unit(client, to, amount):
    await put(client, ("EUR", to, "2026-03-01", "123.456789"))
    found = await convert(client, "100", "EUR", to, "2026-03-01")
    assert found["amount"].removesuffix(".00") == amount


async def test_inverse_rates_and_ways_through_the_own_currency(client):
    await put(
        client,
        ("EUR", "USD", "2026-03-01", "1.25"),
        ("EUR", "GBP", "2026-03-01", "0.8"),
    )
    back = await convert(client, "100", "USD", "EUR", "2026-03-01")
    assert (back["amount"], back["rates"][0]["inverse"]) == ("80.00", True)
    crossed = await convert(client, "100", "USD", "GBP", "2026-03-01")
    assert crossed["amount"] == "64.00"
    assert [(leg["base"], leg["quote"]) for leg in crossed["rates"]] == [
        ("EUR", "USD"),
        ("EUR", "GBP"),
    ]
    assert (await convert(client, "1.50", "USD", "USD", "2026-03-01"))["rates"] == []


async def test_a_rate_is_replaced_not_added(client):
    await put(client, ("EUR", "USD", "2026-03-01", "1.1"))
    await put(client, ("EUR", "USD", "2026-03-01", "1.3"))
    listed = await client.read("exchange-rates")
    assert [row["rate"] for row in listed["data"]] == ["1.3"]


async def test_rates_are_paged(client):
    days = [f"2026-03-{day:02}" for day in range(1, 10)]
    await put(client, *(("EUR", "USD", day, "1.1") for day in days))
    seen, cursor = [], {}
    while True:
        page = await client.read("exchange-rates", limit=4, base="EUR", **cursor)
        seen += [row["day"] for row in page["data"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == days[::-1]
    data = await client.data('{ exchangeRates(quote: "USD", first: 2) { data { day rate } } }')
    assert [row["day"] for row in data["exchangeRates"]["data"]] == days[:-3:-1]


@pytest.mark.parametrize(
    ("on", "code"), [("2026-02-01", "no_rate"), ("2026-06-01", "rate_too_old")]
)
async def test_no_rate_is_a_conflict(client, on, code):
    await put(client, ("EUR", "USD", "2026-03-01", "1.1"))
    body = {"amount": "1", "currency": "EUR", "to": "USD", "on": on}
    found = problem(await client.post("/v1/exchange-rates/convert", json=body), 409)
    assert [(one["code"], one["pointer"]) for one in found["errors"]] == [(code, "/to")]
    assert (await client.post("/v1/exchange-rates/convert", json={**body, "to": "CHF"})).json()[
        "code"
    ] == "no_rate"


@pytest.mark.parametrize(
    ("rate", "pointer"),
    [
        (("EUR", "EUR", "2026-03-01", "1"), "/rates/0"),
        (("EUR", "XYZ", "2026-03-01", "1"), "/rates/0/quote"),
        (("EUR", "USD", "2026-03-01", "0"), "/rates/0/rate"),
        (("EUR", "USD", "2026-03-01", 1.5), "/rates/0/rate"),
        (("EUR", "USD", "2026-03-01", "-1"), "/rates/0/rate"),
        (("EUR", "USD", "2026-03-01", "NaN"), "/rates/0/rate"),
        (("EUR", "USD", "yesterday", "1"), "/rates/0/day"),
    ],
)
async def test_bad_rates(client, rate, pointer):
    found = problem(await put(client, rate), 422)
    assert [error["pointer"] for error in found["errors"]] == [pointer]


async def test_a_pair_stands_once_in_a_request(client):
    rate = ("EUR", "USD", "2026-03-01", "1.1")
    found = problem(await put(client, rate, rate), 422)
    assert found["errors"][0]["pointer"] == "/rates/1"


async def test_parallel_setters_do_not_wait_in_a_ring(client):
    days = [f"2026-03-{day:02}" for day in range(1, 29)]
    rates = [("EUR", "USD", day, "1.1") for day in days]
    answers = await asyncio.gather(
        *(put(client, *(rates if n % 2 else rates[::-1])) for n in range(8))
    )
    assert {answer.status_code for answer in answers} == {200}


async def test_rates_of_others_and_scopes(client, other, read_only):
    await put(client, ("EUR", "USD", "2026-03-01", "1.1"))
    assert (await other.read("exchange-rates"))["data"] == []
    body = {"amount": "1", "currency": "EUR", "to": "USD", "on": "2026-03-01"}
    problem(await other.post("/v1/exchange-rates/convert", json=body), 409, "no_rate")
    problem(await put(read_only, ("EUR", "USD", "2026-03-01", "2")), 403, "insufficient_scope")


async def test_what_is_too_much_is_told(client):
    rate = "999999999999"
    most = ("AUD", "EUR", "2026-03-01", rate), ("EUR", "BRL", "2026-03-01", rate)
    assert (await put(client, *most)).status_code == 200
    body = {"amount": "1", "currency": "AUD", "to": "BRL", "on": "2026-03-01"}
    found = problem(await client.post("/v1/exchange-rates/convert", json=body), 422)
    assert [(e["pointer"], e["code"]) for e in found["errors"]] == [("/amount", "out_of_range")]
    body |= {"amount": "99999999999999", "to": "EUR"}
    problem(await client.post("/v1/exchange-rates/convert", json=body), 422)
    assert (await convert(client, "1", "AUD", "EUR", "2026-03-01"))["amount"] == f"{rate}.00"
