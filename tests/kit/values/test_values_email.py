"""E-mail addresses: the look-up key, and the fast path against the library."""

import email_validator
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_api.kit.values import email
from crm_api.kit.values.email import Email, ascii_domain, is_role, mailbox, normalise
from crm_api.kit.values.errors import BadValue

ADDRESS_CHARS = "aAzZ09._-+!#'/@ <>\"(),:;xn--İéßж。"


@pytest.mark.parametrize(
    ("raw", "value", "key"),
    [
        (
            "John.Doe+news@GoogleMail.com",
            "John.Doe+news@googlemail.com",
            "john.doe+news@googlemail.com",
        ),
        ("x@münchen.de", "x@münchen.de", "x@xn--mnchen-3ya.de"),
        ("x@xn--mnchen-3ya.de", "x@münchen.de", "x@xn--mnchen-3ya.de"),
        ("Иван@почта.рф", "Иван@почта.рф", "иван@xn--80a1acny.xn--p1ai"),
        ("Info@Acme.com", "info@acme.com", "info@acme.com"),
        ("  jo@x.org\n", "jo@x.org", "jo@x.org"),
        ("\ufeffjo@x.org\u00a0", "jo@x.org", "jo@x.org"),
        ("<jo@x.org>", "jo@x.org", "jo@x.org"),
        ("Jo <jo@x.org>", "jo@x.org", "jo@x.org"),
        ('"Smith, J. (CEO)" <J@x.org>', "J@x.org", "j@x.org"),
        ("mailto:jo@x.org?subject=Hello", "jo@x.org", "jo@x.org"),
        ("MAILTO:jo%2Bcrm@x.org", "jo+crm@x.org", "jo+crm@x.org"),
        ("<mailto:jo@x.org>", "jo@x.org", "jo@x.org"),
    ],
)
def test_an_address_has_a_form_to_show_and_a_key(raw, value, key):
    assert normalise(raw) == Email(value, key)


@pytest.mark.parametrize(
    "address",
    [
        "a@example.org",
        "a@x.example",
        "a@corp.local",
        "a@x.test",
        "ü@x.local",
        "a@b.invalid",
        "ü@münchen.test",
    ],
)
def test_special_use_domains_are_accepted(address):
    assert normalise(address).value == address


def test_a_special_use_domain_keeps_its_name_in_the_key():
    assert normalise("Ü@München.TEST") == Email("Ü@münchen.test", "ü@xn--mnchen-3ya.test")


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "jo",
        "@x.org",
        "jo@",
        "jo@localhost",
        "jo@test",
        "jo@local",
        "jo@1.2.3.4",
        "jo@[1.2.3.4]",
        "jo@x..org",
        "j o@x.org",
        ".jo@x.org",
        '"j o"@x.org',
        "jo@-x.org",
        "jo@x.org, al@x.org",
        "Jo <>",
        "a" * 300 + "@x.org",
        "a" * 2000,
    ],
)
def test_other_addresses_are_refused(raw):
    with pytest.raises(BadValue) as caught:
        normalise(raw)
    assert caught.value.code == "invalid_email"
    assert raw[:81] not in caught.value.message or len(raw) < 81


def test_a_mistake_with_many_characters_has_a_short_message():
    with pytest.raises(BadValue) as caught:
        normalise("".join(chr(0x2190 + n) for n in range(30)) + " ()[],;:@x.org")
    assert len(caught.value.message) <= 160


def library(address):
    try:
        found = email_validator.validate_email(address, check_deliverability=False)
    except email_validator.EmailNotValidError:
        return None
    return Email(found.normalized, f"{found.local_part.lower()}@{found.ascii_domain}")


def ours(address):
    try:
        return normalise(address)
    except BadValue:
        return None


LOCAL = st.one_of(
    st.text("abcXYZ019._-+!#'/", min_size=1, max_size=12),
    st.text("aZ0.", min_size=60, max_size=250),
    st.sampled_from(["Info", "SALES", "abuse", "postmaster", "News"]),
)
DOMAIN = st.one_of(
    st.text("abXY01.-", min_size=1, max_size=12),
    st.lists(st.text("abX01-", min_size=1, max_size=70), min_size=1, max_size=5).map(".".join),
    st.sampled_from(["x.org", "X.Org", "xn--mnchen-3ya.de", "ab--c.de", "xn--a.de", "x.test"]),
)


@pytest.fixture
def every_domain(monkeypatch):
    monkeypatch.setattr(email_validator, "SPECIAL_USE_DOMAIN_NAMES", [])


@pytest.mark.usefixtures("every_domain")
class TestAgainstTheLibrary:
    def test_plain_addresses(self):
        @given(LOCAL, DOMAIN)
        @settings(deadline=None, max_examples=400)
        def agree(local, domain):
            assert ours(f"{local}@{domain}") == library(f"{local}@{domain}")

        agree()

    @pytest.mark.parametrize("length", [62, 63, 64])
    def test_label_lengths(self, length):
        address = f"a@{'x' * length}.org"
        assert ours(address) == library(address)

    @pytest.mark.parametrize("length", [252, 253, 254, 255, 256])
    def test_address_lengths(self, length):
        address = "a" * (length - 6) + "@x.org"
        assert ours(address) == library(address)
        domain = ".".join(["x" * 60] * 4)
        address = f"{'a' * (length - len(domain) - 1)}@{domain}"
        assert ours(address) == library(address)


@given(st.text(ADDRESS_CHARS, max_size=20))
@settings(deadline=None)
def test_any_text_is_an_address_or_a_bad_value(raw):
    found = ours(f"{raw}@x.org")
    if found:
        assert normalise(found.value) == found
        assert normalise(found.key).key == found.key


@given(st.text(st.characters(exclude_categories=())))
@settings(deadline=None)
def test_only_bad_value_is_raised(raw):
    ours(raw)
    ours(f"{raw}@{raw}.org")


def test_a_host_alone():
    assert ascii_domain("Acme.COM") == "acme.com"
    assert ascii_domain("Bücher.example") == "xn--bcher-kva.example"
    for host in ("localhost", "a" * 300, "x.org@y.org"):
        with pytest.raises(BadValue):
            ascii_domain(host)


LABELS = st.one_of(
    st.from_regex(r"[a-z0-9]([a-z0-9\-]{0,8}[a-z0-9])?", fullmatch=True),
    st.sampled_from(["xn--80a1acny", "ab--c", "a-", "-a", "a" * 63, "a" * 64, "www", "1"]),
)
TOPS = st.sampled_from(
    ["com", "museum", "c", "1", "a1", "xn--p1ai", "example", "test", "local", "localhost", "arpa"]
)


@given(st.lists(LABELS, min_size=0, max_size=4), TOPS)
@settings(deadline=None, max_examples=500)
def test_a_domain_that_is_plainly_one_is_what_the_library_makes_of_it(labels, top):
    host = ".".join([*labels, top])
    found = outcome(f"jo@{host}")
    email._is_plain_domain.cache_clear()
    email.normalise.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(email, "_LONGEST_HOST", 0)
        assert outcome(f"jo@{host}") == found
    email._is_plain_domain.cache_clear()
    email.normalise.cache_clear()


def outcome(address):
    try:
        return normalise(address)
    except BadValue as error:
        return error.code


@pytest.mark.parametrize(
    ("key", "box"),
    [
        ("john.doe+news@googlemail.com", "johndoe@gmail.com"),
        ("johndoe@gmail.com", "johndoe@gmail.com"),
        ("john.doe+news@outlook.com", "john.doe@outlook.com"),
        ("john@me.com", "john@icloud.com"),
        ("john.doe+news@example.com", "john.doe+news@example.com"),
        ("+@gmail.com", "+@gmail.com"),
    ],
)
def test_mailboxes(key, box):
    assert mailbox(key) == box
    assert mailbox(box) == box


def test_offices_are_no_people():
    assert is_role("info@example.com")
    assert not is_role("ann@example.com")
