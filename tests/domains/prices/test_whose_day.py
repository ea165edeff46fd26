"""The day of numbers, prices, lists, coupons and quotes is the organization's, whoever asks."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.quotes.jobs import expire
from support.clients import Api, pointers, problem
from support.people import joined, logged_in
from support.pricing import ask, price_list, product
from support.quoting import offered, quote, ways

# Nowhere is it the same day in both: 26 hours lie between them.
EAST, WEST = "Pacific/Kiritimati", "Etc/GMT+12"


def day_in(zone):
    return datetime.now(UTC).astimezone(ZoneInfo(zone)).date().isoformat()


@pytest.fixture
async def abroad(app, client):
    """A user in the west of an organization in the east, by a session of their own."""
    assert (await client.patch("/v1/organization", json={"time_zone": EAST})).status_code == 200
    person = await joined(client)
    answer = await client.patch(f"/v1/users/{person.user_id}", json={"time_zone": WEST})
    assert answer.status_code == 200, answer.text
    async with Api(app, (await logged_in(app, person))["access_token"]) as api:
        yield api


async def test_numbers_and_prices_are_of_the_organizations_day(abroad):
    body = {"key": "invoice", "name": "Invoices", "pattern": "{number}"}
    sequence = await abroad.made("number-sequences", body)
    taken = await abroad.post(f"/v1/number-sequences/{sequence['id']}/take", json={})
    assert taken.json()["on"] == day_in(EAST)
    chair = await product(abroad, list_price="10", currency="EUR")
    answer = await ask(abroad, {"product_id": chair["id"]})
    assert answer.json()["date"] == day_in(EAST)


async def test_lists_and_coupons_count_by_the_organizations_day(abroad):
    made = await price_list(abroad, active=False, valid_from=day_in(EAST))
    answer = await abroad.post(f"/v1/price-lists/{made['id']}/activate", json={})
    assert answer.json()["valid_from"] == day_in(EAST)
    promotion = await abroad.made("promotions", {"name": "Sale", "percent": "10"})
    body = {"promotion_id": promotion["id"], "code": "sale-1", "valid_to": day_in(WEST)}
    coupon = await abroad.made("coupons", body)
    company = await abroad.made("companies", {"name": "One"})
    body = {"company_id": company["id"], "reference": "order"}
    answer = await abroad.post(f"/v1/coupons/{coupon['id']}/redeem", json=body)
    problem(answer, 409, "coupon_not_valid")


async def test_quotes_end_with_the_organizations_day(abroad):
    made = await quote(abroad, valid_until=day_in(WEST))
    assert "expired" in (await ways(abroad, made["id"]))["send"]


async def test_sent_quotes_end_with_the_organizations_day(app, client, anonymous, database):
    """At every place: for whoever accepts, by link or not, and by themselves."""
    await client.patch("/v1/organization", json={"time_zone": WEST})
    made, path = await offered(client, valid_until=day_in(WEST))
    files = app.state.services.files
    for zone, ended in ((WEST, False), (EAST, True)):
        await client.patch("/v1/organization", json={"time_zone": zone})
        shown = (await anonymous.get(path)).json()
        assert shown["can_accept"] is not ended
        assert [one["code"] for one in shown["blockers"]] == ["expired"] * ended
        told = await ways(client, made["id"])
        assert ("expired" in told["accept"], "not_expired" in told["expire"]) == (ended, not ended)
        if ended:
            said = {"name": "Sample", "revision": 1}
            answer = await anonymous.post(f"{path}/accept", json=said)
            assert pointers(problem(answer, 409)) == ["/valid_until"]
            assert (await client.post(f"/v1/quotes/{made['id']}/accept")).status_code == 409
        await expire(database, files)
        status = (await client.read(f"quotes/{made['id']}"))["status"]
        assert (status == "expired") is ended


async def test_what_is_a_users_own_goes_by_their_day(abroad):
    made = await quote(abroad, valid_until=day_in(WEST))
    found = await abroad.read("quotes", **{"filter[valid_until]": "@today"})
    assert [one["id"] for one in found["data"]] == [made["id"]]


async def test_another_time_zone_counts_at_once(client):
    for zone in (EAST, WEST):
        answer = await client.patch("/v1/organization", json={"time_zone": zone})
        assert answer.status_code == 200, answer.text
        chair = await product(client, list_price="10", currency="EUR")
        answer = await ask(client, {"product_id": chair["id"]})
        assert answer.json()["date"] == day_in(zone)
