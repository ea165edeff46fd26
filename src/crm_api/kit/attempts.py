"""Brute force is slowed: by account, and by the address that it comes from."""

import hmac
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any

from crm_api.kit.db.database import Database
from crm_api.kit.errors import TooMany

FREE_BY_ACCOUNT, FREE_BY_ADDRESS = 5, 20
FIRST_LOCK_S, LONGEST_LOCK_S = 60, 3600
_QUIET = "interval '15 minutes'"
# A lock that has ended is followed by a time in which the next failure locks for twice as long.
_FAILURES = (
    f"CASE WHEN coalesce(a.locked_until, a.failed_at) < now() - {_QUIET} "
    "THEN 1 ELSE a.failures + 1 END"
)
_COUNT = f"""
    INSERT INTO login_attempts AS a (subject, failures, failed_at) VALUES ($1, 1, now())
    ON CONFLICT (subject) DO UPDATE SET failures = {_FAILURES}, failed_at = now(),
        locked_until = CASE WHEN {_FAILURES} >= $2 THEN now() + make_interval(secs =>
            least({LONGEST_LOCK_S}, {FIRST_LOCK_S} * 2 ^ least(10, {_FAILURES} - $2))) END
    WHERE a.locked_until IS NULL OR a.locked_until <= now()
    RETURNING failures
"""  # noqa: S608
_WAIT = """
    SELECT ceil(extract(epoch FROM locked_until - now()))::integer FROM login_attempts
    WHERE subject = $1
"""
_PURGE = "SELECT crm_purge_login_attempts()"
_FORGET = "DELETE FROM login_attempts WHERE subject = $1"
_TAKE_BACK = """
    UPDATE login_attempts SET failures = greatest(0, failures - 1), locked_until = NULL
    WHERE subject = $1
"""


@dataclass(frozen=True)
class Subject:
    """Whose attempts are counted, and how many are free."""

    name: str
    free: int


class Attempts:
    """Counted before the password is looked at, so that many at once are no way around."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def account(self, email: str) -> Subject:
        """The attempts for an address of e-mail, whether it has an account or not."""
        return Subject(self._name("account", email), FREE_BY_ACCOUNT)

    def letters(self, email: str) -> Subject:
        """The letters that are asked for to an address of e-mail."""
        return Subject(self._name("letters", email), FREE_BY_ACCOUNT)

    def address(self, address: str | None) -> Subject:
        """The attempts from a network address."""
        return Subject(self._name("address", network_of(address)), FREE_BY_ADDRESS)

    def links(self, address: str | None) -> Subject:
        """The secret links that a network address has made up."""
        return Subject(self._name("links", network_of(address)), FREE_BY_ADDRESS)

    def guests(self, token: str, address: str | None) -> Subject:
        """What a network address has made by a token that many have."""
        return Subject(self._name("guests", f"{token} {network_of(address)}"), FREE_BY_ADDRESS)

    async def count(self, subject: Subject) -> int:
        """How many failures this one makes, if it fails; raises `TooMany` where one has to wait."""
        async with self._opened(subject) as driver:
            counted = await driver.fetchval(_COUNT, subject.name, subject.free)
            if counted is not None:
                return counted
            wait = await driver.fetchval(_WAIT, subject.name) or 1
        raise TooMany(
            f"Too many failures; try again in {wait} seconds.",
            code="too_many_attempts",
            headers={"Retry-After": str(max(1, wait))},
        )

    async def succeeded(self, account: Subject, address: Subject) -> None:
        """Forget the failures of an account, and that this was an attempt of the address.

        Its other failures stay: whoever has one account must not get more tries at others.
        """
        await self.forget(account)
        await self.take_back(address)

    async def take_back(self, address: Subject) -> None:
        """Forget that the last attempt of an address was one; its failures stay."""
        async with self._opened(address) as driver:
            await driver.execute(_TAKE_BACK, address.name)

    async def forget(self, subject: Subject) -> None:
        """Begin to count anew."""
        async with self._opened(subject) as driver:
            await driver.execute(_FORGET, subject.name)

    async def purge(self) -> None:
        """Remove what no longer locks anybody."""
        await self._database.ask(_PURGE)

    def _opened(self, subject: Subject) -> Any:
        return self._database.transaction(attempts=subject.name)

    def _name(self, kind: str, value: str) -> str:
        key = self._database.signing_key
        return f"{kind}:{hmac.digest(key, f'attempts{kind}{value}'.encode(), 'sha256').hex()}"


def network_of(address: str | None) -> str:
    """What one party has to itself: an IPv4 address, or the /64 of an IPv6 address."""
    try:
        known = ip_address(address or "")
    except ValueError:
        return address or "unknown"
    if isinstance(known, IPv6Address):
        if known.ipv4_mapped is not None:
            return str(known.ipv4_mapped)
        return known.exploded[:19]
    return str(known)
