"""Telephone numbers: national, international, with letters and extensions."""

import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.values import phone
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.phone import normalise

REGIONS = st.sampled_from([None, "RU", "US", "DE", "GB", "AU", "BR", "IT", "ZZ"])


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        ("8 (916) 123-45-67", "RU", "+79161234567"),
        ("9161234567", "ru", "+79161234567"),
        ("+7 (701) 123 45 67", None, "+77011234567"),
        ("0049 30 123456", "DE", "+4930123456"),
        ("0049 30 123456", "RU", "+4930123456"),
        ("00 49 (30) 123456", None, "+4930123456"),
        ("(0049) 30/123456", "US", "+4930123456"),
        ("8 10 49 30 123456", "RU", "+4930123456"),
        ("0011 49 30 123456", "AU", "+4930123456"),
        ("+44 (0)20 7946 0018", "RU", "+442079460018"),
        ("+39 06 1234567", None, "+39061234567"),
        ("1-800-FLOWERS", "US", "+18003569377"),
        ("+44 20 7946 0018 ext. 12", None, "+442079460018;ext=12"),
        ("+7 916 123-45-67 доб. 12", None, "+79161234567;ext=12"),
        ("tel:+1-201-555-0123;ext=5", None, "+12015550123;ext=5"),
        ("\uff0b4930123456", None, "+4930123456"),
        ("\u00a0+49\u00a030\u00a0123456", None, "+4930123456"),
    ],
)
def test_numbers_become_e164(raw, region, expected):
    assert normalise(raw, region) == expected
    assert normalise(expected, None) == expected


@pytest.mark.parametrize(
    ("raw", "region", "words"),
    [
        ("", "RU", "not a telephone number"),
        ("call me", "RU", "not a telephone number"),
        ("8 916", "RU", "too short"),
        ("+7 916 123 45 67 8", None, "wrong number of digits"),
        ("+1 201 555 0123 456", None, "too long"),
        ("+999 123456", None, "not a telephone number"),
        ("555-0123", "US", "area code"),
        ("110", "DE", "area code"),
        ("+7 916 1234567, +7 916 7654321", "RU", "not a telephone number"),
        ("1" * 101, "RU", "too long"),
    ],
)
def test_other_numbers_are_refused(raw, region, words):
    with pytest.raises(BadValue) as caught:
        normalise(raw, region)
    assert caught.value.code == "invalid_phone"
    assert words in caught.value.message


@pytest.mark.parametrize("region", [None, "ZZ", ""])
def test_a_national_number_needs_a_country(region):
    with pytest.raises(BadValue) as caught:
        normalise("916 123 45 67", region)
    assert caught.value.code == "missing_country"


def outcome(raw, region):
    try:
        return normalise(raw, region)
    except BadValue as error:
        return error.code, error.message


CODES = st.sampled_from(sorted(map(str, phonenumbers.COUNTRY_CODE_TO_REGION_CODE)))


@given(st.tuples(CODES, st.text("0123456789", min_size=1, max_size=16)), REGIONS)
@settings(deadline=None, max_examples=1_000)
def test_a_number_that_is_e164_already_is_what_the_library_makes_of_it(parts, region):
    raw = "+" + "".join(parts)
    found = outcome(raw, region)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phone, "_is_e164", lambda text: False)
        assert outcome(raw, region) == found


@pytest.mark.parametrize("code", sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE))
def test_the_example_number_of_every_country_is_its_own_form(code):
    region = phonenumbers.region_code_for_country_code(code)
    example = (
        phonenumbers.example_number_for_non_geo_entity(code)
        if region == "001"
        else phonenumbers.example_number(region)
    )
    e164 = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
    assert normalise(e164, None) == e164


@given(st.text("+0123456789 ()-.", max_size=25), REGIONS)
@settings(deadline=None, max_examples=300)
def test_dropping_punctuation_first_changes_nothing(raw, region):
    try:
        expected = phonenumbers.parse(raw, region)
    except phonenumbers.NumberParseException:
        return
    if re.match(r"[ ().\-]*0[ ().\-]*0", raw) or not phonenumbers.is_possible_number(expected):
        return
    try:
        found = normalise(raw, region)
    except BadValue:
        reason = phonenumbers.is_possible_number_with_reason(expected)
        assert reason == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY
        return
    assert found == phonenumbers.format_number(expected, phonenumbers.PhoneNumberFormat.E164)


@given(st.text(st.characters(exclude_categories=()), max_size=120), REGIONS)
@settings(deadline=None)
def test_only_bad_value_is_raised(raw, region):
    for text in (raw, f"+7916{raw}", f"00{raw}"):
        try:
            found = normalise(text, region)
        except BadValue:
            continue
        assert found.startswith("+")


@given(st.integers(200, 989), st.integers(2_000_000, 9_999_999), st.integers(0, 99_999))
@settings(deadline=None)
def test_a_normal_form_stays(area, number, extension):
    found = normalise(f"({area}) {number} x{extension}", "US")
    assert normalise(found, None) == normalise(found, "RU") == found
