"""Coupons of quotes: used by what is accepted, once, and asked again till then."""

import asyncio
from uuid import uuid4

import pytest

from support.clients import Api, problem
from support.quoting import act, link, product, quote, ways


@pytest.fixture
async def buyers(app):
    """Two without a credential, each on connections of their own."""
    made = [Api(app), Api(app)]
    yield made
    for one in made:
        await one.aclose()


async def coupon(client, percent="10", **more):
    """A coupon that opens a promotion of its own."""
    promotion = await client.made(
        "promotions", {"name": "Fair", "percent": percent, "needs_coupon": True}
    )
    body = {"promotion_id": promotion["id"], "code": f"C{uuid4().hex[:10]}".upper()}
    return await client.made("coupons", body | more)


async def discounted(client, *codes, send=True, **more):
    """A quote of a chair with coupons."""
    sold = await product(client)
    lines = [{"product_id": sold["id"]}]
    made = await quote(client, lines=lines, coupon_codes=list(codes), **more)
    if send:
        await act(client, made["id"], "send")
    return made


async def redemptions(client, id):
    return (await client.read("coupon-redemptions", **{"filter[coupon_id]": id}))["data"]


async def test_what_others_used_is_not_held_against_nobody(client):
    one = await coupon(client, max_per_customer=1)
    made = await discounted(client, one["code"])
    await act(client, made["id"], "accept")
    nobodys = await discounted(client, one["code"], send=False, company_id=None, contact_id=None)
    assert (await ways(client, nobodys["id"]))["send"] == ["no_account"]


async def test_what_is_accepted_uses_its_coupon_once(client):
    one = await coupon(client, max_redemptions=1)
    made, other = [await discounted(client, one["code"]) for _ in range(2)]
    draft = await discounted(client, one["code"], send=False)
    assert (made["net"], await redemptions(client, one["id"])) == ("90.00", [])
    accepted = await act(client, made["id"], "accept")
    (used,) = await redemptions(client, one["id"])
    assert (used["reference"], used["company_id"]) == (accepted["number"], made["company_id"])
    assert (await client.read(f"coupons/{one['id']}"))["redeemed"] == 1
    # By now it is used up for whoever else was offered something by it, or is about to be.
    assert (await ways(client, other["id"]))["accept"] == ["coupon_used_up"]
    assert (await ways(client, draft["id"]))["send"] == ["coupon_used_up"]
    refused = problem(await client.post(f"/v1/quotes/{other['id']}/accept"), 409)
    assert [(e["code"], e["pointer"]) for e in refused["errors"]] == [
        ("coupon_used_up", "/coupon_codes/0")
    ]
    assert (await client.post(f"/v1/quotes/{draft['id']}/send")).status_code == 409


async def test_of_two_with_one_coupon_one_is_accepted(client, buyers):
    for _ in range(4):
        one = await coupon(client, max_redemptions=1)
        made = [await discounted(client, one["code"]) for _ in buyers]
        paths = [await link(client, each["id"]) for each in made]
        answers = await asyncio.gather(
            *(
                buyer.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
                for buyer, path in zip(buyers, paths, strict=True)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = (answer.json() for answer in answers if answer.status_code == 409)
        assert [error["code"] for error in lost["errors"]] == ["coupon_used_up"]
        now = [(await client.read(f"quotes/{each['id']}"))["status"] for each in made]
        assert sorted(now) == ["accepted", "sent"]
        assert len(await redemptions(client, one["id"])) == 1
        assert (await client.read(f"coupons/{one['id']}"))["redeemed"] == 1


async def test_a_coupon_that_is_over_is_told_by_the_link(client, anonymous):
    one = await coupon(client)
    made = await discounted(client, one["code"])
    path = await link(client, made["id"])
    assert (await anonymous.get(path)).json()["can_accept"]
    await client.changed(f"coupons/{one['id']}", {"valid_to": "2020-01-01"})
    found = (await anonymous.get(path)).json()
    assert (found["can_accept"], [b["code"] for b in found["blockers"]]) == (
        False,
        ["coupon_not_valid"],
    )
    answer = await anonymous.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
    assert [e["code"] for e in problem(answer, 409)["errors"]] == ["coupon_not_valid"]


async def test_somebody_of_no_company_uses_a_coupon_too(client):
    one = await coupon(client, max_redemptions=1)
    person = await client.made("contacts", {"last_name": "Sample"})
    made = await discounted(client, one["code"], company_id=None, contact_id=person["id"])
    await act(client, made["id"], "accept")
    (used,) = await redemptions(client, one["id"])
    assert (used["company_id"], used["contact_id"]) == (None, person["id"])
    assert (await client.read(f"coupons/{one['id']}"))["redeemed"] == 1


async def test_whoever_is_of_no_company_uses_it_as_often_as_one_may(client, buyers):
    """Two quotes of one person, accepted at the same moment over connections of their own."""
    person = await client.made("contacts", {"last_name": "Sample"})
    own = {"company_id": None, "contact_id": person["id"]}
    for _ in range(4):
        one = await coupon(client, max_per_customer=1)
        made = [await discounted(client, one["code"], **own) for _ in buyers]
        paths = [await link(client, each["id"]) for each in made]
        answers = await asyncio.gather(
            *(
                buyer.post(f"{path}/accept", json={"name": "Sample", "revision": 1})
                for buyer, path in zip(buyers, paths, strict=True)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = (answer.json() for answer in answers if answer.status_code == 409)
        assert [error["code"] for error in lost["errors"]] == ["coupon_used_up"]
        assert len(await redemptions(client, one["id"])) == 1
    # Nothing is offered by it to the same person any more, but to others still is.
    sold = await product(client)
    lines = [{"product_id": sold["id"]}]
    body = {"currency": "EUR", "lines": lines, "coupon_codes": [one["code"]]}
    for path in ("/v1/quotes/calculate", "/v1/pricing/resolve"):
        found = problem(await client.post(path, json={**body, "contact_id": person["id"]}), 422)
        assert [(e["code"], e["pointer"]) for e in found["errors"]] == [
            ("coupon_used_up", "/coupon_codes/0")
        ]
        somebody = await client.made("contacts", {"last_name": "Other"})
        answer = await client.post(path, json={**body, "contact_id": somebody["id"]})
        assert answer.status_code == 200, answer.text
    # Whoever speaks for a company uses it as that company.
    again = await discounted(client, one["code"], contact_id=person["id"])
    await act(client, again["id"], "accept")
    used = {row["company_id"] for row in await redemptions(client, one["id"])}
    assert used == {None, again["company_id"]}


async def test_what_the_seller_has_redeemed_for_the_quote_counts_once(client):
    one = await coupon(client, max_redemptions=1)
    made = await discounted(client, one["code"])
    number = (await client.read(f"quotes/{made['id']}"))["number"]
    body = {"company_id": made["company_id"], "reference": number}
    assert (await client.post(f"/v1/coupons/{one['id']}/redeem", json=body)).status_code < 300
    await act(client, made["id"], "accept")
    assert (await client.read(f"coupons/{one['id']}"))["redeemed"] == 1


async def test_of_coupons_of_one_promotion_the_first_is_used(client):
    one = await coupon(client)
    same = {"promotion_id": one["promotion_id"], "code": f"D{uuid4().hex[:10]}".upper()}
    other = await client.made("coupons", same)
    made = await discounted(client, one["code"], other["code"])
    await act(client, made["id"], "accept")
    used = [len(await redemptions(client, each["id"])) for each in (one, other)]
    assert used == [1, 0]


async def test_a_coupon_that_gives_nothing_is_missed_by_nobody(client):
    one, other = await coupon(client), await coupon(client, "5")
    for each in (one, other):
        alone = {"stacking": "exclusive"}
        await client.changed(f"promotions/{each['promotion_id']}", alone)
    made = await discounted(client, one["code"], other["code"])
    assert made["net"] == "90.00"
    await client.delete(f"/v1/coupons/{other['id']}")
    assert (await ways(client, made["id"]))["accept"] == []
    lost = await discounted(client, one["code"])
    await act(client, made["id"], "accept")
    await client.delete(f"/v1/coupons/{one['id']}")
    assert (await ways(client, lost["id"]))["accept"] == ["coupon_not_valid"]
