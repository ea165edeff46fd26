"""How documents are worded, and how they write numbers, amounts and days, in each language."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from babel.numbers import NumberPattern, format_currency, get_currency_symbol, parse_pattern

from crm_api.kit.documents.directions import isolated
from crm_api.kit.values.codes import minor_digits

FALLBACK = "en"
_MAX_DECIMALS = 6
_MINUS = "−"
"""As wide as a digit and never at the end of a line, unlike a hyphen."""


class UnevenDigits(ValueError):
    """An amount has more decimals than its currency: it was not rounded where it was computed."""


@dataclass(frozen=True, slots=True)
class Language:
    """One language of a package's documents, as somebody asked for it."""

    tag: str
    """As asked for, which decides the forms of characters and the breaking of words."""
    locale: Locale
    labels: Mapping[str, str]

    def amount(self, value: Decimal, currency: str) -> str:
        """Digits of the currency, without its sign."""
        digits = minor_digits(currency)
        return self._number(_exact(value, currency), digits, digits)

    def coins(self, value: Decimal) -> str:
        """An amount of a currency that stands elsewhere, with two decimals, as JSON has it."""
        return self._number(round(value, 2), 2, 2)

    def money(self, value: Decimal, currency: str) -> str:
        """An amount with the sign of its currency, where the language puts it."""
        shown = format_currency(_exact(value, currency), currency, locale=self.locale)
        return shown.replace("-", _MINUS)

    def price(self, value: Decimal, currency: str) -> str:
        """A price of a unit, which may be finer than the currency."""
        return self._number(value, minor_digits(currency), _MAX_DECIMALS)

    def quantity(self, value: Decimal) -> str:
        """A number without idle zeros."""
        return self._number(value, 0, _MAX_DECIMALS)

    def percent(self, value: Decimal) -> str:
        """Hundredths, such as 19 for 19 %."""
        pattern = _pattern(self.locale.percent_formats[None].pattern, 0, _MAX_DECIMALS)
        return pattern.apply(value / 100, self.locale)

    def sign(self, currency: str) -> str:
        """The sign of a currency, such as €."""
        return get_currency_symbol(currency, locale=self.locale)

    def day(self, value: date) -> str:
        """A day, with its month in words."""
        return format_date(value, "long", locale=self.locale)

    def weekday(self, value: date) -> str:
        """A day with its name: Monday, December 7, 2026."""
        return format_date(value, "full", locale=self.locale)

    def label(self, name: str, /, **values: str) -> str:
        """A wording, with what is put into it, which keeps its own direction."""
        return self.labels[name].format(**isolated(values))

    def _number(self, value: Decimal, least: int, most: int) -> str:
        pattern = _pattern(self.locale.decimal_formats[None].pattern, least, most)
        return pattern.apply(value, self.locale).replace("-", _MINUS)


def language(package: str, tag: str) -> Language:
    """The language of a package that is nearest to a tag; English where there is none."""
    wordings = _wordings(package)
    wanted = tag.replace("_", "-")
    short = wanted.split("-", maxsplit=1)[0].lower()
    for name in (wanted.lower(), short):
        if name in wordings:
            return Language(wanted, _locale(wanted, short), wordings[name])
    return Language(wanted, _locale(FALLBACK, FALLBACK), wordings[FALLBACK])


def is_leftward(tag: str) -> bool:
    """Whether a language is written from right to left, whatever language its wording falls to."""
    try:
        return Locale.parse(tag, sep="-").text_direction == "rtl"
    except (UnknownLocaleError, ValueError):
        return False


def languages(package: str) -> Mapping[str, Mapping[str, str]]:
    """The wordings of a package by language: its files `languages/*.toml`."""
    return _wordings(package)


@cache
def _wordings(package: str) -> dict[str, Mapping[str, str]]:
    found: dict[str, Mapping[str, str]] = {}
    for file in sorted((files(package) / "languages").iterdir(), key=lambda one: one.name):
        name, dot, kind = file.name.rpartition(".")
        if dot and kind == "toml":
            found[name.lower()] = tomllib.loads(file.read_text("utf-8"))
    return found


@cache
def _pattern(text: str, least: int, most: int) -> NumberPattern:
    # One of its own: those of the locale are shared with all who format numbers.
    pattern = parse_pattern(text)
    pattern.frac_prec = (least, most)
    return pattern


def _locale(tag: str, short: str) -> Locale:
    try:
        return Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse(short)


def _exact(value: Decimal, currency: str) -> Decimal:
    # Formatting would round half to even, and without a word.
    fitted = value.quantize(Decimal(1).scaleb(-minor_digits(currency)))
    if fitted != value:
        raise UnevenDigits(f"{value} has more decimals than {currency}")
    return fitted
