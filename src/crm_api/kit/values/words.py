"""The words by which texts are found: in any usual spelling, as parts of addresses and numbers."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata

from crm_api.kit.values.names import forms_of, indexed_forms, words_of

NAMED, SPELLED, OTHER = "abd"
_MOST_WORDS = 64
_MOST_ASKED = 12
_LONGEST_TEXT = 4_000
_LONGEST_QUERY = 400
_LONGEST_HOST = 60
_LONGEST_TAG = 60
# Shorter words are similar to too many.
_LEAST_LIKE = 4
# Two digits end one number in a hundred.
_LEAST_END = 4
BACKWARDS = "~"
"""Begins the digits of a number from its end."""

_NUMBER = re.compile(r"\+(\d{5,15})(?:;ext=\d+)?")
# Its last name begins with a letter, which tells it from a number with dots.
_HOST = r"[^\W_](?:[\w-]*[^\W_])?(?:\.[\w-]+)*\.[^\W\d_][\w-]*"
_WHOLE_HOST = re.compile(_HOST)
_ADDRESS = re.compile(rf"([^\s@,;<>\"]+)@({_HOST})")
_PLACE = re.compile(rf"(?<![\w.@])({_HOST})(?![\w@])|@({_HOST})")
_DIGITS = re.compile(r"(?<![\w.@])\+?[\s(]{0,2}\d[\d\s().\-/]*(?![\w@])")


@dataclass(frozen=True)
class Asked:
    """One thing that is asked for: any of the alternatives, each of them all its words."""

    alternatives: tuple[tuple[str, ...], ...]
    likes: tuple[str, ...] = ()
    """The spellings by which similar names are found, if it may be mistyped."""

    @property
    def whole(self) -> tuple[tuple[str, ...], ...]:
        """The alternatives that are whole words of a record, not the end of a number."""
        return tuple(a for a in self.alternatives if a[0][0] != BACKWARDS)


def index_words(names: Iterable[str], others: Iterable[str] = ()) -> list[str]:
    """Words to index, each after the letter that says what it is; names come first.

    The letters are `NAMED`, the merged spelling of a name, `SPELLED`, its other ones, and `OTHER`.
    A word that is a name is not repeated as another.
    """
    found: dict[str, str] = {}
    for text in names:
        for word in words_of(text[:_LONGEST_TEXT]):
            if len(found) >= _MOST_WORDS:
                break
            for form, kind in _named(word):
                if kind == NAMED or form not in found:
                    found[form] = kind
    for text in others:
        if len(found) >= _MOST_WORDS:
            break
        for word in _other_words(text):
            found.setdefault(word, OTHER)
    return [kind + word for word, kind in list(found.items())[:_MOST_WORDS]]


@lru_cache(maxsize=16_384)
def _named(word: str) -> tuple[tuple[str, str], ...]:
    kinds = dict.fromkeys(indexed_forms(word), SPELLED)
    return tuple((kinds | dict.fromkeys(forms_of(word.replace("'", ""))[-1:], NAMED)).items())


def ask(text: str, country: str | None = None) -> list[Asked]:
    """What a typed text asks for; every one of these must be found.

    `country` says which digits a national number begins with.
    """
    text = text[:_LONGEST_QUERY]
    found: list[Asked] = []

    def address(match: re.Match[str]) -> str:
        found.extend(_asked_words(match[1]))
        found.append(Asked(((_host(match[2]),),)))
        return " "

    def place(match: re.Match[str]) -> str:
        host = match[1] or match[2]
        parts = tuple(form for word in words_of(host) for form in forms_of(word)[-1:])
        found.append(Asked(((_host(host),), *((parts,) if parts and match[1] else ()))))
        return " "

    def digits(match: re.Match[str]) -> str:
        found.append(_asked_number(match[0], country))
        return " "

    if "@" in text or "." in text:
        text = _PLACE.sub(place, _ADDRESS.sub(address, text))
    found.extend(_asked_words(_DIGITS.sub(digits, text)))
    return list(dict.fromkeys(found))[:_MOST_ASKED]


def _asked_words(text: str) -> list[Asked]:
    found: list[Asked] = []
    for word in words_of(text):
        plain = word.replace("'", "")
        forms = forms_of(plain)
        if forms:
            likes = (form for form in forms if len(form) >= _LEAST_LIKE and form.isalpha())
            found.append(Asked(tuple((form,) for form in forms), tuple(likes)))
    return found


def _asked_number(text: str, country: str | None) -> Asked:
    # Numbers are stored in European digits, whatever the digits of who asks.
    text = "".join(str(int(char)) if char.isdecimal() else char for char in text)
    chunks = tuple(re.findall(r"\d+", text))
    whole = "".join(chunks)
    forms = [whole]
    if whole.startswith("00"):
        forms.append(whole[2:])
    elif "+" not in text:
        trunk = _trunk_prefix(country)
        forms += [whole.removeprefix(prefix) for prefix in (trunk, "0") if whole != prefix]
    alternatives: list[tuple[str, ...]] = [(form,) for form in dict.fromkeys(forms) if form]
    if len(whole) >= _LEAST_END:
        alternatives.append((BACKWARDS + whole[::-1],))
    if len(chunks) > 1:
        alternatives.append(chunks)
    return Asked(tuple(alternatives))


def _other_words(text: str) -> Iterable[str]:
    number = _NUMBER.fullmatch(text)
    if number is not None:
        return _number_words(number[1])
    if "@" in text:
        address = _ADDRESS.fullmatch(text)
        if address is not None:
            local = (form for word in words_of(address[1]) for form in indexed_forms(word))
            return (*local, *_host_words(address[2]))
    if "." in text and _WHOLE_HOST.fullmatch(text):
        return _host_words(text)
    # Titles and tags repeat.
    return _plain_words(text) if len(text) <= _LONGEST_TAG else _all_forms(text)


def _all_forms(text: str) -> tuple[str, ...]:
    return tuple(f for word in words_of(text[:_LONGEST_TEXT]) for f in indexed_forms(word))


_plain_words = lru_cache(maxsize=8_192)(_all_forms)


def _number_words(number: str) -> tuple[str, ...]:
    # With the country's code, without it, and from its end.
    return number, number[_code_length(number[:3]) :], BACKWARDS + number[::-1]


@cache
def _code_length(digits: str) -> int:
    return next((n for n in (1, 2, 3) if int(digits[:n]) in COUNTRY_CODE_TO_REGION_CODE), 0)


@lru_cache(maxsize=16_384)
def _host_words(host: str) -> tuple[str, ...]:
    # Each name of a domain, and the domain from each of them on; "com" alone says nothing.
    host = _host(host)
    labels = host.split(".")
    single = (form for label in labels[:-1] for word in words_of(label) for form in forms_of(word))
    ends = (".".join(labels[n:]) for n in range(len(labels) - 1))
    return tuple(dict.fromkeys((*ends, *single)))


def _host(text: str) -> str:
    return text.lower().replace("_", "-")[:_LONGEST_HOST]


@cache
def _trunk_prefix(country: str | None) -> str:
    metadata = PhoneMetadata.metadata_for_region(country) if country else None
    return (metadata and metadata.national_prefix) or "0"
