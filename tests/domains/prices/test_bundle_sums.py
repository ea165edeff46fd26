"""Bundles, options and what is off a whole quote, against plain sums."""

from dataclasses import replace
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import given
from hypothesis import strategies as st

from crm_api.domains.prices.bundling import cost_of, price_of
from crm_api.domains.prices.choosing import Chooser
from crm_api.domains.prices.gathering import Facts
from crm_api.domains.prices.items import item_of
from crm_api.kit.pricing.discounts import SharedDiscount
from crm_api.kit.pricing.documents import Arithmetic, Document, Line, calculate
from crm_api.kit.pricing.rounding import smallest
from crm_api.kit.pricing.taxes import Tax

D = Decimal
LIST = {"id": "list", "tax_included": False, "currency": "EUR", "parent_id": None}
BREAK = {"price_list_id": "list", "tiers": None, "method": "fixed"}
REST = ("percent", "base", "formula", "surcharge", "round_to", "direction", "ending")
BOUNDS = ("floor", "ceiling", "min_margin", "max_margin", "tier_mode", "valid_from")


def amount(value):
    return int(value * 10_000)


def quantity(value):
    return int(value * 1_000_000)


@st.composite
def catalogues(draw):
    """Products of which each may hold earlier ones, and prices by quantity of a list."""
    products = []
    for place in range(draw(st.integers(2, 7))):
        parts = []
        if place and draw(st.booleans()):
            inside = draw(st.lists(st.integers(0, place - 1), min_size=1, max_size=3, unique=True))
            for one in inside:
                mode = draw(st.sampled_from(["sum", "fixed", "percent"]))
                said = (
                    draw(st.integers(0, 40))
                    if mode == "fixed"
                    else draw(st.sampled_from([0, 10, 50, 100]))
                )
                parts.append((one, draw(st.integers(1, 4)), mode, said))
        own = draw(st.integers(0, 100)) if not parts else draw(st.none() | st.integers(0, 100))
        breaks = draw(st.dictionaries(st.sampled_from([3, 5, 20]), st.integers(0, 100), max_size=2))
        products.append((own, parts, breaks, draw(st.integers(0, 30))))
    return products


def facts_of(products):
    rows, parts, rules = {}, {}, {}
    for place, (own, inside, breaks, cost) in enumerate(products):
        id = str(place)
        rows[id] = {
            "id": id, "currency": "EUR", "tax_category": None, "category_id": None, "unit_id": None,
            "list_price": None if own is None else amount(own),
            "cost": None if inside else amount(cost),
        }  # fmt: skip
        if inside:
            parts[id] = [
                {
                    "id": f"{id}-{one}", "component_id": str(one), "variant_id": None,
                    "quantity": quantity(count), "price_mode": mode, "is_optional": False,
                    "price": amount(said) if mode == "fixed" else None,
                    "percent": quantity(said) if mode == "percent" else None,
                }
                for one, count, mode, said in inside
            ]  # fmt: skip
        of_list = [
            dict.fromkeys((*REST, *BOUNDS))
            | BREAK
            | {"id": f"{id}@{least}", "target_id": id, "min_quantity": quantity(least)}
            | {"unit_price": amount(price)}
            for least, price in sorted(breaks.items(), reverse=True)
        ]
        if of_list:
            rules["list", id] = of_list
    empty = {"parents": {}, "units": {}, "taxes": [], "promotions": [], "coupons": {}}
    return Facts(
        products=rows, variants={}, lists={"list": LIST}, asked=[LIST], policies=[],
        knows_company=True, parts=parts, rules=rules, **empty,
    )  # fmt: skip


def unit_of(products, place, count):
    """What one costs, of so many: by its list or itself, and what is in it."""
    own, inside, breaks, _ = products[place]
    reached = [least for least in breaks if least <= count]
    whole = D(breaks[max(reached)] if reached else own or 0)
    for one, each, mode, said in inside:
        if mode == "fixed":
            whole += each * D(said)
        else:
            share = D(said) / 100 if mode == "percent" else D(1)
            whole += each * share * unit_of(products, one, count * each)
    return whole


def cost(products, place):
    _, inside, _, own = products[place]
    return sum((each * cost(products, one) for one, each, _, _ in inside), D(0)) if inside else own


@given(catalogues(), st.data())
def test_a_bundle_costs_what_is_in_it(products, data):
    place = data.draw(st.integers(0, len(products) - 1))
    count = data.draw(st.sampled_from([D(0), D(1), D(2), D(3), D("4.5"), D(20)]))
    facts = facts_of(products)
    chooser = Chooser(facts, "EUR", {})
    item = item_of(facts, facts.products[str(place)], None, count)
    found, should = price_of(chooser, item), unit_of(products, place, count)
    # Percentages of percentages have more decimals than unit prices: each level is rounded once.
    assert abs(found.unit - should) <= D("0.0001") * 500
    if (
        all(
            said in {0, 50, 100} or mode == "fixed"
            for _, p, _, _ in products
            for _, _, mode, said in p
        )
        and len(products) < 5
    ):
        assert found.unit == should
    assert found.amount is None
    assert cost_of(chooser, item) == cost(products, place)
    if found.components is not None:
        first = found.steps[-1]
        assert first["before"] + sum(one["amount"] for one in found.components) == found.unit


lines = st.builds(
    Line,
    st.decimals(0, 100, places=2),
    st.decimals(0, 1000, places=4),
    taxes=st.sampled_from(
        [(), (Tax("19", D(19)),), (Tax("5", D(5)), Tax("9", D("9.5"), compound=True))]
    ),
    tax_included=st.booleans(),
    is_optional=st.booleans(),
    unit_floor=st.none() | st.decimals(0, 1000, places=2),
)
offs = st.builds(SharedDiscount, st.just("document"), st.decimals(0, 100, places=2)) | st.builds(
    SharedDiscount, st.just("document"), amount=st.decimals(0, 5000, places=0)
)


@given(
    st.lists(lines, min_size=1, max_size=5),
    st.lists(offs, max_size=3),
    st.sampled_from(["JPY", "EUR", "KWD"]),
    st.data(),
)
def test_options_and_what_is_off_all(given_lines, shared, currency, data):
    """Whatever is chosen, all adds up; and at their most discounts are those of an option alone."""
    chosen = [
        replace(one, counts=not one.is_optional or data.draw(st.booleans())) for one in given_lines
    ]
    rules, step = Arithmetic(currency), smallest(currency)
    found = calculate(Document(rules, chosen, shared))
    counted = [done for done, line in zip(found.lines, chosen, strict=True) if line.counts]
    left = listed = sum((done.list_amount for done in counted), D(0))
    for off in shared:
        taken = left * off.percent / 100 if off.percent is not None else off.amount
        left -= min(left, taken.quantize(step, ROUND_HALF_UP))
    totals = found.totals
    assert (totals.list_amount, totals.discount) == (listed, listed - left)
    assert sum(done.amount for done in counted) == left
    assert sum(done.gross for done in counted) == totals.gross == totals.net + totals.tax
    for place, line in enumerate(chosen):
        if not line.is_optional:
            continue
        alone = [
            replace(one, counts=not one.is_optional or n == place) for n, one in enumerate(chosen)
        ]
        should = calculate(Document(rules, alone, shared)).lines[place]
        taken, alone = (
            sum(one.amount for one in found)
            for found in (found.lines[place].most_taken, should.discounts)
        )
        # Shared out anew it may get another odd coin, of each discount; of amounts it takes more.
        odd = 2 * step * len(shared)
        assert taken >= alone - odd
        if all(off.percent is not None for off in shared):
            assert taken <= alone + odd
