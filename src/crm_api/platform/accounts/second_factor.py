"""Codes of an authenticator (RFC 6238), and the codes for those who have lost theirs."""

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from pyotp import random_base32
from pyotp.totp import TOTP

from crm_api.kit.db.database import Database
from crm_api.kit.secrets import Place
from crm_api.kit.tokens import keyed_hash, same
from crm_api.platform.accounts.store import Account

ISSUER = "crm-api"
STEP_S = 30
_SKEW = (0, -1, 1)
"""Steps that a clock may be off by."""
_RECOVERY_CODES = 10
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
# Both succeed once, however many ask at the same time.
_USE_STEP = """
    UPDATE accounts SET totp_step = $2
    WHERE id = $1 AND totp_confirmed_at IS NOT NULL AND (totp_step IS NULL OR totp_step < $2)
    RETURNING id
"""
_USE_RECOVERY = """
    UPDATE accounts SET recovery_hashes = recovery_hashes - $2::text
    WHERE id = $1 AND totp_confirmed_at IS NOT NULL AND recovery_hashes ? $2::text RETURNING id
"""
NONE: Mapping[str, Any] = {
    "totp_secret": None,
    "totp_confirmed_at": None,
    "totp_step": None,
    "recovery_hashes": "[]",
}
"""The columns of an account without a second factor."""


def new_totp_secret() -> str:
    """A seed for authenticators: 160 bits."""
    return random_base32(32)


def uri_of(secret: str, email: str) -> str:
    """What an authenticator reads as a QR code."""
    return TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def sealed(database: Database, account_id: UUID, secret: str) -> str:
    """The seed as it is stored."""
    return database.secrets.seal(secret, _place(account_id))


def step_of(database: Database, account: Account, code: str, now: datetime) -> int | None:
    """The step whose code it is, if it is one of now."""
    if account.totp_secret is None:
        return None
    totp = TOTP(database.secrets.open(account.totp_secret, _place(account.id)))
    current = int(now.timestamp()) // STEP_S
    steps = [current + skew for skew in _SKEW]
    return next((step for step in steps if same(totp.generate_otp(step), code)), None)


async def use(database: Database, account: Account, code: str, now: datetime) -> str | None:
    """How the code was good, by the names of RFC 8176; it is good no more."""
    given = code.replace(" ", "").replace("-", "").lower()
    step = step_of(database, account, given, now)
    if step is not None:
        return "otp" if await _used(database, account, _USE_STEP, step) else None
    hashed = _hash(database, account.id, given)
    return "kba" if await _used(database, account, _USE_RECOVERY, hashed) else None


def new_recovery_codes(database: Database, account_id: UUID) -> tuple[list[str], list[str]]:
    """Codes, each good once, and their hashes."""
    codes = ["".join(secrets.choice(_LETTERS) for _ in range(12)) for _ in range(_RECOVERY_CODES)]
    shown = ["-".join((code[:4], code[4:8], code[8:])) for code in codes]
    return shown, [_hash(database, account_id, code) for code in codes]


async def _used(database: Database, account: Account, sql: str, value: Any) -> bool:
    async with database.transaction(account=str(account.id)) as driver:
        return bool(await driver.fetch(sql, account.id, value))


def _hash(database: Database, account_id: UUID, code: str) -> str:
    return keyed_hash(database.signing_key, "recovery", f"{account_id}{code}")


def _place(account_id: UUID) -> Place:
    return Place(None, "accounts", "totp_secret", account_id)
