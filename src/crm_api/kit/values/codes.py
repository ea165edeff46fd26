"""Standard codes from what people type: countries, languages, time zones, currencies, the web."""

import re
import zoneinfo
from functools import lru_cache
from typing import Literal, cast
from urllib.parse import SplitResult, quote, urlsplit

import langcodes
from babel import Locale
from babel.core import get_global
from babel.numbers import get_currency_precision, list_currencies
from langcodes.tag_parser import LanguageTagError

from crm_api.kit.values import email
from crm_api.kit.values.errors import BadValue, shown
from crm_api.kit.values.names import fold
from crm_api.kit.values.text import clean

_LONGEST_NAME = 100
_LONGEST_URL = 2000
# Earlier locales win where two languages give one name to different things.
_LOCALES = ("en", "de", "fr", "es", "ru")
# CLDR names these too: groupings, test codes and codes only reserved by ISO 3166.
_NOT_COUNTRIES = frozenset(
    ["AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "ZZ"]
)
_COUNTRY_ALIASES = {
    "AE": "uae, emirates",
    "BA": "bosnia",
    "BY": "belorussia, белоруссия",
    "CD": "dr congo, drc, democratic republic of the congo",
    "CG": "congo, republic of the congo",
    "CI": "ivory coast",
    "CN": "prc, peoples republic of china, кнр",
    "CV": "cabo verde",
    "CZ": "czech republic, tschechische republik",
    "GB": "great britain, britain, england, scotland, wales, northern ireland, англия",
    "GR": "el",
    "HK": "hong kong, hongkong, гонконг",
    "KG": "киргизия, kirghizia",
    "KR": "korea, republic of korea, южная корея",
    "LA": "lao",
    "MD": "moldavia, молдавия, republic of moldova",
    "MK": "macedonia",
    "MM": "burma",
    "MO": "macao, macau",
    "NL": "holland, the netherlands",
    "PS": "palestine",
    "RU": "russian federation, рф, российская федерация",
    "SY": "syrian arab republic",
    "SZ": "swaziland",
    "TL": "east timor",
    "TR": "turkey, turkiye",
    "TW": "taiwan",
    "US": "america, united states of america, the united states, сша, соединенные штаты америки",
    "VA": "vatican, holy see",
    "VN": "viet nam",
}
# What the locales above do not say: how the speakers of other languages call their own.
_LANGUAGE_ALIASES = {
    "ar": "العربية", "be": "беларуская", "bg": "български", "cs": "čeština", "da": "dansk",
    "el": "ελληνικά", "et": "eesti", "fa": "فارسی", "fi": "suomi", "he": "עברית", "hi": "हिन्दी",
    "hr": "hrvatski", "hu": "magyar", "hy": "հայերեն", "it": "italiano", "ja": "日本語",
    "ka": "ქართული", "kk": "қазақ тілі", "ko": "한국어", "lt": "lietuvių", "lv": "latviešu",
    "nb": "norsk bokmål", "nl": "nederlands", "no": "norsk", "pl": "polski", "pt": "português",
    "ro": "română", "sk": "slovenčina", "sl": "slovenščina", "sr": "српски", "sv": "svenska",
    "th": "ไทย", "tr": "türkçe", "uk": "українська", "vi": "tiếng việt", "zh": "中文",
}  # fmt: skip
_CURRENCY_SIGNS = {"€": "EUR", "£": "GBP", "₽": "RUB", "₴": "UAH", "₹": "INR", "₸": "KZT"}
_NOT_CURRENCIES = frozenset({"XXX", "XTS"})
_NOT_ZONES = frozenset({"Factory", "localtime"})
_SCHEME = re.compile(r"([a-z][a-z0-9+.\-]*):(?!\d)", re.IGNORECASE)
_UNSAFE_IN_URL = re.compile(r'[\s<>"\\^`{|}]')
_SAFE_IN_URL = "/%:@!$&'()*+,;=~-._?#[]"
_PORTS = {"http": 80, "https": 443}


def country(raw: str) -> str:
    """The ISO 3166 alpha-2 code of a code or a name in English, German, French, Spanish, Russian."""
    if len(raw) > _LONGEST_NAME:
        raise BadValue("invalid_country", f"{shown(raw)} is too long for a country.")
    return _country(raw)


def language(raw: str) -> str:
    """The BCP 47 tag of a tag or of a language's name, such as `en-US` for "en_US"."""
    if len(raw) > _LONGEST_NAME:
        raise BadValue("invalid_language", f"{shown(raw)} is too long for a language.")
    return _language(raw)


def time_zone(raw: str) -> str:
    """The IANA key, whatever the case it was typed in."""
    key = raw.strip().replace(" ", "_").casefold()
    found = _zones().get(key)
    if found is None:
        raise BadValue("invalid_time_zone", f"{shown(raw)} is not an IANA time zone.")
    return found


def currency(raw: str) -> str:
    """The ISO 4217 code of a code in any case or of a sign that belongs to one currency."""
    text = raw.strip()
    code = _CURRENCY_SIGNS.get(text) or text.upper()
    if code not in _currencies():
        raise BadValue("invalid_currency", f"{shown(raw)} is not an ISO 4217 currency.")
    return code


def minor_digits(currency: str) -> int:
    """How many digits the currency has after the point: 2 for EUR, 0 for JPY."""
    if currency not in _currencies():
        raise BadValue("invalid_currency", f"{shown(currency)} is not an ISO 4217 currency.")
    return get_currency_precision(currency)


def domain(raw: str) -> str:
    """The lower-case ASCII host of a URL, a host or an e-mail address, without `www.`."""
    text = clean(raw)
    if len(text) > _LONGEST_URL:
        raise BadValue("invalid_domain", f"{shown(raw)} is too long.")
    parts = _split(text, raw, "invalid_domain")
    host = _host(parts, raw, "invalid_domain")
    bare = host.removeprefix("www.")
    return bare if "." in bare else host


def url(raw: str) -> str:
    """An http or https URL with an ASCII host; `https://` is added where no scheme stands."""
    text = clean(raw)
    if len(text) > _LONGEST_URL or _UNSAFE_IN_URL.search(text):
        raise BadValue("invalid_url", f"{shown(raw)} is not a web address.")
    parts = _split(text, raw, "invalid_url")
    if parts.username is not None:
        raise BadValue("invalid_url", "A web address must not hold a user name.")
    host = _host(parts, raw, "invalid_url")
    try:
        port = parts.port
    except ValueError as mistake:
        raise BadValue("invalid_url", f"{shown(raw)} has no valid port.") from mistake
    if port is not None and port != _PORTS[parts.scheme]:
        host = f"{host}:{port}"
    tail = SplitResult("", "", parts.path, parts.query, parts.fragment).geturl()
    return f"{parts.scheme}://{host}{quote(tail, safe=_SAFE_IN_URL)}"


@lru_cache(maxsize=2048)
def _country(raw: str) -> str:
    found = _countries().get(fold(raw).replace(" ", ""))
    if found is None:
        raise BadValue("invalid_country", f"{shown(raw)} is not a country.")
    return found


@lru_cache(maxsize=1)
def _countries() -> dict[str, str]:
    names: dict[str, str] = {}

    def add(name: str, code: str) -> None:
        names.setdefault(fold(name).replace(" ", ""), code)

    codes = {code for code in _named("territories", "en") if len(code) == 2} - _NOT_COUNTRIES
    for code in sorted(codes):
        add(code, code)
    # Alpha-3 codes and retired alpha-2 codes, where one country took them over.
    for alias, targets in get_global("territory_aliases").items():
        if alias.isalpha() and len(targets) == 1 and targets[0] in codes:
            add(alias, targets[0])
    for code, aliases in _COUNTRY_ALIASES.items():
        for alias in aliases.split(", "):
            add(alias, code)
    for locale in _LOCALES:
        for code, name in _named("territories", locale).items():
            if code in codes:
                add(name, code)
    return names


def _named(kind: Literal["territories", "languages"], locale: str) -> dict[str, str]:
    # Babel declares its locale data with keys of any type.
    return cast("dict[str, str]", getattr(Locale(locale), kind))


@lru_cache(maxsize=2048)
def _language(raw: str) -> str:
    text = clean(raw)
    # "en_US.UTF-8" and "ca_ES@euro" are what operating systems call their locales.
    tag = _tag(re.split(r"[.@]", text)[0]) or _languages().get(fold(text))
    if tag is None:
        raise BadValue("invalid_language", f"{shown(raw)} is not a language.")
    return tag


def _tag(text: str) -> str | None:
    if not text.isascii():
        return None
    try:
        tag = langcodes.standardize_tag(text.replace("_", "-"))
    except LanguageTagError:
        return None
    private = tag.split("-")[0] in {"x", "und", "mul", "mis", "zxx"}
    return tag if not private and langcodes.tag_is_valid(tag) else None


@lru_cache(maxsize=1)
def _languages() -> dict[str, str]:
    names: dict[str, str] = {}
    for locale in _LOCALES:
        for code, name in _named("languages", locale).items():
            tag = _tag(code)
            if tag:
                names.setdefault(fold(name), tag)
    for code, name in _LANGUAGE_ALIASES.items():
        names.setdefault(fold(name), code)
    return names


@lru_cache(maxsize=1)
def _zones() -> dict[str, str]:
    return {key.casefold(): key for key in zoneinfo.available_timezones() - _NOT_ZONES}


@lru_cache(maxsize=1)
def _currencies() -> frozenset[str]:
    return frozenset(list_currencies()) - _NOT_CURRENCIES


def _split(text: str, raw: str, code: str) -> SplitResult:
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() not in _PORTS:
        raise BadValue(code, f"{shown(raw)} does not start with http:// or https://.")
    address = text if scheme else f"https://{text.removeprefix('//')}"
    try:
        return urlsplit(address)
    except ValueError as mistake:
        raise BadValue(code, f"{shown(raw)} is not a web address.") from mistake


def _host(parts: SplitResult, raw: str, code: str) -> str:
    try:
        return email.ascii_domain((parts.hostname or "").rstrip("."))
    except BadValue as mistake:
        raise BadValue(code, f"{shown(raw)} has no valid domain name.") from mistake
