"""What deals are worth, in whichever currency."""

from support.selling import act, deal, pipeline


async def rates(client, *rates):
    rows = [dict(zip(("base", "quote", "day", "rate"), rate, strict=True)) for rate in rates]
    answer = await client.put("/v1/exchange-rates", json={"rates": rows})
    assert answer.status_code == 200, answer.text


async def test_amounts_are_told_at_home(client):
    today = (await client.made("companies", {"name": "A"}))["created_at"][:10]
    where = await pipeline(client)
    own = (await deal(client, where, amount="100"))["base_currency"]
    other = "USD" if own != "USD" else "EUR"
    made = await deal(client, where, amount="100", currency=other, closes_on="2031-06-30")
    assert (made["base_amount"], made["base_currency"]) == (None, own)
    await rates(client, (other, own, today, "0.5"), (other, own, "2026-01-02", "0.25"))
    # What lies ahead is told by the rate of today, what is over by that of its day.
    changed = await client.changed(f"deals/{made['id']}", {"amount": "200"})
    assert changed["base_amount"] == "100.00"
    won = await act(client, made["id"], "win", closed_on="2026-01-03")
    assert won["base_amount"] == "50.00"
    await rates(client, (other, own, "2026-01-03", "0.9"))
    renamed = await client.changed(f"deals/{made['id']}", {"name": "Renamed", "tags": ["x"]})
    assert renamed["base_amount"] == "50.00"


async def test_expected_amounts_follow(client):
    where = await pipeline(client)
    made = await deal(client, where, "Offer", amount="99.99")
    assert (made["probability"], made["expected_amount"]) == (40, "40.00")
    for patch, wanted in (
        ({"probability_override": 10}, (10, "10.00")),
        ({"amount": "50"}, (10, "5.00")),
        ({"probability_override": None}, (40, "20.00")),
        ({"amount": None}, (40, None)),
    ):
        found = await client.changed(f"deals/{made['id']}", patch)
        assert (found["probability"], found["expected_amount"]) == wanted
    by_hand = await client.changed(f"deals/{made['id']}", {"forecast_override": "commit"})
    assert by_hand["forecast_category"] == "commit"


async def test_a_pipeline_has_its_currency(client):
    made = await client.made("pipelines", {"name": "Abroad", "currency": "JPY"})
    body = {"name": "Office", "pipeline_id": made["id"], "amount": "1000"}
    assert (await client.made("deals", body))["currency"] == "JPY"
    assert (await client.made("deals", {**body, "currency": "CHF"}))["currency"] == "CHF"
