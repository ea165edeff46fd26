"""What a tick leaves alone: cases that others hold, and those of whoever has switched them off."""

from uuid import UUID

from crm_api.domains.cases.ticking import Tick
from crm_api.kit.jobs import Workplace
from crm_api.platform.notifications.events import NOTICE
from support.sla import SUBJECT, age, policy_of, user_of


def tick_of(org, database, wake=lambda: None):
    """The tick of one organization: others may have something to do as well."""

    class OwnTick(Tick):
        sql = f"SELECT t.* FROM ({Tick.sql}) t WHERE t.id = '{org.id}'"

    return OwnTick(Workplace(database, database, wake))


async def test_whoever_can_do_nothing_wakes_nobody(client, org, owner, database):
    """Else a worker would look again at once, and again, as long as it is so."""
    await policy_of(client, escalations=[{"percent": 100, "raises": True}])
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 65)
    woken: list[bool] = []

    own = tick_of(org, database, lambda: woken.append(True))
    async with owner.acquire() as holding, holding.transaction():
        await holding.execute("SELECT FROM cases WHERE id = $1 FOR UPDATE", UUID(case["id"]))
        assert (await own.look(), woken) == (False, [])
    assert (await client.post("/v1/modules/cases/disable?cascade=true")).is_success
    assert (await own.look(), woken) == (False, [])
    assert (await client.post("/v1/modules/cases/enable?cascade=true")).is_success
    assert (await own.look(), woken) == (False, [True])
    assert (await client.read(f"cases/{case['id']}"))["is_escalated"] is True
    assert (await own.look(), woken) == (False, [True])


async def test_many_cases_are_told_of_by_as_many_statements_as_one(
    client, org, owner, database, statements
):
    team = await client.made("teams", {"name": "Second line"})
    me = await user_of(client)
    await client.made("team-members", {"team_id": team["id"], "user_id": me})
    steps = [{"percent": 50, "target": "resolution", "notify_teams": [team["id"]]}]
    await policy_of(client, escalations=steps)
    for case in [await client.made("cases", SUBJECT) for _ in range(6)]:
        await age(owner, case, 40)
    async with statements() as found:
        await tick_of(org, database).look()
    assert len([sql for sql in found.work if "team_members" in sql]) == 1
    told = [e for e in (await client.read("events", limit=200))["data"] if e["type"] == NOTICE]
    assert [e["data"]["users"] for e in told] == [[me]] * 6
