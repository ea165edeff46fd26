"""Rows of accounts, which belong to no organization."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx

_COLUMNS = (
    "id, email, password_hash, password_changed_at, epoch, reset_hash, reset_until, "
    "totp_secret, totp_confirmed_at, totp_step, recovery_hashes, "
    "new_email, new_email_hash, new_email_until"
)
_FIND = f"SELECT {_COLUMNS} FROM accounts WHERE email = $1"  # noqa: S608
_GET = f"SELECT {_COLUMNS} FROM accounts WHERE id = $1"  # noqa: S608
_LOCK = f"{_GET} FOR UPDATE"
_INSERT = """
    INSERT INTO accounts (id, email, password_hash, password_changed_at, created_at)
    VALUES ($1, $2, $3::text, CASE WHEN $3::text IS NOT NULL THEN $4::timestamptz END, $4::timestamptz)
    ON CONFLICT (email) DO NOTHING RETURNING id
"""
_IS_ELSEWHERE = "SELECT crm_account_is_elsewhere($1, $2)"
_MEMBERSHIPS = "SELECT organization_id, name, user_id FROM crm_memberships($1)"
_BIND = "SELECT set_config('app.account', $1, true)"
NO_RESET: Mapping[str, Any] = {"reset_hash": None, "reset_until": None}
"""The columns of an account whose password no token sets."""
NO_CHANGE: Mapping[str, Any] = dict.fromkeys(("new_email", "new_email_hash", "new_email_until"))
"""The columns of an account whose address no token changes."""


@dataclass(frozen=True)
class Account:
    """A person's login as it is stored."""

    id: UUID
    email: str
    password_hash: str | None
    password_changed_at: datetime | None
    epoch: int
    reset_hash: str | None
    reset_until: datetime | None
    totp_secret: str | None
    totp_confirmed_at: datetime | None
    totp_step: int | None
    recovery_hashes: Any
    new_email: str | None
    new_email_hash: str | None
    new_email_until: datetime | None

    @property
    def has_second_factor(self) -> bool:
        """Whether a code is asked for."""
        return self.totp_confirmed_at is not None

    def coming_email(self, now: datetime) -> str | None:
        """The address that waits to be confirmed."""
        return self.new_email if self.new_email_until and self.new_email_until > now else None


async def find_by_email(database: Database, email: str) -> Account | None:
    """The account of a normalised address."""
    async with database.transaction(account=email) as driver:
        rows = await driver.fetch(_FIND, email)
    return Account(**rows[0]) if rows else None


async def get(database: Database, id: UUID) -> Account | None:
    """An account by its id."""
    async with database.transaction(account=str(id)) as driver:
        rows = await driver.fetch(_GET, id)
    return Account(**rows[0]) if rows else None


async def insert(
    database: Database, id: UUID, email: str, password_hash: str | None, now: datetime
) -> bool:
    """Make an account; False when the address has one already."""
    async with database.transaction(account=email) as driver:
        return bool(await driver.fetch(_INSERT, id, email, password_hash, now))


async def inserted(tx: Tx, id: UUID, email: str) -> bool:
    """Make an account without a password within an organization's transaction."""
    await tx.write(_BIND, email)
    return bool(await tx.write(_INSERT, id, email, None, tx.now))


async def is_elsewhere(database: Database, account_id: UUID, own: UUID) -> bool:
    """Whether an account belongs to other organizations too, be it suspended or in the bin there."""
    return (await database.ask(_IS_ELSEWHERE, account_id, own))[0][0]


async def memberships(database: Database, id: UUID) -> list[Any]:
    """Where the person is an active member: `organization_id`, `name`, `user_id`."""
    return await database.ask(_MEMBERSHIPS, id)


async def locked(tx: Tx, id: UUID) -> Account | None:
    """An account to be changed within an organization's transaction."""
    await tx.write(_BIND, str(id))
    rows = await tx.write(_LOCK, id)
    return Account(**rows[0]) if rows else None


async def change(tx: Tx, id: UUID, values: Mapping[str, Any]) -> None:
    """Set columns of an account that `locked` has opened."""
    await tx.write(*_update(id, values))


async def change_if(
    database: Database, id: UUID, values: Mapping[str, Any], **still: str | None
) -> bool:
    """Set columns of an account if others still have these values; whether they had."""
    sql, *args = _update(id, values)
    for name, value in still.items():
        args.append(value)
        sql = f"{sql} AND {name} IS NOT DISTINCT FROM ${len(args)}"
    async with database.transaction(account=str(id)) as driver:
        return bool(await driver.fetch(f"{sql} RETURNING id", *args))


def _update(id: UUID, values: Mapping[str, Any]) -> tuple[str, Any]:
    chosen = ", ".join(f"{name} = ${place}" for place, name in enumerate(values, start=2))
    return f"UPDATE accounts SET {chosen} WHERE id = $1", id, *values.values()  # noqa: S608
