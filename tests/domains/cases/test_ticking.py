"""What a tick leaves alone: cases that others hold, and those of whoever has switched them off."""

from uuid import UUID

from crm_api.domains.cases.ticking import Tick
from crm_api.kit.jobs import Workplace
from support.sla import SUBJECT, age, policy_of


async def test_whoever_can_do_nothing_wakes_nobody(client, org, owner, database):
    """Else a worker would look again at once, and again, as long as it is so."""
    await policy_of(client, escalations=[{"percent": 100, "raises": True}])
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 65)
    woken: list[bool] = []

    class OwnTick(Tick):
        sql = f"SELECT t.* FROM ({Tick.sql}) t WHERE t.id = '{org.id}'"

    tick = OwnTick(Workplace(database, database, lambda: woken.append(True)))
    async with owner.acquire() as holding, holding.transaction():
        await holding.execute("SELECT FROM cases WHERE id = $1 FOR UPDATE", UUID(case["id"]))
        assert (await tick.look(), woken) == (False, [])
    assert (await client.post("/v1/modules/cases/disable?cascade=true")).is_success
    assert (await tick.look(), woken) == (False, [])
    assert (await client.post("/v1/modules/cases/enable?cascade=true")).is_success
    assert (await tick.look(), woken) == (False, [True])
    assert (await client.read(f"cases/{case['id']}"))["is_escalated"] is True
    assert (await tick.look(), woken) == (False, [True])
