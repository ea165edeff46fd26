"""Rate limits: never more than the quota, however many processes spend it."""

import asyncio
import subprocess
import sys
import time
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_api.kit import rates
from crm_api.kit.errors import RateLimited
from crm_api.kit.rates import Bucket, LocalBuckets, Quota, Rates, SharedBuckets
from support.servers import environment_of

ORGANIZATION = uuid4()


def limited(*quotas):
    async def quotas_of(_):
        return quotas

    return quotas_of


async def spend_all(limiter, credential, points=1, *, most=10_000):
    """How many requests are let in, and the refusal of the one after them."""
    for count in range(most):
        try:
            await limiter.admit(ORGANIZATION, credential, points)
        except RateLimited as refused:
            return count, refused
    raise AssertionError("nothing was refused")


@pytest.fixture
async def shared(settings):
    buckets = SharedBuckets(settings.redis_url)
    yield buckets
    await buckets.close()


@given(
    points=st.integers(1, 500),
    window=st.integers(1, 600),
    asked=st.lists(
        st.tuples(st.integers(0, 400_000), st.integers(1, 60), st.integers(0, 60)), max_size=30
    ),
)
async def test_no_window_has_more_than_the_quota_and_what_was_left(points, window, asked):
    now = 0.0
    buckets = LocalBuckets(lambda: now)
    bucket = Bucket("any", Quota("key", points, window))
    grants = []
    for wait, need, more in asked:
        now += wait
        taken = await buckets.take([bucket], need, need + more)
        assert taken.granted == 0 or need <= taken.granted <= need + more
        assert 0 <= taken.full_ms[0] <= window * 1000 + 1e-3
        grants.append((now, taken.granted))
    for begin, _ in grants:
        within = sum(n for at, n in grants if begin <= at < begin + window * 1000)
        assert within <= 2 * points


async def test_redis_and_the_process_count_alike(shared):
    local = LocalBuckets()
    buckets = [
        Bucket(f"test:{uuid4()}", Quota("key", 40)),
        Bucket(f"test:{uuid4()}", Quota("all", 70)),
    ]
    for need, want in ((1, 10), (5, 5), (20, 30), (1, 1), (1, 9), (30, 40), (1, 100), (2, 2)):
        there = await shared.take(buckets, need, want)
        here = await local.take(buckets, need, want)
        assert there.granted == here.granted
        assert there.full_ms == pytest.approx(here.full_ms, abs=1500)


async def test_a_bucket_fills_again(shared):
    limiter = Rates(shared, limited(Quota("key", 20, 1)))
    credential = uuid4()
    count, refused = await spend_all(limiter, credential)
    assert count >= 20
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["RateLimit-Policy"] == '"key";q=20;w=1'
    assert '"key";r=0;t=1' in refused.headers["RateLimit"]
    await asyncio.sleep(1.05)
    begun = time.monotonic()
    again, _ = await spend_all(limiter, credential)
    # It fills while it is spent.
    assert 19 <= again <= 25 + 20 * (time.monotonic() - begun)


async def test_credentials_have_their_own_and_share_one(shared):
    quotas = Quota("key", 100), Quota("organization", 150, shared=True)
    limiter = Rates(shared, limited(*quotas))
    organization, first, second = uuid4(), uuid4(), uuid4()

    async def until_refused(credential):
        count = 0
        while True:
            try:
                await limiter.admit(organization, credential)
            except RateLimited as refused:
                return count, refused
            count += 1

    one, refused = await until_refused(first)
    assert 100 <= one <= 103
    assert "of this key" in refused.detail
    two, refused = await until_refused(second)
    assert 44 <= two <= 53
    assert "of this organization" in refused.detail


async def test_points_that_are_not_there_are_not_taken(shared):
    limiter, credential = Rates(shared, limited(Quota("key", 50))), uuid4()
    await limiter.admit(ORGANIZATION, credential, 30)
    with pytest.raises(RateLimited) as dear:
        await limiter.admit(ORGANIZATION, credential, 40)
    assert 20 <= int(dear.value.headers["Retry-After"]) <= 25
    await limiter.admit(ORGANIZATION, credential, 15)
    with pytest.raises(RateLimited):
        # More than it ever holds.
        await limiter.admit(ORGANIZATION, uuid4(), 51)


async def test_few_requests_ask_redis(shared, monkeypatch):
    asked = []
    take = shared.take

    async def counted(*args):
        asked.append(args)
        return await take(*args)

    monkeypatch.setattr(shared, "take", counted)
    limiter, credential = Rates(shared, limited(Quota("key", 100_000))), uuid4()
    for _ in range(3_000):
        await limiter.admit(ORGANIZATION, credential)
    assert len(asked) <= 20


async def test_parallel_requests_and_cancelled_ones_lose_nothing(shared):
    limiter, credential = Rates(shared, limited(Quota("key", 60))), uuid4()

    async def ask():
        try:
            await limiter.admit(ORGANIZATION, credential)
        except RateLimited:
            return 0
        return 1

    tasks = [asyncio.create_task(ask()) for _ in range(200)]
    await asyncio.sleep(0)
    for task in tasks[::10]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert 40 <= sum(n for n in done if isinstance(n, int)) <= 62


async def test_who_takes_a_lease_spends_of_it_first():
    """The first lease has one point; whoever asked for it runs some turns of the loop later."""
    for turns in range(12):
        limiter, credential = Rates(LocalBuckets(), limited(Quota("key", 1_000))), uuid4()

        async def later(limiter=limiter, credential=credential, turns=turns):
            for _ in range(turns):
                await asyncio.sleep(0)
            await limiter.admit(ORGANIZATION, credential)

        await asyncio.gather(limiter.admit(ORGANIZATION, credential), later())


SPENDER = """
import asyncio, sys, time
from uuid import UUID
from crm_api.kit.errors import RateLimited
from crm_api.kit.rates import Quota, Rates, SharedBuckets

async def main(url, organization, key):
    async def quotas_of(_):
        return [Quota("key", 600, 60)]
    limiter = Rates(SharedBuckets(url), quotas_of)
    # All of them begin together.
    print("ready", flush=True)
    sys.stdin.readline()
    count, until = 0, time.monotonic() + 3
    while time.monotonic() < until:
        try:
            await limiter.admit(UUID(organization), UUID(key))
            count += 1
        except RateLimited:
            await asyncio.sleep(0.002)
    print(count)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_processes_together_spend_the_quota_and_no_more(settings):
    given = [sys.executable, "-c", SPENDER, settings.redis_url, str(uuid4()), str(uuid4())]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    spenders = [
        await asyncio.create_subprocess_exec(*given, env=environment_of(settings), **pipes)
        for _ in range(4)
    ]
    for spender in spenders:
        await spender.stdout.readline()
    begun = time.monotonic()
    told = await asyncio.gather(*(spender.communicate(b"\n") for spender in spenders))
    spent = [int(out) for out, _ in told]
    took = time.monotonic() - begun
    assert 600 <= sum(spent) <= 600 + 10 * took + 1
    assert min(spent) > 0


class Lines:
    """The warnings of the block, whatever logging is set up to."""

    def __init__(self):
        self.warned = []

    def warning(self, event, **_):
        self.warned.append(event)


async def test_without_redis_each_process_counts_for_itself(monkeypatch):
    lines = Lines()
    monkeypatch.setattr(rates, "log", lines)
    away = SharedBuckets("redis://127.0.0.1:1/0")
    limiter, credential = Rates(away, limited(Quota("key", 30))), uuid4()
    count, _ = await spend_all(limiter, credential)
    assert 30 <= count <= 32
    # Once, and then it leaves Redis alone for a while.
    assert lines.warned == ["rate limits are kept per process"]
    await away.close()


async def test_no_quota_is_no_limit(shared):
    limiter = Rates(shared, limited())
    account = await limiter.admit(ORGANIZATION, uuid4(), 10**6)
    assert account.headers == {}
