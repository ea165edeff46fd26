"""Rounding and sharing out, by vectors that are derived by hand and by laws for all amounts."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit.pricing.rounding import (
    exact,
    in_cash,
    rounded,
    rounded_unit,
    smallest,
    spread,
    to_multiple,
)

CURRENCIES = ["JPY", "EUR", "KWD", "CLF", "HUF", "RUB"]


def decimals(*texts: str) -> list[Decimal]:
    return [Decimal(text) for text in texts]


@pytest.mark.parametrize(
    ("currency", "step"),
    # ISO 4217: the yen has no minor unit, the dinar three decimals, the Unidad de Fomento four.
    [("JPY", "1"), ("EUR", "0.01"), ("KWD", "0.001"), ("CLF", "0.0001"), ("HUF", "0.01")],
)
def test_the_smallest_amount_is_that_of_the_currency(currency: str, step: str) -> None:
    assert smallest(currency) == Decimal(step)


@pytest.mark.parametrize(
    ("amount", "up", "even"),
    # Half-way goes away from zero, or to the even neighbour; 2.675 is no float's 2.67.
    [
        ("2.675", "2.68", "2.68"),
        ("2.665", "2.67", "2.66"),
        ("-2.665", "-2.67", "-2.66"),
        ("2.6649", "2.66", "2.66"),
    ],
)
def test_half_way_is_rounded_as_the_mode_says(amount: str, up: str, even: str) -> None:
    assert str(rounded(Decimal(amount), "EUR")) == up
    assert str(rounded(Decimal(amount), "EUR", "half_even")) == even


@pytest.mark.parametrize("number", [1.1, True, float("nan"), [], None])
def test_only_decimals_are_numbers_of_prices(number: object) -> None:
    with pytest.raises(TypeError):
        exact(number)


def test_what_is_not_finite_is_no_price() -> None:
    with pytest.raises(ValueError, match="finite"):
        exact("NaN")


@pytest.mark.parametrize(
    ("total", "weights", "step", "shares"),
    [
        # A third is 33.333…: the first of three that lose alike gets the cent that is left.
        ("100.00", "1 1 1", "0.01", "33.34 33.33 33.33"),
        ("-10.00", "1 1 1", "0.01", "-3.34 -3.33 -3.33"),
        # Quotas 1.5 and 3.5 cents lose half a cent each: the first gets it, whichever it is.
        ("0.05", "3 7", "0.01", "0.02 0.03"),
        ("0.05", "7 3", "0.01", "0.04 0.01"),
        ("1000", "1 1 1", "1", "334 333 333"),
        # 0.1 of a cent each is lost by the small ones, and 0.8 by the large one.
        ("10.00", "99.99 0.01 0.01", "0.01", "10.00 0.00 0.00"),
        # Quotas 1/3, 4/3 and 1/3: the remainders are the same third, so the first of them wins.
        ("2", "1 4 1", "1", "1 1 0"),
        ("0", "0 0", "0.01", "0 0"),
    ],
)
def test_totals_are_shared_out_by_largest_remainder(
    total: str, weights: str, step: str, shares: str
) -> None:
    found = spread(Decimal(total), decimals(*weights.split()), Decimal(step))
    assert found == decimals(*shares.split())


@pytest.mark.parametrize(
    ("total", "weights"), [("1.00", ["0", "0"]), ("1.00", ["-1", "2"]), ("0.005", ["1", "1"])]
)
def test_what_cannot_be_shared_out_is_refused(total: str, weights: list[str]) -> None:
    with pytest.raises(ValueError, match="share"):
        spread(Decimal(total), decimals(*weights), Decimal("0.01"))


@pytest.mark.parametrize(
    ("price", "multiple", "direction", "ending", "expected"),
    [
        ("12.34", "0.05", "nearest", "0", "12.35"),
        ("12.31", "0.05", "up", "0", "12.35"),
        ("12.34", "0.05", "down", "0", "12.30"),
        ("12.40", "1", "nearest", "0.99", "11.99"),
        ("12.40", "1", "up", "0.99", "12.99"),
        ("12.40", "1", "down", "0.99", "11.99"),
        ("1234", "10", "nearest", "-0.01", "1229.99"),
        ("1235.50", "10", "nearest", "-0.01", "1239.99"),
    ],
)
def test_prices_go_to_multiples_and_endings(
    price: str, multiple: str, direction: str, ending: str, expected: str
) -> None:
    found = to_multiple(Decimal(price), Decimal(multiple), direction, Decimal(ending))  # pyright: ignore[reportArgumentType]
    assert found == Decimal(expected)


def test_a_multiple_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above zero"):
        to_multiple(Decimal(1), Decimal(0))


@pytest.mark.parametrize(
    ("amount", "paid"),
    # The Swiss rule: up to 2.4 rappen down, from 2.5 up, to the next five.
    [("9.92", "9.90"), ("9.93", "9.95"), ("9.97", "9.95"), ("9.98", "10.00")],
)
def test_cash_is_paid_in_the_smallest_coin(amount: str, paid: str) -> None:
    assert str(in_cash(Decimal(amount), Decimal("0.05"), "CHF")) == paid


def test_unit_prices_are_finer_than_amounts() -> None:
    assert rounded_unit(Decimal("8.49155")) == Decimal("8.4916")


weights = st.lists(st.decimals(0, 10**9, places=4), min_size=1, max_size=30).filter(any)


@given(st.integers(-(10**15), 10**15), weights, st.sampled_from(CURRENCIES))
def test_shares_are_the_total_and_no_further_than_a_step_from_their_quota(
    steps: int, weights: list[Decimal], currency: str
) -> None:
    step = smallest(currency)
    shares = spread(steps * step, weights, step)
    assert sum(shares) == steps * step
    whole = sum(weights)
    assert all(
        abs(share / step * whole - steps * weight) < whole * Decimal("1.000001")
        for share, weight in zip(shares, weights, strict=True)
    )
    assert spread(-steps * step, weights, step) == [-share for share in shares]


@given(st.integers(0, 10**9), weights)
def test_a_larger_weight_never_gets_less(steps: int, weights: list[Decimal]) -> None:
    shares = spread(Decimal(steps), weights, Decimal(1))
    ordered = sorted(zip(weights, shares, strict=True))
    assert all(left[1] <= right[1] or left[0] == right[0] for left, right in pairwise(ordered))


@given(st.decimals(-(10**9), 10**9, places=6), st.sampled_from(CURRENCIES))
def test_rounding_again_changes_nothing(amount: Decimal, currency: str) -> None:
    once = rounded(amount, currency)
    assert rounded(once, currency) == once
    assert rounded(-amount, currency) == -once
    assert abs(once - amount) * 2 <= smallest(currency)


@given(
    st.decimals(0, 10**6, places=4),
    st.decimals("0.01", 1000, places=2),
    st.decimals(-1, 1, places=2),
)
def test_prices_at_a_multiple_stay(price: Decimal, multiple: Decimal, ending: Decimal) -> None:
    nearest, up, down = (
        to_multiple(price, multiple, way, ending)
        for way in ("nearest", "up", "down")  # pyright: ignore[reportArgumentType]
    )
    assert down <= price <= up
    assert nearest in {down, up}
    assert to_multiple(nearest, multiple, ending=ending) == nearest
