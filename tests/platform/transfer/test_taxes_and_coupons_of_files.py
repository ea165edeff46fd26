"""Tax rates and coupons in files."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")


def mistakes(errors):
    return [(error["row"], error["code"], error["column"]) for error in errors]


async def test_rows_become_tax_rates_by_place_and_day(files, client, csv_of):
    columns = [
        "Bezeichnung",
        "Land",
        "Steuersatz",
        "Art",
        "Tax Category",
        "Gültig ab",
        "Gültig bis",
    ]
    rows = [
        ["MwSt", "Deutschland", "19 %", "Regelsatz", "", "2021-01-01", ""],
        ["MwSt ermäßigt", "DE", "7,00", "ermäßigt", "food", "2021-01-01", ""],
        ["MwSt", "DE", "16", "standard", "", "2020-07-01", "2020-12-31"],
        ["Export", "DE", "19", "steuerfrei", "export", "", ""],
        ["MwSt", "DE", "20", "", "", "2022-01-01", ""],
        ["MwSt", "DE", "20", "", "", "2020-07-15", "2020-06-15"],
        ["Nirgends", "Nowhere", "1", "", "", "", ""],
        ["Zu viel", "AT", "1001", "", "", "", ""],
        ["Ohne Satz", "AT", "", "", "", "", ""],
    ]
    content = csv_of(columns, *rows)
    record = await files.made(content, entity="tax_rate")
    assert await files.done(record["id"], "validate") == await files.done(record["id"], "start")
    found = mistakes(await files.errors(record["id"]))
    assert [(row, code) for row, code, _ in found] == [
        ("4", "not_allowed"),
        ("5", "overlap"),
        ("6", "ends_before_start"),
        ("7", "invalid_country"),
        ("8", "invalid"),
        ("9", "required"),
    ]
    rates = (await client.read("tax-rates", sort="created_at"))["data"]
    assert {(one["kind"], one["rate"], one["valid_from"]) for one in rates} == {
        ("standard", "19", "2021-01-01"),
        ("reduced", "7", "2021-01-01"),
        ("standard", "16", "2020-07-01"),
    }
    again = await files.imported(content, entity="tax_rate")
    assert (again["counts"]["unchanged"], again["counts"]["error"]) == (3, 6)
    # The same first day is the same rate, so a corrected file changes it.
    changed = csv_of(columns, ["MwSt", "DE", "18", "", "", "2021-01-01", ""])
    assert (await files.imported(changed, entity="tax_rate"))["counts"]["update"] == 1
    assert "18" in {one["rate"] for one in (await client.read("tax-rates"))["data"]}


async def test_rows_become_coupons_of_their_promotion(files, client, csv_of):
    summer = await client.made(
        "promotions", {"name": "Summer sale", "percent": "10", "needs_coupon": True}
    )
    other = await client.made(
        "promotions",
        {"name": "Winter sale", "percent": "5", "external_ids": {"import": "W-1"}},
    )
    columns = ["Gutscheincode", "Promotion", "Usage Limit", "Usage Limit Per Customer", "Ends"]
    rows = [
        ["summer-26", "summer SALE", "100", "1", "31.08.2099"],
        ["WINTER-26", "W-1", "", "", ""],
        ["SUMMER-26", "Summer sale", "200", "", ""],
        ["NO-26", "No such", "", "", ""],
        ["x", "Summer sale", "", "", ""],
        ["ZERO-26", "Summer sale", "0", "", ""],
        ["ALONE-26", "", "", "", ""],
        ["winter-26", "Summer sale", "", "", ""],
    ]
    content = csv_of(columns, *rows)
    record = await files.imported(content, entity="coupon")
    assert mistakes(await files.errors(record["id"])) == [
        ("4", "unknown_promotion", "Promotion"),
        ("5", "invalid", "Gutscheincode"),
        ("6", "invalid", "Usage Limit"),
        ("7", "required", ""),
        ("8", "other_target", "Promotion"),
    ]
    found = {one["code"]: one for one in (await client.read("coupons"))["data"]}
    assert found.keys() == {"SUMMER-26", "WINTER-26"}
    first = found["SUMMER-26"]
    assert (first["promotion_id"], found["WINTER-26"]["promotion_id"]) == (
        summer["id"],
        other["id"],
    )
    assert (first["max_redemptions"], first["max_per_customer"]) == (200, 1)
    assert (first["valid_to"], first["redeemed"]) == ("2099-08-31", 0)
    again = await files.imported(
        csv_of(columns, ["SUMMER-26", "Summer sale", "200", "1", "2099-08-31"]), entity="coupon"
    )
    assert again["counts"]["unchanged"] == 1
    # What was used is not to be taken back by a limit.
    company = await client.made("companies", {"name": "Example Industries"})
    for number in range(2):
        body = {"company_id": company["id"], "reference": f"ORDER-{number}"}
        await client.changed(f"coupons/{first['id']}", {"max_per_customer": 5})
        answer = await client.post(f"/v1/coupons/{first['id']}/redeem", json=body)
        assert answer.status_code == 200, answer.text
    record = await files.imported(
        csv_of(columns, ["SUMMER-26", "Summer sale", "1", "", ""]), entity="coupon"
    )
    assert mistakes(await files.errors(record["id"])) == [("1", "below_redeemed", "Usage Limit")]
    # Undoing takes away what it has made, and no more.
    undone = await files.done(again["id"], "revert")
    assert undone == {"removed": 0, "restored": 0, "kept": 0}


async def test_two_files_at_once_make_each_coupon_once(files, client, csv_of):
    await client.made("promotions", {"name": "Sale", "percent": "10"})
    rows = [[f"CODE-{number}", "Sale", "5"] for number in range(1500)]
    made = [
        await files.made(csv_of(["Code", "Promotion", "Uses"], *some), entity="coupon")
        for some in (rows, rows[::-1])
    ]
    jobs = [await files.begin(record["id"], "start") for record in made]
    for job in jobs:
        await files.wait(job)
    counts = [(await client.read(f"imports/{record['id']}"))["counts"] for record in made]
    assert sum(one["create"] for one in counts) == 1500, counts
    assert sum(one["unchanged"] for one in counts) == 1500, counts
