"""Time is PostgreSQL's, whatever the clock of a machine says (ADR-0007)."""

import time
from datetime import UTC, datetime, timedelta

import pytest

from crm_api.kit import clock
from crm_api.kit.db.timekeeping import ask_time
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.automations.timing import later
from crm_api.platform.privacy.events import ErasePerson
from support.clients import tx_of

MINUTE = timedelta(minutes=1)


@pytest.fixture(params=[10, -10], ids=["ahead", "behind"])
def skewed(request, monkeypatch):
    """The machine's clock is ten minutes wrong."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + request.param * MINUTE

    monkeypatch.setattr(clock, "datetime", Wrong)
    monkeypatch.setattr(clock, "_heard", [])
    assert abs(clock.now() - datetime.now(UTC)) > 9 * MINUTE


async def test_jobs_and_waits_begin_by_the_clock_of_the_database(database, org, owner, skewed):
    await ask_time(database)
    async with unit_of_work(tx_of(database, org)) as tx:
        now = tx.enqueue(ErasePerson(org.id))
        waits = tx.enqueue(ErasePerson(org.id), run_at=later(tx.now, "5m", UTC))
    rows = await owner.fetch(
        "SELECT id, extract(epoch FROM run_at - clock_timestamp())::float8 AS in_s FROM jobs "
        "WHERE organization_id = $1",
        org.id,
    )
    due = {row["id"]: row["in_s"] for row in rows}
    assert -5 < due[now] <= 0
    assert 295 < due[waits] <= 300


def test_a_slow_answer_moves_no_clock(monkeypatch):
    monkeypatch.setattr(clock, "_heard", [])
    said = datetime(2026, 11, 29, 12, tzinfo=UTC)
    at = time.monotonic()
    clock.heard(said, at - 0.001, at)
    first = clock.now()
    clock.heard(said, at - 2, at + 0.5)
    assert abs(clock.now() - first) < timedelta(seconds=1)
    # What cannot be so any more is given up.
    clock.heard(said + MINUTE, at, at + 0.001)
    assert 0.9 * MINUTE < clock.now() - said < 1.1 * MINUTE
    clock.heard(said - MINUTE, at, at + 0.001)
    assert -1.1 * MINUTE < clock.now() - said < -0.9 * MINUTE
