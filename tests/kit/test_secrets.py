"""Secrets at rest: the form, the binding to a place, the changing of keys."""

from base64 import urlsafe_b64encode
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit import secrets
from crm_api.kit.secrets import Keyring, Place, Unreadable, key_id

ORGANIZATION = UUID("01990000-0000-7000-8000-000000000001")
ROW = UUID("01990000-0000-7000-8000-000000000002")
PLACE = Place(ORGANIZATION, "accounts", "totp_secret", ROW)
OLD, NEW = b"\x01" * 32, b"\x02" * 32

# Made apart from the code under test, by the cipher in counter mode: the key 01…01 and the nonce
# 00 01 … 0b, with the place above as additional data.
VECTOR_NONCE = bytes(range(12))
VECTOR = "v1.02d25eca.AAECAwQFBgcICQoL.8eTGcXnNQim7IrePEzmQ853S_EA2KNqDNPR6hhQ_dQU"


def test_the_envelope_of_a_known_nonce(monkeypatch):
    monkeypatch.setattr(secrets.os, "urandom", lambda size: VECTOR_NONCE[:size])
    assert Keyring([OLD]).seal("JBSWY3DPEHPK3PXP", PLACE) == VECTOR


def test_the_vector_opens():
    assert Keyring([OLD]).open(VECTOR, PLACE) == "JBSWY3DPEHPK3PXP"


def test_the_cipher_is_the_published_one():
    """Test case 16 of the GCM specification (McGrew and Viega): AES-256, additional data."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    nonce = bytes.fromhex("cafebabefacedbaddecaf888")
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
        "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
    )
    bound = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2")
    sealed = bytes.fromhex(
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
        "76fc6ece0f4e1768cddf8853bb2d551b"
    )
    assert secrets.AESGCM(key).encrypt(nonce, plain, bound) == sealed


@given(st.text(max_size=200))
def test_what_is_sealed_opens_again(secret):
    keyring = Keyring([NEW, OLD])
    envelope = keyring.seal(secret, PLACE)
    assert keyring.open(envelope, PLACE) == secret
    assert secret not in envelope or len(secret) < 8


def test_each_envelope_has_a_nonce_of_its_own():
    keyring = Keyring([OLD])
    assert len({keyring.seal("same", PLACE) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    "elsewhere",
    [
        Place(None, "accounts", "totp_secret", ROW),
        Place(ROW, "accounts", "totp_secret", ROW),
        Place(ORGANIZATION, "providers", "totp_secret", ROW),
        Place(ORGANIZATION, "accounts", "client_secret", ROW),
        Place(ORGANIZATION, "accounts", "totp_secret", ORGANIZATION),
    ],
)
def test_an_envelope_opens_nowhere_else(elsewhere):
    with pytest.raises(Unreadable):
        Keyring([OLD]).open(VECTOR, elsewhere)


def test_any_changed_character_is_noticed():
    keyring = Keyring([OLD])
    for place, character in enumerate(VECTOR):
        for other in ("A", "B"):
            changed = VECTOR[:place] + other + VECTOR[place + 1 :]
            if other != character:
                with pytest.raises(Unreadable):
                    keyring.open(changed, PLACE)


@pytest.mark.parametrize(
    "envelope",
    ["", "v1", "v1.", "v2" + VECTOR[2:], VECTOR[:-1], VECTOR + "=", VECTOR + ".x", "v1.a.b.c", "ÿ"],
)
def test_what_is_no_envelope_is_refused(envelope):
    with pytest.raises(Unreadable):
        Keyring([OLD]).open(envelope, PLACE)


def test_keys_are_changed_without_a_break():
    before, between, after = Keyring([OLD]), Keyring([NEW, OLD]), Keyring([NEW])
    envelope = before.seal("secret", PLACE)
    assert before.is_current(envelope)
    assert not between.is_current(envelope)
    anew = between.seal(between.open(envelope, PLACE), PLACE)
    assert between.is_current(anew)
    assert after.open(anew, PLACE) == "secret"
    with pytest.raises(Unreadable, match=key_id(OLD)):
        after.open(envelope, PLACE)


def test_nothing_is_sealed_without_a_key():
    with pytest.raises(Unreadable):
        Keyring([]).seal("secret", PLACE)
    assert not Keyring([]).is_current(VECTOR)


def test_a_key_is_not_told_by_its_name():
    assert key_id(OLD) != key_id(NEW)
    assert key_id(OLD).encode() not in urlsafe_b64encode(OLD)
