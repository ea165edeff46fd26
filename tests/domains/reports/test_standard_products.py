"""Standard reports of products and segments: as plain Python does, also for who sees a part."""

import json
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import permutations
from uuid import UUID

import pytest

from support.library import SPAN, all_of
from support.members import custom_role, member
from support.ordering import accepted, act, order, order_of
from support.quoting import act as act_on_quote
from support.quoting import product, quote
from support.reporting import behind_standard, standard
from support.selling import act as act_on_deal
from support.selling import deal, pipeline, reason

NOW = datetime.now(UTC).replace(microsecond=0)
YEARS = {"month": 12, "quarter": 4, "half_year": 2, "year": 1}
GONE = {"draft", "cancelled"}


async def reader_of(client, *areas):
    """Somebody who sees their own records alone, and all of these kinds."""
    levels = {"*": {"read": "own"}, **{area: {"read": "all"} for area in areas}}
    return await member(client, await custom_role(client, levels=levels))


async def cells(api, name, *by, **parameters):
    """By the groups of each row its values and its cell, and the totals."""
    told = (await standard(api, name, **parameters))["answer"]
    rows = {tuple(r["values"][n] for n in by): (r["values"], r["cell"]) for r in told["rows"]}
    assert len(rows) == len(told["rows"])
    return rows, told["totals"]


async def ids_behind(api, name, cell, measure=None, **parameters):
    return {r["id"] for r in await behind_standard(api, name, cell, measure, **parameters)}


def close(told, wanted):
    return abs(Decimal(told) - wanted) <= Decimal("0.0001")


async def orders_of(client, owner, reader, seed):
    """Orders of both, with discounts and with what falls due again; some count for nothing."""
    rng = random.Random(seed)
    products = [(await product(client, name=f"P{n}", list_price="33.33"))["id"] for n in range(4)]
    for turn in range(10):
        lines = []
        for id in rng.sample([*products, None], rng.randrange(1, 4)):
            line = {"product_id": id} if id else {"name": "Setup", "unit_price": "50"}
            line["quantity"] = str(rng.randrange(1, 6))
            if rng.random() < 0.4:
                line |= {"interval": rng.choice(list(YEARS)), "term": rng.choice([None, 3])}
            lines.append(line)
        if turn % 2:
            percents = ["0", "10", "7.5", "100"]
            cut = [{**line, "discounts": [{"percent": rng.choice(percents)}]} for line in lines]
            made = await order_of(client, (await accepted(client, lines=cut))["id"])
        else:
            own = [{"unit_price": "19.99", **line} for line in lines]
            made = await order(client, lines=own, currency=rng.choice(["EUR", "USD"]))
        await client.changed(f"orders/{made['id']}", {"owner_id": rng.choice([reader.id, None])})
        if turn < 9:
            await act(client, made["id"], "confirm")
        if turn == 8:
            await act(client, made["id"], "cancel", comment="No")
        if turn == 7:
            early = NOW - timedelta(days=900)
            sql = "UPDATE orders SET confirmed_at = $2 WHERE id = $1"
            await owner.execute(sql, UUID(made["id"]), early)
    return products


def due(line):
    """How often a line falls due."""
    if line["interval"] is None:
        return 1
    return line["term"] or YEARS[line["interval"]]


def worth(line):
    """What a line comes to in all, and what it would without discounts."""
    net, whole = Decimal(line["net"]), Decimal(line["price"]) * Decimal(line["quantity"])
    if not Decimal(line["discount_percent"]):
        whole = net
    elif line["tax_included"] and Decimal(line["amount"]):
        whole *= net / Decimal(line["amount"])
    return net * due(line), whole * due(line)


FIRST = (NOW - timedelta(days=365)).isoformat()


def items_of(orders):
    """What is in the orders that count."""
    for one in orders:
        if one["status"] not in GONE and one["confirmed_at"] >= FIRST:
            for line in one["lines"]:
                yield one, line, *worth(line)


def summed(items):
    listed, net = sum(i[3] for i in items), sum(i[2] for i in items)
    cut = {i[0]["id"] for i in items if Decimal(i[1]["discount_percent"])}
    ids = {i[0]["id"] for i in items}
    return {
        "orders": len(ids),
        "discounted": len(cut),
        "quantity": sum(Decimal(i[1]["quantity"]) for i in items),
        "net": net,
        "list_value": listed,
        "leakage": listed - net,
        "leakage_share": (listed - net) / listed if listed else None,
    }, ids


def agree(row, wanted):
    for name in row.keys() & wanted.keys():
        told, value = row[name], wanted[name]
        assert (told is None) == (value is None), name
        assert told is None or close(told, value), (name, told, value)


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_was_ordered(client, owner, seed):
    reader = await reader_of(client, "products")
    await orders_of(client, owner, reader, seed)
    seen = []
    for api in (client, reader.api):
        items = list(items_of(await all_of(api, "orders")))
        for name, key in (
            ("product_mix", lambda i: i[1]["product_id"]),
            ("discount_leakage_by_product", lambda i: i[1]["product_id"]),
            ("discount_leakage_by_owner", lambda i: i[0]["owner_id"]),
        ):
            by = "owner_id" if name.endswith("owner") else "product_id"
            groups, wholes = {}, {}
            for item in items:
                groups.setdefault((item[0]["currency"], key(item)), []).append(item)
                wholes.setdefault(item[0]["currency"], []).append(item)
            found, totals = await cells(api, name, "currency", by)
            assert found.keys() == groups.keys()
            for group, inside in groups.items():
                row, cell = found[group]
                wanted, ids = summed(inside)
                net = sum(i[2] for i in wholes[group[0]])
                wanted["share"] = wanted["net"] / net if net else None
                agree(row, wanted)
                assert await ids_behind(api, name, cell) == ids
            assert {one["values"]["currency"] for one in totals} == set(wholes)
            for total in totals:
                wanted, ids = summed(wholes[total["values"]["currency"]])
                agree(total["values"], wanted)
                assert await ids_behind(api, name, total["cell"]) == ids
        seen.append(len({i[0]["id"] for i in items}))
    assert seen[0] > seen[1] > 0


@pytest.mark.parametrize("seed", [3, 4])
async def test_what_is_ordered_together(client, owner, seed):
    reader = await reader_of(client, "products")
    products = await orders_of(client, owner, reader, seed)
    for api in (client, reader.api):
        baskets = {}
        for one, line, *_ in items_of(await all_of(api, "orders")):
            if line["product_id"]:
                baskets.setdefault(one["id"], set()).add(line["product_id"])
        for main in (None, products[0]):
            asked = {"product_id": main} if main else {}
            pairs = {}
            for id, basket in baskets.items():
                for pair in permutations(basket, 2):
                    if main in {None, pair[0]}:
                        pairs.setdefault(pair, set()).add(id)
            found, _ = await cells(api, "attach_rate", "product_id", "other_id", **asked)
            assert found.keys() == pairs.keys()
            for (one, other), both in pairs.items():
                row, cell = found[(one, other)]
                alone = {id for id, basket in baskets.items() if one in basket}
                assert (row["orders"], row["attached"]) == (len(alone), len(both))
                assert abs(float(row["rate"]) - len(both) / len(alone)) < 0.00001
                assert await ids_behind(api, "attach_rate", cell, **asked) == both
                assert await ids_behind(api, "attach_rate", cell, "orders", **asked) == alone


async def offers_of(client, owner, reader, products, seed):
    """Quotes of both with every outcome; what is optional or too old counts for nothing."""
    rng = random.Random(seed)
    bare = (await product(client, name="Bare", cost=None))["id"]
    for turn in range(12):
        lines = [
            {
                "product_id": id,
                "quantity": str(rng.randrange(1, 6)),
                "discounts": [{"percent": rng.choice(["0", "10", "100"])}],
                **rng.choice([{}, {"interval": "month", "term": 3}, {"is_optional": True}]),
            }
            for id in rng.sample([*products, bare], rng.randrange(1, 4))
        ]
        firm = {"name": "Setup", "unit_price": "5"}
        made = (await quote(client, lines=[firm, *lines, *lines[:1]]))["id"]
        verbs = rng.choice([(), ("send",), ("send", "decline"), ("send", "accept")])
        for verb in verbs:
            more = {"by": "An example"} if verb == "accept" else {}
            await act_on_quote(client, made, verb, **more)
        early = NOW - timedelta(days=900) if turn == 3 and verbs else None
        await owner.execute(
            "UPDATE quotes SET sent_at = coalesce($2, sent_at), owner_id = $3 WHERE id = $1",
            *(UUID(made), early, rng.choice([UUID(reader.id), None])),
        )


UNSENT = {"draft", "in_approval", "approved"}


def offered(quotes):
    """By product and currency the lines that count in quotes that were sent."""
    found = {}
    for one in quotes:
        if one["status"] in UNSENT or one["sent_at"] < FIRST:
            continue
        for line in one["lines"]:
            if line["counts"] and line["product_id"]:
                found.setdefault((line["product_id"], one["currency"]), []).append((one, line))
    return found


def share(part, whole):
    return part / whole if whole else None


def fared(offers, orders, costs):
    """The figures of a product, and the records behind them."""
    ids = {"quotes": {one["id"] for one, _ in offers}}
    for name, status in (("won", "accepted"), ("lost", "declined")):
        ids[name] = {one["id"] for one, _ in offers if one["status"] == status}
    net = sum((worth(line)[0] for _, line in offers), Decimal(0))
    whole = sum((worth(line)[1] for _, line in offers), Decimal(0))
    ids["orders"] = {one["id"] for one, *_ in orders}
    ids["attached"] = {
        one["id"]
        for one, *_ in orders
        if len({li["product_id"] for li in one["lines"]} - {None}) > 1
    }
    won = [line for one, line in offers if one["status"] == "accepted"]
    spent = [costs.get(line["id"]) for line in won]
    won_net, margin = sum((worth(line)[0] for line in won), Decimal(0)), None
    if won and None not in spent:
        margin = won_net - sum(cost * due(line) for cost, line in zip(spent, won, strict=True))
    figures = {name: len(own) for name, own in ids.items()}
    figures |= {
        "quoted": net,
        "discount": whole - net,
        "discount_share": share(whole - net, whole),
        "ordered": sum((item[2] for item in orders), Decimal(0)),
        "attach_rate": share(Decimal(len(ids["attached"])), len(ids["orders"])),
        "margin": margin,
        "margin_share": None if margin is None else share(margin, won_net),
    }
    return figures, ids


@pytest.mark.parametrize("seed", [5, 6])
async def test_how_products_fare(client, owner, org, seed):
    reader, name = await reader_of(client, "products"), "product_performance"
    products = await orders_of(client, owner, reader, seed)
    await offers_of(client, owner, reader, products, seed)
    kept = await owner.fetch("SELECT costs FROM quotes WHERE organization_id = $1", org.id)
    costs = {one["line_id"]: one["cost"] for row in kept for one in json.loads(row["costs"])}
    costs = {id: None if cost is None else Decimal(cost) for id, cost in costs.items()}
    seen = []
    for api in (client, reader.api):
        offers, sold = offered(await all_of(api, "quotes")), {}
        for item in items_of(await all_of(api, "orders")):
            if item[1]["product_id"]:
                sold.setdefault((item[1]["product_id"], item[0]["currency"]), []).append(item)
        asked = {"with_margin": True}
        found, totals = await cells(api, name, "product_id", "currency", **asked)
        assert found.keys() == offers.keys() | sold.keys()
        assert not totals
        for key, (row, cell) in found.items():
            wanted, ids = fared(offers.get(key, []), sold.get(key, []), costs)
            agree(row, wanted)
            # The one that is left is the share of those that were decided.
            (rate,) = row.keys() - wanted.keys() - {"product_id", "product", "currency"}
            decided = wanted["won"] + wanted["lost"]
            agree({"rate": row[rate]}, {"rate": share(Decimal(wanted["won"]), decided)})
            for measure, own in ids.items():
                assert await ids_behind(api, name, cell, measure, **asked) == own, measure
        seen.append(len(offers))
    assert seen[0] >= seen[1] > 0


async def closed_deals(client, reader, count, body_of):
    """Deals of both, most of them won or lost."""
    rng, where, because = random.Random(count), await pipeline(client), await reason(client)
    for turn in range(count):
        body = {"owner_id": rng.choice([reader.id, None]), **body_of(rng)}
        amount = f"{turn * 731 % 97}.{turn:02}"
        made = await deal(client, where, amount=amount, currency="EUR", **body)
        if turn % 4 == 0:
            await act_on_deal(client, made["id"], "lose", loss_reason_id=because)
        elif turn % 4 < 3:
            await act_on_deal(client, made["id"], "win")


async def outcomes_agree(api, name, by, groups, **asked):
    """Have each group be of these deals."""
    found, totals = await cells(api, name, by, **SPAN, **asked)
    assert found.keys() == {(key,) for key, inside in groups.items() if inside}
    for (key,), (row, cell) in found.items():
        await _outcome_agrees(api, name, row, cell, groups[key], **asked)
    return totals


async def _outcome_agrees(api, name, row, cell, deals, **asked):
    ids = {"decided": {one["id"] for one in deals}}
    for status in ("won", "lost"):
        ids[status] = {one["id"] for one in deals if one["status"] == status}
    for measure, own in ids.items():
        assert row[measure] == len(own)
        assert await ids_behind(api, name, cell, measure, **SPAN, **asked) == own
    by_id = {one["id"]: one for one in deals}
    for status in ("won", "lost"):
        behind = await ids_behind(api, name, cell, f"{status}_amount", **SPAN, **asked)
        assert behind == ids[status]
        amounts = [Decimal(a) for id in behind if (a := by_id[id]["base_amount"]) is not None]
        told = row[f"{status}_amount"]
        assert (None if told is None else Decimal(told)) == (sum(amounts) if amounts else None)
    assert abs(float(row["rate"]) - len(ids["won"]) / len(ids["decided"])) < 0.00001


async def test_what_became_of_products(client):
    reader = await reader_of(client, "products")
    products = [(await product(client, name=f"P{n}"))["id"] for n in range(3)]

    def body_of(rng):
        chosen = rng.sample(products, rng.randrange(3))
        # One deal counts once for a product, however many lines have it.
        return {"lines": [{"product_id": id} for id in [*chosen, *chosen[:1]]]}

    await closed_deals(client, reader, 16, body_of)
    name, seen = "deal_outcomes_by_product", []
    for api in (client, reader.api):
        groups, all_with = {}, {}
        for one in await all_of(api, "deals"):
            if one["status"] != "open":
                for id in {line["product_id"] for line in one["lines"]}:
                    groups.setdefault(id, []).append(one)
                    all_with[one["id"]] = one
        (total,) = await outcomes_agree(api, name, "product_id", groups)
        await _outcome_agrees(api, name, total["values"], total["cell"], all_with.values())
        seen.append(len(all_with))
    assert seen[0] > seen[1] > 0


@pytest.mark.parametrize("target", ["company", "contact"])
async def test_what_became_of_segments(client, target):
    plural = {"company": "companies", "contact": "contacts"}[target]
    reader = await reader_of(client, "segments", plural)
    body = {"name": "C"} if target == "company" else {"last_name": "P"}
    parties = [(await client.made(plural, body))["id"] for _ in range(5)]
    members = {}
    for n in range(3):
        made = await client.made("segments", {"name": f"S{n}", "kind": "static", "target": target})
        members[made["id"]] = parties[n : n + 2]
        path = f"/v1/segments/{made['id']}/members"
        assert (await client.post(path, json={"add": parties[n : n + 2]})).is_success
    await closed_deals(
        client, reader, 16, lambda rng: {f"{target}_id": rng.choice([*parties, None])}
    )
    seen = Counter()
    for turn, api in enumerate((client, reader.api)):
        decided = [one for one in await all_of(api, "deals") if one["status"] != "open"]
        groups = {
            id: [one for one in decided if one[f"{target}_id"] in inside]
            for id, inside in members.items()
        }
        name = "deal_outcomes_by_segment"
        assert not await outcomes_agree(api, name, "segment_id", groups, target=target)
        seen[turn] = sum(map(len, groups.values()))
    assert seen[0] > seen[1] > 0


HIDDEN = (
    *(("product_mix", "order", "lines"), ("attach_rate", "order", "lines")),
    *(("discount_leakage_by_owner", "order", "lines"),),
    *(
        ("deal_outcomes_by_product", "deal", "lines"),
        ("deal_outcomes_by_product", "deal", "amount"),
    ),
    ("deal_outcomes_by_segment", "deal", "closes_on"),
)


@pytest.mark.parametrize(("name", "entity", "field"), HIDDEN)
async def test_what_is_hidden_is_refused(client, name, entity, field):
    masks = {entity: {"hidden": [field]}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    answer = await standard((await member(client, role)).api, name, 403)
    assert answer["code"] == "hidden_field"
