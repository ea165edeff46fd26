"""Jobs and waits begin by the clock of PostgreSQL, whatever that of a machine says (ADR-0007)."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from crm_api.kit import clock
from crm_api.kit.db.copies import ENOUGH
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.privacy.events import ErasePerson
from support.clients import tx_of

DUE = """
    SELECT id, extract(epoch FROM run_at - clock_timestamp())::float8 AS in_s FROM jobs
    WHERE organization_id = $1 AND kind = $2
"""
WAITS = """
    SELECT extract(epoch FROM j.run_at - clock_timestamp())::float8 AS in_s,
        j.run_at = r.wake_at AS told
    FROM automation_runs r JOIN jobs j ON j.organization_id = r.organization_id AND j.id = r.job_id
    WHERE r.id = $1
"""


@pytest.fixture(params=[10, -10], ids=["ahead", "behind"])
def skewed(request, monkeypatch):
    """The clock of the machine is ten minutes wrong."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(minutes=request.param)

    monkeypatch.setattr(clock, "datetime", Wrong)


@pytest.mark.parametrize("count", [1, ENOUGH])
async def test_what_is_to_be_done_at_once_is_due_at_once(database, org, owner, skewed, count):
    async with unit_of_work(tx_of(database, org)) as tx:
        ids = {tx.enqueue(ErasePerson(org.id)) for _ in range(count)}
    found = await owner.fetch(DUE, org.id, ErasePerson.kind)
    await owner.execute("DELETE FROM jobs WHERE organization_id = $1", org.id)
    assert {row["id"] for row in found} == ids
    assert all(-60 < row["in_s"] <= 0 for row in found)


async def test_a_wait_is_as_long_as_it_says(client, rules, owner, worker, skewed):
    id = await rules.active({"action": "wait", "duration": "5m"}, {"action": "stop"})
    await client.made("contacts", {"last_name": "Person"})
    run = await rules.until(id, "waiting")
    (found,) = await owner.fetch(WAITS, UUID(run["id"]))
    assert 240 < found["in_s"] <= 300
    assert found["told"]
