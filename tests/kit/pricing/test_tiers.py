"""Prices by quantity.

The numbers of Stripe are those of its documentation of tiered pricing: 1 to 5 units at 7.00, 6 to
10 at 6.50, 11 and more at 6.00 (https://docs.stripe.com/products-prices/pricing-models).
"""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.pricing.tiers import Tier, amount_of, cheaper_more, check_tiers

D = Decimal
STRIPE = [Tier(D(7), D(5)), Tier(D("6.50"), D(10)), Tier(D(6))]


@pytest.mark.parametrize(
    ("quantity", "graduated", "volume"),
    [
        (0, "0", "0"),
        (1, "7", "7"),
        (5, "35", "35"),
        # 5 x 7 + 1 x 6.50; all six at 6.50
        (6, "41.50", "39"),
        # 35 + 5 x 6.50 + 10 x 6 = 35 + 32.50 + 60
        (20, "127.50", "120"),
        (25, "157.50", "150"),
    ],
)
def test_tiers_cost_what_stripe_says(quantity: int, graduated: str, volume: str) -> None:
    assert amount_of(D(quantity), "graduated", STRIPE) == D(graduated)
    assert amount_of(D(quantity), "volume", STRIPE) == D(volume)


def test_fees_are_of_the_tiers_that_are_used() -> None:
    tiers = [Tier(D(1), D(10), flat_fee=D(5)), Tier(D("0.50"), flat_fee=D(2))]
    assert amount_of(D(10), "graduated", tiers) == D(15)
    # 5 + 10 x 1 + 2 + 4 x 0.50
    assert amount_of(D(14), "graduated", tiers) == D(19)
    # 2 + 14 x 0.50
    assert amount_of(D(14), "volume", tiers) == D(9)
    assert amount_of(D(0), "volume", tiers) == D(0)


def test_packages_are_sold_whole() -> None:
    tiers = [Tier(D(5), D(100), package=D(10)), Tier(D(40), package=D(100))]
    # One to ten units are one package; eleven are two.
    assert [amount_of(D(q), "package", tiers) for q in (1, 10, 11, 100)] == [5, 5, 10, 50]
    # 101 units are two packages of a hundred.
    assert amount_of(D(101), "package", tiers) == D(80)


def test_slices_may_be_cut_within_a_unit() -> None:
    assert amount_of(D("5.5"), "graduated", STRIPE) == D("38.25")


def test_more_that_costs_less_is_told() -> None:
    # Ten at 10 are 100; eleven at 8 are 88.
    tiers = [Tier(D(10), D(10)), Tier(D(8))]
    hint = cheaper_more(D(10), "volume", tiers)
    assert hint is not None
    assert (hint.quantity, hint.amount, hint.saves) == (11, 88, 12)
    # Eight at 10 are less than eleven at 8.
    assert cheaper_more(D(8), "volume", tiers) is None
    assert cheaper_more(D(11), "volume", tiers) is None
    assert cheaper_more(D(10), "graduated", tiers) is None


@pytest.mark.parametrize(
    "tiers",
    [
        [],
        [Tier(D(1), D(5))],
        [Tier(D(1)), Tier(D(1))],
        [Tier(D(1), D(5)), Tier(D(1), D(5)), Tier(D(1))],
        [Tier(D(1), D(0)), Tier(D(1))],
        [Tier(D(-1))],
        [Tier(D(1), flat_fee=D(-1))],
        [Tier(D(1), package=D(0))],
    ],
)
def test_tiers_that_leave_a_quantity_without_a_price_are_refused(tiers: list[Tier]) -> None:
    with pytest.raises(ValueError, match=r"tier|price"):
        check_tiers(tiers)


def test_a_quantity_is_not_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        amount_of(D(-1), "volume", STRIPE)


prices = st.decimals(0, 1000, places=4)


@given(
    st.lists(st.tuples(st.integers(1, 100), prices), min_size=1, max_size=5),
    prices,
    st.integers(0, 600),
    st.integers(0, 100),
)
def test_slices_never_cost_less_for_more(
    widths: list[tuple[int, Decimal]], last: Decimal, quantity: int, more: int
) -> None:
    end, tiers = 0, list[Tier]()
    for width, unit in widths:
        end += width
        tiers.append(Tier(unit, D(end)))
    tiers.append(Tier(last))
    check_tiers(tiers)
    less, much = (amount_of(D(q), "graduated", tiers) for q in (quantity, quantity + more))
    assert less <= much
    # Cutting a tier in two at the same price changes nothing.
    first = tiers[0]
    assert first.up_to is not None
    cut = [Tier(first.unit_price, first.up_to / 2), *tiers]
    assert amount_of(D(quantity), "graduated", cut) == less
    hint = cheaper_more(D(quantity), "volume", tiers)
    if hint is not None:
        assert hint.quantity > quantity
        assert hint.amount == amount_of(hint.quantity, "volume", tiers)
        assert hint.amount < amount_of(D(quantity), "volume", tiers)
