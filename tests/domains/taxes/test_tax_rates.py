"""A tax has one rate for a place and a category on a day."""

from support.clients import pointers, problem

VAT = {"name": "VAT", "country": "DE", "rate": "19"}


async def test_rates_of_one_tax_do_not_overlap(client):
    first = await client.made("tax-rates", VAT | {"valid_to": "2026-06-30"})
    await client.made("tax-rates", VAT | {"valid_from": "2026-07-01", "rate": "20"})
    answer = await client.post("/v1/tax-rates", json=VAT | {"valid_to": "2020-01-01"})
    found = problem(answer, 409, "overlap")
    assert (found["tax_rate_id"], pointers(found)) == (first["id"], ["/valid_from"])
    for other in ({"country": "AT"}, {"region": "by"}, {"tax_category": "books"}, {"code": "GST"}):
        await client.made("tax-rates", VAT | other)


async def test_wrong_rates_are_named(client):
    for more, pointer in (
        ({"rate": "-1"}, "/rate"),
        ({"rate": 19.0}, "/rate"),
        ({"country": "Nowhere"}, "/country"),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, "/valid_to"),
    ):
        answer = await client.post("/v1/tax-rates", json=VAT | more)
        assert pointers(problem(answer, 422)) == [pointer]
