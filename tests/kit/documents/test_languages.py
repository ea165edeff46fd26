"""Numbers, amounts and days as each language writes them."""

from datetime import date
from decimal import Decimal

import pytest

from crm_api.kit.documents.languages import UnevenDigits, language

PACKAGE = "crm_api.platform.proposals"


@pytest.mark.parametrize(
    ("tag", "money", "amount", "percent", "day"),
    [
        ("en", "€1,234.50", "−1,234,567.00", "7.7%", "January 2, 2026"),
        ("en-GB", "€1,234.50", "−1,234,567.00", "7.7%", "2 January 2026"),
        ("de", "1.234,50\xa0€", "−1.234.567,00", "7,7\xa0%", "2. Januar 2026"),
        ("de-CH", "EUR\xa01’234.50", "−1’234’567.00", "7.7%", "2. Januar 2026"),
        ("ru", "1\xa0234,50\xa0€", "−1\xa0234\xa0567,00", "7,7\xa0%", "2 января 2026\u202fг."),
        # There is no wording in Japanese: all of it is in English then.
        ("ja", "€1,234.50", "−1,234,567.00", "7.7%", "January 2, 2026"),
    ],
)
def test_figures_by_language(tag, money, amount, percent, day):
    words = language(PACKAGE, tag)
    assert words.money(Decimal("1234.5"), "EUR") == money
    assert words.amount(Decimal(-1234567), "EUR") == amount
    assert words.percent(Decimal("7.700")) == percent
    assert words.day(date(2026, 1, 2)).replace("\xa0", "\u202f") == day.replace("\xa0", "\u202f")


def test_digits_are_those_of_the_currency():
    words = language(PACKAGE, "en")
    assert words.money(Decimal(1234), "JPY") == "¥1,234"
    assert words.amount(Decimal("1.5"), "KWD") == "1.500"
    assert words.price(Decimal("0.0125"), "EUR") == "0.0125"
    assert words.price(Decimal(3), "EUR") == "3.00"
    assert words.quantity(Decimal("12.500")) == "12.5"
    # Half of a yen is not rounded on paper.
    with pytest.raises(UnevenDigits):
        words.money(Decimal("1234.5"), "JPY")
