"""Whatever is offered and chosen comes to what the seller would have come to with it."""

from random import Random

import pytest

from support.quoting import calculated, offered, product

SECTIONS = [
    {"key": "a", "title": "A"},
    {"key": "b", "title": "B", "kind": "optional"},
    {"key": "c", "title": "C", "kind": "alternatives"},
]
SHARED = [
    {"percent": "5", "reason": "Fair"},
    {"amount": "3"},
    {"percent": "2.5", "section": "a"},
]
SUMS = (
    *("net", "tax", "gross", "one_time", "mrr", "arr", "acv", "tcv"),
    *("discount_percent", "cost", "margin", "margin_percent"),
)


def some_line(chance, sold):
    line = {"quantity": chance.choice(["1", "3", "7.5", "0.333"]), "discounts": []}
    if (section := chance.choice([None, "a", "b", "c"])) is not None:
        line["section"] = section
    if chance.random() < 0.5:
        line["product_id"] = chance.choice(sold)
        if chance.random() < 0.3:
            line["unit_price"] = "12.3456"
    else:
        line |= {"name": "Part", "unit_price": chance.choice(["5", "0.0001", "333.333"])}
    for _ in range(chance.randrange(3)):
        off = {"percent": chance.choice(["3.5", "33.3333"])}
        line["discounts"].append(chance.choice([off, {"amount": "1"}, {"amount": "500"}]))
    if chance.random() < 0.3:
        line |= {"interval": chance.choice(["month", "year"]), "term": chance.choice([None, 7])}
    return line | {"is_optional": section in {None, "a"} and chance.random() < 0.5}


def is_option(line):
    return line["is_optional"] or line.get("section") in {"b", "c"}


def some_options(chance, lines):
    found = [n for n, line in enumerate(lines) if is_option(line) and chance.random() < 0.5]
    others = [n for n in found if lines[n].get("section") == "c"][1:]
    return [n for n in found if n not in others]


def with_options(lines, places):
    return [
        {**line, "is_selected": n in places} if is_option(line) else line
        for n, line in enumerate(lines)
    ]


@pytest.mark.parametrize("seed", range(12))
async def test_it_comes_to_what_the_seller_would_get(client, anonymous, seed):
    chance = Random(seed)
    rate = {"name": "VAT", "country": "DE", "rate": "19", "valid_from": "2020-01-01"}
    await client.made("tax-rates", rate)
    if seed % 2:
        more = {"name": "Duty", "code": "duty", "rate": "9.5", "compound": True, "position": 1}
        await client.made("tax-rates", rate | more)
    sold = [(await product(client, list_price=price))["id"] for price in ("9.9999", "17.05")]
    base = {"unit_price": "11.11", "quantity": "3", "section": "a", "is_optional": False}
    lines = [{"kind": "text", "name": "Remark", "is_optional": False}]
    lines += [some_line(chance, sold) for _ in range(7)]
    lines += [{"name": "Base", **base}, {"name": "More", "unit_price": "7", "is_optional": True}]
    more = {"country": "DE", "sections": SECTIONS, "discounts": chance.sample(SHARED, 2)}
    sent = with_options(lines, some_options(chance, lines))
    made, path = await offered(client, lines=sent, **more)
    wanted = some_options(chance, lines)
    should = await calculated(client, *with_options(lines, wanted), **more)
    options = [(await anonymous.get(path)).json()["lines"][n]["id"] for n in wanted]
    told = (await anonymous.post(f"{path}/options", json={"selected": options})).json()
    assert [told[name] for name in ("net", "gross")] == [should[n] for n in ("net", "gross")]
    query = "&".join(["chosen=1", *(f"option={id}" for id in options)])
    assert (await anonymous.get(f"{path}/page?{query}")).status_code == 200
    body = {"name": "Sample", "revision": 1, "selected": options}
    done = (await anonymous.post(f"{path}/accept", json=body)).json()
    now = await client.read(f"quotes/{made['id']}")
    shown = (await anonymous.get(path)).json()
    assert done["totals"] == told["totals"] == shown["totals"]
    assert shown["lines"] == told["lines"]
    assert {name: now[name] for name in SUMS} == {name: should[name] for name in SUMS}
    assert now["totals"] == should["totals"]
    for one, its in zip(now["lines"], should["lines"], strict=True):
        apart = {"id", "manual_percent"}
        assert {n: one[n] for n in one.keys() - apart} == {n: its[n] for n in its.keys() - apart}


async def test_a_tax_on_a_tax_is_due_on_what_is_chosen(client, anonymous):
    # GST of 5 % is 6.50 of 130.00, QST of 9.5 % on both 12.97 of 136.50: 149.47 with 19.47 of taxes.
    rate = {"country": "CA", "region": "QC", "valid_from": "2020-01-01"}
    await client.made(
        "tax-rates", rate | {"name": "GST", "code": "gst", "rate": "5", "position": 1}
    )
    compound = {"name": "QST", "code": "qst", "rate": "9.5", "compound": True, "position": 2}
    await client.made("tax-rates", rate | compound)
    lines = [{"name": "Base", "unit_price": "100"}]
    lines += [{"name": "Part", "unit_price": "1", "is_optional": True} for _ in range(30)]
    made, path = await offered(client, lines=lines, currency="CAD", country="CA", region="QC")
    options = [line["id"] for line in (await anonymous.get(path)).json()["lines"][1:]]
    body = {"name": "Sample", "revision": 1, "selected": options}
    done = await anonymous.post(f"{path}/accept", json=body)
    assert done.status_code == 200, done.text
    now = await client.read(f"quotes/{made['id']}")
    assert (now["net"], now["tax"], now["gross"]) == ("130.00", "19.47", "149.47")
    assert [tax["compound"] for tax in now["lines"][0]["taxes"]] == [False, True]
    # So does its order, which is calculated by what was agreed.
    order = await client.post(f"/v1/quotes/{made['id']}/order")
    assert order.status_code == 201, order.text
    assert order.json()["tax"] == "19.47"
    assert [tax["compound"] for tax in order.json()["totals"][0]["taxes"]] == [False, True]
