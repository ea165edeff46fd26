"""Coupons are redeemed exactly as often as they may be."""

import asyncio

from support.clients import pointers, problem
from support.members import custom_role, member


async def coupon(client, **more):
    promotion = await client.made("promotions", {"name": "Sale", "percent": "10"})
    body = {"promotion_id": promotion["id"], "code": "sale-1", **more}
    return await client.made("coupons", body)


async def redeem(client, made, customer, reference, of="company_id"):
    body = {of: customer["id"], "reference": reference}
    return await client.post(f"/v1/coupons/{made['id']}/redeem", json=body)


async def test_of_parallel_redemptions_as_many_succeed_as_may(client):
    made = await coupon(client, max_redemptions=3)
    companies = [await client.made("companies", {"name": f"C{n}"}) for n in range(12)]
    answers = await asyncio.gather(
        *(redeem(client, made, one, f"order-{n}") for n, one in enumerate(companies))
    )
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] * 3 + [409] * 9
    assert (await client.read(f"coupons/{made['id']}"))["redeemed"] == 3
    told = await client.read("coupon-redemptions", count="exact")
    assert told["total"] == 3
    assert {row["coupon_id"] for row in told["data"]} == {made["id"]}


async def test_a_customer_redeems_as_often_as_one_may(client):
    made = await coupon(client, max_per_customer=2)
    one, other = [await client.made("companies", {"name": name}) for name in ("One", "Other")]
    answers = await asyncio.gather(*(redeem(client, made, one, f"r{n}") for n in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [409] * 4
    assert (await redeem(client, made, other, "s")).status_code == 200


async def test_a_contact_of_no_company_redeems_as_often_as_one_may(client):
    made = await coupon(client, max_per_customer=2)
    one, other = [await client.made("contacts", {"last_name": name}) for name in ("One", "Other")]
    answers = await asyncio.gather(
        *(redeem(client, made, one, f"r{n}", "contact_id") for n in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200] * 2 + [409] * 4
    assert (await redeem(client, made, other, "s", "contact_id")).status_code == 200
    told = await client.read("coupon-redemptions", include="contact", sort="created_at")
    assert [(row["company_id"], row["contact_id"]) for row in told["data"]] == [
        (None, one["id"]),
        (None, one["id"]),
        (None, other["id"]),
    ]
    # What was taken back may be used again; somebody else's reference is theirs.
    path = f"/v1/coupons/{made['id']}/release"
    reference = told["data"][0]["reference"]
    assert (await client.post(path, json={"reference": reference})).status_code == 200
    taken = problem(await redeem(client, made, one, "s", "contact_id"), 409, "reference_taken")
    assert pointers(taken) == ["/reference"]
    document = (
        "mutation($c: UUID!, $i: CouponRedeemInput!) { redeemCoupon(couponId: $c, input: $i) "
        "{ companyId contact { id } } }"
    )
    given = {"contactId": one["id"], "reference": "again"}
    data = await client.data(document, c=made["id"], i=given)
    assert data["redeemCoupon"] == {"companyId": None, "contact": {"id": one["id"]}}
    problem(await redeem(client, made, one, "more", "contact_id"), 409, "coupon_used_up")


async def test_a_coupon_is_used_by_one_customer(client, other):
    made = await coupon(client)
    company = await client.made("companies", {"name": "One"})
    person = await client.made("contacts", {"last_name": "One"})
    foreign = await other.made("contacts", {"last_name": "Foreign"})
    path = f"/v1/coupons/{made['id']}/redeem"
    for given, at in (
        ({}, ""),
        ({"company_id": company["id"], "contact_id": person["id"]}, ""),
        ({"contact_id": foreign["id"]}, "/contact_id"),
        ({"contact_id": company["id"]}, "/contact_id"),
    ):
        answer = await client.post(path, json={"reference": "x", **given})
        assert pointers(problem(answer, 422)) == [at], given
    assert (await client.read("coupon-redemptions"))["data"] == []


async def test_of_merged_contacts_what_both_used_counts(client):
    made = await coupon(client, max_per_customer=2)
    one, other = [await client.made("contacts", {"last_name": name}) for name in ("One", "Other")]
    for person in (one, other):
        answer = await redeem(client, made, person, person["last_name"], "contact_id")
        assert answer.status_code == 200, answer.text
    body = {"winner_id": one["id"], "loser_ids": [other["id"]]}
    merged = await client.post("/v1/contacts/merge", json=body)
    assert merged.status_code == 201, merged.text
    problem(await redeem(client, made, one, "third", "contact_id"), 409, "coupon_used_up")


async def test_of_a_reference_only_the_first_redemption_counts(client):
    made = await coupon(client, max_redemptions=1)
    one, other = [await client.made("companies", {"name": name}) for name in ("One", "Other")]
    answers = await asyncio.gather(*(redeem(client, made, one, "order") for _ in range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert (await client.read(f"coupons/{made['id']}"))["redeemed"] == 1
    assert pointers(problem(await redeem(client, made, other, "order"), 409)) == ["/reference"]


async def test_what_is_taken_back_can_be_redeemed_again(client):
    made = await coupon(client, max_redemptions=1)
    one = await client.made("companies", {"name": "One"})
    await redeem(client, made, one, "first")
    problem(await redeem(client, made, one, "second"), 409, "coupon_used_up")
    path = f"/v1/coupons/{made['id']}/release"
    assert (await client.post(path, json={"reference": "first"})).status_code == 200
    problem(await client.post(path, json={"reference": "first"}), 404)
    document = (
        "mutation($c: UUID!, $i: CouponRedeemInput!) { redeemCoupon(couponId: $c, input: $i) "
        "{ reference } }"
    )
    given = {"companyId": one["id"], "reference": "second"}
    data = await client.data(document, c=made["id"], i=given)
    assert data["redeemCoupon"] == {"reference": "second"}
    known = await client.read("coupon-redemptions", deleted="include", sort="created_at")
    told = [(row["reference"], row["deleted_at"] is None) for row in known["data"]]
    assert told == [("first", False), ("second", True)]
    document = (
        "query($w: CouponRedemptionWhere) { couponRedemptions(where: $w) { nodes { reference } } }"
    )
    shown = await client.data(document, w={"couponId": {"eq": made["id"]}})
    assert shown["couponRedemptions"]["nodes"] == [{"reference": "second"}]


async def test_of_merged_companies_what_both_used_counts(client):
    made = await coupon(client, max_per_customer=2)
    one, other = [await client.made("companies", {"name": name}) for name in ("One", "Other")]
    for company in (one, other):
        assert (await redeem(client, made, company, company["name"])).status_code == 200
    body = {"winner_id": one["id"], "loser_ids": [other["id"]]}
    merged = await client.post("/v1/companies/merge", json=body)
    assert merged.status_code == 201, merged.text
    problem(await redeem(client, made, one, "third"), 409, "coupon_used_up")
    undone = await client.post(f"/v1/merges/{merged.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await redeem(client, made, one, "third")).status_code == 200


async def test_codes_are_one_whatever_their_case(client):
    made = await coupon(client)
    assert made["code"] == "SALE-1"
    body = {"promotion_id": made["promotion_id"], "code": "Sale-1"}
    assert pointers(problem(await client.post("/v1/coupons", json=body), 409)) == ["/code"]
    over = await coupon(client, code="OVER", valid_to="2020-01-01")
    one = await client.made("companies", {"name": "One"})
    problem(await redeem(client, over, one, "late"), 409, "coupon_not_valid")
    problem(await client.patch(f"/v1/coupons/{made['id']}", json={"max_redemptions": 0}), 422)


async def test_a_coupon_of_a_promotion_in_the_bin_is_not_valid(client):
    made = await coupon(client)
    buyer = await client.made("companies", {"name": "One"})
    await client.delete(f"/v1/promotions/{made['promotion_id']}")
    problem(await redeem(client, made, buyer, "x" * 200), 409, "coupon_not_valid")


async def test_companies_out_of_sight_redeem_nothing(client):
    made = await coupon(client)
    hidden = await client.made("companies", {"name": "Hidden"})
    own = {"create": "own", "read": "own", "update": "own", "delete": "own"}
    levels = {"*": dict.fromkeys(own, "all"), "companies": own}
    somebody = await member(client, await custom_role(client, levels=levels))
    for company in (hidden["id"], "01990000-0000-7000-8000-00000000dead"):
        body = {"company_id": company, "reference": "ORDER-1"}
        answer = await somebody.api.post(f"/v1/coupons/{made['id']}/redeem", json=body)
        assert pointers(problem(answer, 422)) == ["/company_id"]
    assert (await client.read(f"coupons/{made['id']}"))["redeemed"] == 0
