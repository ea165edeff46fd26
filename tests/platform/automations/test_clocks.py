"""Jobs and waits begin by the clock of PostgreSQL, whatever that of a machine says (ADR-0007)."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest

from crm_api.domains.campaigns.deciding import begin_looking
from crm_api.domains.campaigns.models import Campaign
from crm_api.domains.journeys.stepped import step_once as walk
from crm_api.domains.sequences.stepped import step_once as take
from crm_api.kit import clock
from crm_api.kit.db.copies import ENOUGH
from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.privacy.events import ErasePerson
from support.clients import tx_of
from support.journeys import END, entered, node, running
from support.sequences import did, enrolled, published

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


PARTS = {
    "journey-runs": "journey_runs",
    "sequence-enrolments": "sequence_enrolments",
}
NEXT = "SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM {} WHERE id = $1"


@pytest.mark.parametrize("part", PARTS)
async def test_who_goes_through_something_waits_as_long_as_it_says(
    client, database, org, owner, skewed, part
):
    contact = await client.made("contacts", {"last_name": "Person"})
    if part == "journey-runs":
        wait = node("wait", "wait", duration="5m", next="end")
        going = await entered(client, await running(client, wait, END), contact)
    else:
        sequence = await published(client, {"action": "wait", "duration": "5m"})
        going = await enrolled(client, sequence, contact)
    id, once = UUID(going["id"]), walk if part == "journey-runs" else take

    async def in_s():
        return await owner.fetchval(NEXT.format(PARTS[part]), id)

    async def step():
        async with unit_of_work(tx_of(database, org)) as tx:
            return await once(tx, id)

    # Whoever enters begins at once, and whoever goes on does so at once.
    assert -60 < await in_s() <= 0
    assert await step()
    assert 240 < await in_s() <= 300
    await did(client, part, going, "pause")
    await did(client, part, going, "resume")
    assert -60 < await in_s() <= 0
    # What was waited for is not over by that.
    assert await step()
    assert 240 < await in_s() <= 300


async def test_what_is_done_every_day_is_due_in_a_day(client, database, org, owner, skewed):
    rules = {"target": "contact", "action": "delete", "days": 30, "is_active": True}
    await client.made("retention-policies", {"name": "Old", **rules})
    answer = await client.put("/v1/contacts/duplicates/policy", json={"scan_every_hours": 24})
    assert answer.status_code == 200, answer.text
    rule = {"event": "bought", "min_per_arm": 5, "min_days": 1, "max_days": 2, "alpha": 0.2}
    async with unit_of_work(tx_of(database, org)) as tx:
        await begin_looking(tx, Campaign(id=org.id, stop_rule=rule))
    for kind in ("privacy.retain", "duplicates.scan", "campaigns.decide"):
        (found,) = await owner.fetch(DUE, org.id, kind)
        assert 86_340 < found["in_s"] <= 86_400, kind
