"""Dates, numbers and yes/no from spreadsheets."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.values.dates import parse_bool, parse_date, parse_decimal
from crm_api.kit.values.errors import BadValue

DAYS = st.dates(date(1800, 1, 1), date(2200, 12, 31))
ANY_TEXT = st.text(st.characters(exclude_categories=()))


@pytest.mark.parametrize(
    "raw",
    [
        "1954-02-03",
        " 1954-2-3 ",
        "1954/02/03",
        "19540203",
        "03.02.1954",
        "3.2.1954",
        "3 Feb 1954",
        "3 February 1954",
        "3rd feb. 1954",
        "3-Feb-1954",
        "3Feb1954",
        "Feb 3, 1954",
        "February 3rd 1954",
        "1954-02-03 00:00:00",
        "1954-02-03T00:00:00.000Z",
    ],
)
def test_one_day_in_many_forms(raw):
    assert parse_date(raw) == date(1954, 2, 3)


def test_the_order_of_day_and_month():
    assert parse_date("3/2/1954", day_first=True) == date(1954, 2, 3)
    assert parse_date("3/2/1954", day_first=False) == date(1954, 3, 2)
    assert parse_date("03.02.1954", day_first=False) == date(1954, 3, 2)
    assert parse_date("13/2/1954") == parse_date("2/13/1954") == date(1954, 2, 13)
    assert parse_date("3-3-1954") == date(1954, 3, 3)
    assert parse_date("sept 3 2000") == date(2000, 9, 3)


@pytest.mark.parametrize("raw", ["3/2/1954", "12-11-1954"])
def test_an_ambiguous_date_is_refused(raw):
    with pytest.raises(BadValue) as caught:
        parse_date(raw)
    assert caught.value.code == "ambiguous_date"


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "soon",
        "1954-02-30",
        "1799-12-31",
        "2201-01-01",
        "30.02.1954",
        "1/2/54",
        "32/1/1954",
        "1954-02-03T10:00",
        "3 Foo 1954",
        "1954-02/03",
        "١٩٥٤-٠٢-٠٣",
        "0 Feb 1954",
        "3 Feb 1954" + " " * 80 + "x",
    ],
)
def test_no_date(raw):
    with pytest.raises(BadValue) as caught:
        parse_date(raw)
    assert caught.value.code == "invalid_date"


def test_a_given_order_is_not_bent():
    with pytest.raises(BadValue) as caught:
        parse_date("2/13/1954", day_first=True)
    assert caught.value.code == "invalid_date"


@given(DAYS)
@settings(deadline=None)
def test_every_day_is_read_back(day):
    english = f"{day.day} {day:%B} {day.year}"
    assert parse_date(day.isoformat()) == parse_date(f"{day:%Y%m%d}") == parse_date(english) == day
    assert parse_date(f"{day:%d.%m.%Y}") == parse_date(f"{day:%m/%d/%Y}", day_first=False) == day


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("1234.56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1\u00a0234,56", "1234.56"),
        ("1\u202f234\u202f567,8", "1234567.8"),
        ("1'234.50", "1234.50"),
        ("12,34,567.8", "1234567.8"),
        ("1.234.567", "1234567"),
        ("1,234,567", "1234567"),
        ("€ 1.234,50", "1234.50"),
        ("1.234,50 €", "1234.50"),
        ("EUR 5", "5"),
        ("5USD", "5"),
        ("$-5", "-5"),
        ("-$5", "-5"),
        ("(12.50)", "-12.50"),
        ("($ 12.50)", "-12.50"),
        ("12.50-", "-12.50"),
        ("\N{MINUS SIGN}5", "-5"),
        ("+5", "5"),
        ("1,234", "1234"),
        ("1.234", "1.234"),
        ("0,234", "0.234"),
        ("1234,567", "1234.567"),
        ("1,23", "1.23"),
        (",5", "0.5"),
        ("007", "7"),
        ("9" * 18 + ".123456", "9" * 18 + ".123456"),
    ],
)
def test_numbers(raw, expected):
    assert parse_decimal(raw) == Decimal(expected)
    assert str(parse_decimal(str(parse_decimal(raw)))) == str(parse_decimal(raw))


@pytest.mark.parametrize("raw", ["-0", "(0)", "-0.00", "0-"])
def test_zero_has_no_sign(raw):
    assert not parse_decimal(raw).is_signed()


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "()",
        "$",
        "-",
        ".",
        "5.",
        "abc",
        "NaN",
        "Infinity",
        "1e5",
        "1USD234",
        "1,2,3",
        "1 23,4",
        "1.234,567.8",
        "(-5)",
        "--5",
        "1.1234567",
        "9" * 19,
        "٣",
        "1" * 100,
    ],
)
def test_no_number(raw):
    with pytest.raises(BadValue) as caught:
        parse_decimal(raw)
    assert caught.value.code == "invalid_number"


@given(st.decimals(-(10**12), 10**12, places=2))
@settings(deadline=None)
def test_every_amount_is_read_back(amount):
    english = f"{amount:,}"
    continental = english.replace(",", " ").replace(".", ",")
    german = english.replace(",", "_").replace(".", ",").replace("_", ".")
    assert parse_decimal(english) == parse_decimal(continental) == parse_decimal(german) == amount


@pytest.mark.parametrize("raw", ["yes", "TRUE", "1", "Да", " ja ", "oui", "si", "Sí"])
def test_yes(raw):
    assert parse_bool(raw) is True


@pytest.mark.parametrize("raw", ["no", "False", "0", "нет", "NEIN", "non"])
def test_no(raw):
    assert parse_bool(raw) is False


def test_neither_yes_nor_no():
    with pytest.raises(BadValue) as caught:
        parse_bool("perhaps")
    assert caught.value.code == "invalid_boolean"


@given(st.one_of(ANY_TEXT, st.text("0123456789 ,.-/()$FebT:", max_size=20)))
@settings(deadline=None)
def test_only_bad_value_is_raised(raw):
    for function in (parse_date, parse_decimal, parse_bool):
        try:
            function(raw)
        except BadValue:
            continue
