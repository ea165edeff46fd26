"""Rate limits: buckets of points in Redis, from which every process takes a few at a time.

A bucket holds as many points as its quota and is filled evenly within its window (the generic cell
rate algorithm, ITU-T I.371). A request costs one point or more. Asking Redis each time would cost
a fifth of a fast request, so a process takes points for the next second in advance: what it has
taken it alone can spend, so that all processes together never spend more than the quota.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, cast
from uuid import UUID

import structlog
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

from crm_api.kit.errors import RateLimited
from crm_api.kit.meters import LIMITED, LOCAL_RATES

log = structlog.get_logger("crm_api.rates")

LEASE_S = 1.0
"""How long points that were taken in advance are good."""
_MOST_OF = 20
"""A lease is at most this part of the smallest quota: more might lie idle in one process."""
_UNLIMITED, _UNLIMITED_S = 10**12, 60.0
_SILENT_S = 5.0
_ANSWER_S = 0.25
_MOST_ACCOUNTS = 10_000

# Buckets are kept as the moment, in milliseconds, at which they will be full again.
_TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local need, granted = tonumber(ARGV[1]), tonumber(ARGV[2])
local full = {}
for i, key in ipairs(KEYS) do
  local step, window = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  full[i] = math.max(tonumber(redis.call('GET', key)) or 0, now)
  granted = math.min(granted, math.floor((window - (full[i] - now)) / step + 1e-6))
end
if granted < need then granted = 0 end
local found = {granted}
for i, key in ipairs(KEYS) do
  local step = tonumber(ARGV[2 * i + 1])
  if granted > 0 then
    full[i] = full[i] + granted * step
    redis.call('SET', key, string.format('%.3f', full[i]), 'PX', math.max(math.ceil(full[i] - now), 1))
  end
  found[i + 1] = string.format('%.3f', full[i] - now)
end
return found
"""


class Quota(NamedTuple):
    """So many points within so many seconds, for each credential or for all of them together."""

    name: str
    points: int
    window_s: int = 60
    shared: bool = False

    @property
    def step_ms(self) -> float:
        """How long one point takes to come back."""
        return self.window_s * 1000 / self.points


class Bucket(NamedTuple):
    """A quota of somebody."""

    key: str
    quota: Quota


class Taken(NamedTuple):
    """What came of asking: points, and for each bucket the milliseconds until it is full again."""

    granted: int
    full_ms: tuple[float, ...]


class Buckets(Protocol):
    """Where buckets are kept."""

    async def take(self, buckets: Sequence[Bucket], need: int, want: int) -> Taken:
        """Take up to `want` points from all of them, or none if there are less than `need`."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class LocalBuckets:
    """Buckets of this process alone."""

    def __init__(self, now_ms: Callable[[], float] = lambda: time.monotonic() * 1000) -> None:
        self._now_ms = now_ms
        self._full: dict[str, float] = {}

    async def take(self, buckets: Sequence[Bucket], need: int, want: int) -> Taken:
        """As Redis does it."""
        now, granted = self._now_ms(), want
        full = [max(self._full.get(bucket.key, 0.0), now) for bucket in buckets]
        for bucket, at in zip(buckets, full, strict=True):
            window = bucket.quota.window_s * 1000
            free = (window - (at - now)) / bucket.quota.step_ms
            granted = min(granted, math.floor(free + 1e-6))
        granted = 0 if granted < need else granted
        if len(self._full) >= _MOST_ACCOUNTS:
            self._full = {key: at for key, at in self._full.items() if at > now}
        for place, bucket in enumerate(buckets):
            full[place] += granted * bucket.quota.step_ms
            self._full[bucket.key] = full[place]
        return Taken(granted, tuple(at - now for at in full))

    async def close(self) -> None:
        """Nothing to let go of."""


class SharedBuckets:
    """Buckets in Redis; while it is away, those of this process."""

    def __init__(self, url: str) -> None:
        options = {"socket_timeout": _ANSWER_S}
        if not url.startswith("unix:"):
            options |= {"socket_connect_timeout": _ANSWER_S}
        self._redis: Redis = Redis(
            connection_pool=ConnectionPool.from_url(url, **options)  # pyright: ignore[reportUnknownMemberType]
        )
        self._script = self._redis.register_script(_TAKE)
        self._local = LocalBuckets()
        self._silent_until = 0.0

    async def take(self, buckets: Sequence[Bucket], need: int, want: int) -> Taken:
        """Whatever happens to Redis, an answer comes soon."""
        if time.monotonic() >= self._silent_until:
            try:
                args = [need, want]
                args += [n for b in buckets for n in (b.quota.step_ms, b.quota.window_s * 1000)]
                keys = [bucket.key for bucket in buckets]
                granted, *full_ms = cast("list[Any]", await self._script(keys=keys, args=args))
                return Taken(int(granted), tuple(map(float, full_ms)))
            except (RedisError, OSError) as error:
                # Requests must not queue up behind a Redis that is away.
                self._silent_until = time.monotonic() + _SILENT_S
                log.warning("rate limits are kept per process", error=str(error)[:200])
        LOCAL_RATES.add(1)
        return await self._local.take(buckets, need, want)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose(close_connection_pool=True)


def new_buckets(url: str | None) -> Buckets:
    """Those of a Redis, or of this process where there is none."""
    return LocalBuckets() if url is None else SharedBuckets(url)


@dataclass(slots=True)
class Account:
    """What a process has taken for one credential, and how its buckets stand."""

    buckets: tuple[Bucket, ...] = ()
    policy: str = ""
    """The quotas of the buckets, as a header has them."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    left: int = 0
    size: int = 0
    """Of the last lease."""
    until: float = 0.0
    taken_at: float = 0.0
    full_ms: tuple[float, ...] = ()
    closed_until: float = 0.0
    """Until then there are not even as many points as somebody needed in vain."""
    needed: int = 0

    def spend(self, points: int) -> bool:
        """Spend points of the lease, if it has so many and is still good."""
        if self.left < points or self.until < time.monotonic():
            return False
        self.left -= points
        return True

    @property
    def headers(self) -> dict[str, str]:
        """How the buckets stand, as in draft-ietf-httpapi-ratelimit-headers-10."""
        if not self.full_ms:
            return {}
        states = [f'"{quota.name}";r={left};t={t}' for quota, left, t in self.standing]
        return {"RateLimit-Policy": self.policy, "RateLimit": ", ".join(states)}

    @property
    def standing(self) -> list[tuple[Quota, int, int]]:
        """Each quota with the points that are left and the seconds until all are there again."""
        gone_ms = (time.monotonic() - self.taken_at) * 1000
        found: list[tuple[Quota, int, int]] = []
        for bucket, full_ms in zip(self.buckets, self.full_ms, strict=False):
            quota, short_ms = bucket.quota, max(full_ms - gone_ms, 0.0)
            free = math.floor(quota.points - short_ms / quota.step_ms + 1e-6)
            left = min(free + self.left, quota.points)
            found.append((quota, left, math.ceil(short_ms / 1000)))
        return found

    def refusal(self, points: int) -> RateLimited:
        """The error for a request that costs more points than there are."""
        wait_ms, exhausted = 0.0, self.buckets[0].quota
        for bucket, full_ms in zip(self.buckets, self.full_ms, strict=True):
            quota = bucket.quota
            lacking = full_ms + points * quota.step_ms - quota.window_s * 1000
            if lacking > wait_ms:
                wait_ms, exhausted = lacking, quota
        LIMITED.add(1, {"quota": exhausted.name})
        return RateLimited(
            f"More than {exhausted.points} points within {exhausted.window_s} s of this "
            f"{exhausted.name}.",
            retry_after_s=max(math.ceil(wait_ms / 1000), 1),
            headers=self.headers,
        )


def _policy_of(buckets: Sequence[Bucket]) -> str:
    quotas = [bucket.quota for bucket in buckets]
    return ", ".join(f'"{q.name}";q={q.points};w={q.window_s}' for q in quotas)


QuotasOf = Callable[[UUID], Awaitable[Sequence[Quota]]]
"""The quotas of an organization; none where it is not limited."""


class Rates:
    """Lets requests in, as long as there are points for them."""

    def __init__(self, buckets: Buckets, quotas_of: QuotasOf) -> None:
        self._buckets, self._quotas_of = buckets, quotas_of
        self._accounts: dict[UUID, Account] = {}

    async def admit(self, organization_id: UUID, credential_id: UUID, points: int = 1) -> Account:
        """Spend points of a credential; raises `RateLimited`."""
        account = self._accounts.get(credential_id) or self._open(credential_id)
        if not account.spend(points):
            await self._renew(account, organization_id, credential_id, points)
        return account

    async def _renew(
        self, account: Account, organization_id: UUID, credential_id: UUID, points: int
    ) -> None:
        async with account.lock:
            if account.spend(points):
                return
            if points >= account.needed and time.monotonic() < account.closed_until:
                raise account.refusal(points)
            account.buckets = await self._buckets_of(organization_id, credential_id)
            account.policy = _policy_of(account.buckets)
            if not account.buckets:
                account.left, account.until = _UNLIMITED, time.monotonic() + _UNLIMITED_S
                return
            # Begun is finished, whoever is cancelled meanwhile: Redis has counted it.
            if not await asyncio.shield(asyncio.ensure_future(self._lease(account, points))):
                raise account.refusal(points)

    async def _lease(self, account: Account, points: int) -> bool:
        """Take points in advance and spend those that are asked for; whether there were so many.

        They are spent before anybody else gets to run, who would find the lease and spend it.
        """
        now = time.monotonic()
        used = account.size - account.left
        busy = account.until > now - LEASE_S
        smallest = min(bucket.quota.points for bucket in account.buckets)
        want = max(points, min(2 * used if busy else 0, smallest // _MOST_OF))
        taken = await self._buckets.take(account.buckets, points, want)
        account.full_ms, account.taken_at = taken.full_ms, now
        account.left = account.size = taken.granted
        account.until = now + LEASE_S
        if taken.granted == 0:
            account.needed, account.closed_until = points, now + LEASE_S / 10
            return False
        account.left -= points
        return True

    def _open(self, credential_id: UUID) -> Account:
        if len(self._accounts) >= _MOST_ACCOUNTS:
            now = time.monotonic()
            self._accounts = {
                id: account for id, account in self._accounts.items() if account.until > now
            }
        account = self._accounts[credential_id] = Account()
        return account

    async def _buckets_of(self, organization_id: UUID, credential_id: UUID) -> tuple[Bucket, ...]:
        return tuple(
            # The braces keep what one script touches on one node of a Redis cluster.
            Bucket(
                f"crm:rate:{{{organization_id}}}:{quota.name}"
                + ("" if quota.shared else f":{credential_id}"),
                quota,
            )
            for quota in await self._quotas_of(organization_id)
        )
