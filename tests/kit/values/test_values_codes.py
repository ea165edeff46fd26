"""Countries, languages, time zones, currencies, domains and URLs."""

import zoneinfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.values import codes
from crm_api.kit.values.errors import BadValue


def refused(function, raw, code):
    with pytest.raises(BadValue) as caught:
        function(raw)
    assert caught.value.code == code
    assert len(caught.value.message) < 200


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("DE", "de DE deu Germany germany Deutschland Allemagne Alemania Германия"),
        ("GB", "GB UK GBR England Великобритания Royaume-Uni"),
        ("US", "US usa U.S.A. America США"),
        ("RU", "RU RUS Russia РФ Россия Russland"),
        ("TR", "Turkey Türkiye Turkiye Türkei Турция"),
        ("GR", "EL GR Greece"),
        ("MM", "MM BU Burma"),
        ("XK", "XK Kosovo"),
    ],
)
def test_countries_by_code_and_name(code, names):
    for name in names.split():
        assert codes.country(name) == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("Côte d’Ivoire", "CI"),
        ("Cote d'Ivoire", "CI"),
        ("the Netherlands", "NL"),
        ("Russian Federation", "RU"),
        ("United States of America", "US"),
        ("Hong Kong", "HK"),
        (" Czech Republic ", "CZ"),
        ("Южная Корея", "KR"),
        ("Congo", "CG"),
    ],
)
def test_countries_with_long_names(raw, code):
    assert codes.country(raw) == code


@pytest.mark.parametrize("raw", ["", "XX", "ZZ", "EU", "UN", "SU", "Atlantis", "D", "x" * 200])
def test_no_country(raw):
    refused(codes.country, raw, "invalid_country")


def test_all_countries_of_iso_3166_and_kosovo_are_known():
    assert len(set(codes._countries().values())) == 250


@pytest.mark.parametrize(
    ("raw", "tag"),
    [
        ("en_US", "en-US"),
        ("en", "en"),
        ("EN-gb", "en-GB"),
        ("zh-hant", "zh-Hant"),
        ("iw", "he"),
        ("de_DE.UTF-8", "de-DE"),
        ("ca_ES@euro", "ca-ES"),
        ("ga", "ga"),
        ("German", "de"),
        ("Deutsch", "de"),
        ("allemand", "de"),
        ("немецкий", "de"),
        ("русский", "ru"),
        ("українська", "uk"),
        ("日本語", "ja"),
        ("Thai", "th"),
        ("American English", "en-US"),
    ],
)
def test_languages(raw, tag):
    assert codes.language(raw) == tag
    assert codes.language(tag) == tag


@pytest.mark.parametrize(
    "raw", ["", "xx", "und", "x-klingon", "qq-ZZ", "Elvish", "en-", "e", "e" * 200, "a\x00b"]
)
def test_no_language(raw):
    with pytest.raises(BadValue) as caught:
        codes.language(raw)
    assert caught.value.code in {"invalid_language", "control_character"}


def test_time_zones():
    assert codes.time_zone("europe/berlin") == "Europe/Berlin"
    assert codes.time_zone(" America/New York ") == "America/New_York"
    assert codes.time_zone("utc") == "UTC"
    for raw in ("", "Mars/Base", "localtime", "Factory", "../etc/passwd", "+03:00"):
        refused(codes.time_zone, raw, "invalid_time_zone")


def test_every_time_zone_is_its_own_name():
    for key in zoneinfo.available_timezones() - {"Factory", "localtime"}:
        assert codes.time_zone(key) == key


def test_currencies():
    assert codes.currency("eur") == "EUR"
    assert codes.currency(" € ") == "EUR"
    assert codes.currency("₽") == "RUB"
    for raw in ("", "$", "XXX", "XTS", "QQQ", "EURO", "¥"):
        refused(codes.currency, raw, "invalid_currency")


@pytest.mark.parametrize(
    ("currency", "expected"),
    [("JPY", 0), ("KWD", 3), ("BHD", 3), ("CLF", 4), ("UYW", 4), ("HUF", 2), ("EUR", 2)],
)
def test_minor_digits(currency, expected):
    assert codes.minor_digits(currency) == expected


def test_minor_digits_of_nothing():
    refused(codes.minor_digits, "QQQ", "invalid_currency")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("https://www.Acme.com/x", "acme.com"),
        ("ACME.com", "acme.com"),
        ("acme.com:8080/x?y#z", "acme.com"),
        ("//acme.co.uk.", "acme.co.uk"),
        ("jo@acme.com", "acme.com"),
        ("www.com", "www.com"),
        ("www.münchen.de", "xn--mnchen-3ya.de"),
        ("printer.local", "printer.local"),
    ],
)
def test_domains(raw, expected):
    assert codes.domain(raw) == expected
    assert codes.domain(expected) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "localhost",
        "1.2.3.4",
        "ftp://a.de",
        "http://[::1",
        "a b.com",
        "acme",
        "x" * 3000,
        "a..b",
    ],
)
def test_no_domain(raw):
    refused(codes.domain, raw, "invalid_domain")


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("acme.com", "https://acme.com"),
        ("HTTP://WWW.Acme.com/Path", "http://www.acme.com/Path"),
        ("https://acme.com:443/", "https://acme.com/"),
        ("http://acme.com:443/", "http://acme.com:443/"),
        ("acme.com:8080/x", "https://acme.com:8080/x"),
        ("https://münchen.de/ä?q=ü#ß", "https://xn--mnchen-3ya.de/%C3%A4?q=%C3%BC#%C3%9F"),
        ("http://acme.com/a%20b", "http://acme.com/a%20b"),
    ],
)
def test_urls(raw, expected):
    assert codes.url(raw) == expected
    assert codes.url(expected) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "javascript:alert(1)",
        "mailto:jo@acme.com",
        "ftp://acme.com",
        "https:acme.com",
        "https://",
        "https://jo:pw@acme.com",
        "https://acme.com:99999",
        "https://acme.com/a b",
        'https://acme.com/"><script>',
        "https://localhost",
        "http://[::1",
        "https://acme.com/" + "x" * 2000,
    ],
)
def test_no_url(raw):
    refused(codes.url, raw, "invalid_url")


@given(st.text(st.characters(exclude_categories=()), max_size=40))
@settings(deadline=None)
def test_only_bad_value_is_raised(raw):
    functions = (
        codes.country,
        codes.language,
        codes.time_zone,
        codes.currency,
        codes.minor_digits,
        codes.domain,
        codes.url,
    )
    for function in functions:
        try:
            function(raw)
        except BadValue:
            continue


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(deadline=None)
def test_a_url_settles_at_once(tail):
    for raw in (f"acme.com/{tail}", f"acme.com?{tail}", f"http://a{tail}.com"):
        try:
            found = codes.url(raw)
        except BadValue:
            continue
        assert codes.url(found) == found
        assert found.isascii()
