"""How rules make unit prices; every number is derived beside it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.pricing.methods import Bases, Method, NoBase, formula_of, margin_of, price
from crm_api.kit.values.errors import BadValue

D = Decimal
BASES = Bases(list_price=D("100"), cost=D("60"), parent=D("90"), quantity=D(3))


@pytest.mark.parametrize(
    ("method", "unit"),
    [
        (Method("fixed", D("9.90")), "9.90"),
        (Method("percent", D(-15)), "85"),
        (Method("percent", D(10), base="cost"), "66"),
        (Method("percent", D(-10), base="parent"), "81"),
        # 60 + 25 %
        (Method("cost_plus", D(25)), "75"),
        (Method("formula", formula="list_price * 0.9 - quantity"), "87"),
        (Method("formula", formula="max(cost * 1.2, parent_price)"), "90"),
        (Method("percent", D(-15), surcharge=D("1.50")), "86.50"),
        # 100 - 17 % = 83; to the nearest of …, 79.99, 89.99: 79.99 is 3.01 away, 89.99 is 6.99.
        (Method("percent", D(-17), round_to=D(10), ending=D("-0.01")), "79.99"),
        (Method("percent", D(-50), floor=D(70)), "70"),
        (Method("percent", D(50), ceiling=D(120)), "120"),
        # A margin of 25 % of the price on a cost of 60: 60 / 0.75 = 80.
        (Method("percent", D(-50), min_margin=D(25)), "80"),
        (Method("percent", D(50), max_margin=D(50)), "120"),
        # What is rounded does not leave its bounds.
        (Method("fixed", D(79), round_to=D(10), direction="down", floor=D(75)), "75"),
        (Method("fixed", D(1), surcharge=D(-5)), "0"),
    ],
)
def test_prices_are_made_as_their_rule_says(method: Method, unit: str) -> None:
    assert price(method, BASES).unit == D(unit)


def test_each_step_says_what_it_did() -> None:
    made = price(Method("percent", D(-50), surcharge=D(3), min_margin=D(25)), BASES)
    assert [(one.step, one.before, one.after) for one in made.steps] == [
        ("percent", D(100), D(50)),
        ("surcharge", D(50), D(53)),
        ("floor", D(53), D(80)),
    ]
    assert made.floor == D(80)


@pytest.mark.parametrize(
    ("method", "missing"),
    [
        (Method("percent", D(5)), "list"),
        (Method("cost_plus", D(5)), "cost"),
        (Method("percent", D(5), base="parent"), "parent"),
        (Method("formula", formula="cost * 2"), "formula"),
        (Method("fixed"), "value"),
    ],
)
def test_a_price_is_not_made_of_nothing(method: Method, missing: str) -> None:
    with pytest.raises(NoBase) as failed:
        price(method, Bases())
    assert failed.value.args == (missing,)


@pytest.mark.parametrize("source", ["'a'", "list_price ==", "name", "__import__('os')", "cost > 1"])
def test_formulas_that_make_no_price_are_refused(source: str) -> None:
    with pytest.raises(BadValue):
        formula_of(source)


def test_a_margin_is_part_of_the_price() -> None:
    assert margin_of(D(80), D(60)) == D("25.00")
    assert margin_of(D(0), D(60)) is None


money = st.decimals(0, 10**6, places=4)


@given(money, money, st.decimals(-100, 400, places=2), st.decimals(0, 90, places=2), money)
def test_no_price_is_below_its_floor(
    list_price: Decimal, cost: Decimal, percent: Decimal, margin: Decimal, floor: Decimal
) -> None:
    method = Method("percent", percent, floor=floor, min_margin=margin, round_to=D("0.05"))
    made = price(method, Bases(list_price, cost))
    assert made.floor is not None
    assert made.unit >= made.floor >= floor
    assert made.unit == price(method, Bases(list_price, cost)).unit
