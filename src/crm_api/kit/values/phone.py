"""Telephone numbers in E.164, with the extension kept as RFC 3966 writes it."""

import re
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberFormat, ValidationResult

from crm_api.kit.values.errors import BadValue, shown
from crm_api.kit.values.text import clean

_LONGEST_INPUT = 100
_ORDINARY = re.compile(r"\+?[0-9 ().\-]+")
_PUNCTUATION = str.maketrans("", "", " ().-")
_DOUBLE_ZERO = re.compile(r"[\s(]*00[\s().\-/]*(?=[1-9])")
_PLUSES = ("+", "\N{FULLWIDTH PLUS SIGN}")
_FULL = re.compile(r"\+[1-9][0-9]{4,16}")
_MISTAKES = {
    ValidationResult.TOO_SHORT: "is too short for a telephone number.",
    ValidationResult.TOO_LONG: "is too long for a telephone number.",
    ValidationResult.INVALID_LENGTH: "has the wrong number of digits.",
    # Such a number rings only inside one town: in E.164 it would be somebody else's.
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks the area code.",
}


def normalise(raw: str, region: str | None) -> str:
    """`+79161234567` or `+442079460018;ext=12`; `region` (alpha-2) reads national forms."""
    if len(raw) > _LONGEST_INPUT:
        raise BadValue("invalid_phone", "The telephone number is too long.")
    text = clean(raw)
    if _ORDINARY.fullmatch(text):
        # The library's patterns take a third longer on punctuation they drop anyway.
        text = text.translate(_PUNCTUATION)
        if _is_e164(text):
            return text
    home = _home(region)
    if _DOUBLE_ZERO.match(text) and not _dials_double_zero(home, text):
        text = _DOUBLE_ZERO.sub("+", text, count=1)
    number = _parsed(text, home)
    reason = phonenumbers.is_possible_number_with_reason(number)
    if reason != ValidationResult.IS_POSSIBLE:
        words = _MISTAKES.get(reason, "is not a telephone number.")
        raise BadValue("invalid_phone", f"{shown(raw)} {words}")
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def _is_e164(text: str) -> bool:
    """Whether the library would hand the number back as it is: no prefix to drop, a good length.

    Most numbers are such, and to have them parsed takes thirty times as long.
    """
    rule = _rule(text[1:4]) if _FULL.fullmatch(text) else None
    if rule is None:
        return False
    start, lengths, dropped = rule
    return len(text) in lengths and (dropped is None or not dropped.match(text[start:]))


@lru_cache(maxsize=1024)
def _rule(digits: str) -> tuple[int, frozenset[int], re.Pattern[str] | None] | None:
    """Where the national part begins after these digits, how long a number is, what is dropped."""
    for size in (1, 2, 3):
        code = int(digits[:size])
        if code in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
            region = phonenumbers.region_code_for_country_code(code)
            metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region)
            if metadata is None or metadata.general_desc is None:
                return None
            kinds = metadata.general_desc
            lengths = {*kinds.possible_length} - {*kinds.possible_length_local_only}
            prefix = metadata.national_prefix_for_parsing
            start = 1 + size
            whole = frozenset(start + length for length in lengths)
            return start, whole, re.compile(prefix) if prefix else None
    return None


def _parsed(text: str, home: str | None) -> phonenumbers.PhoneNumber:
    try:
        return phonenumbers.parse(text, home)
    except NumberParseException as mistake:
        unknown = mistake.error_type == NumberParseException.INVALID_COUNTRY_CODE
        if unknown and home is None and not text.startswith(_PLUSES):
            raise BadValue(
                "missing_country",
                f"{shown(text)} needs a country: start it with + and the country code.",
            ) from mistake
        raise BadValue("invalid_phone", f"{shown(text)} is not a telephone number.") from mistake


@lru_cache(maxsize=512)
def _home(region: str | None) -> str | None:
    known = region.upper() if region else None
    return known if known in phonenumbers.SUPPORTED_REGIONS else None


def _dials_double_zero(home: str | None, text: str) -> bool:
    # Australia dials 0011 and Brazil 00xx: there the library knows where the prefix ends.
    prefix = _dialling_prefix(home) if home else None
    return prefix is not None and prefix.match(re.sub(r"\D", "", text)) is not None


@lru_cache(maxsize=512)
def _dialling_prefix(home: str) -> re.Pattern[str] | None:
    metadata = PhoneMetadata.metadata_for_region(home)
    prefix = metadata.international_prefix if metadata else None
    return re.compile(prefix) if prefix else None
