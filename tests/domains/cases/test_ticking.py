"""What a tick leaves alone: cases that others hold, and those of whoever has switched them off."""

import asyncio
from itertools import pairwise
from uuid import UUID

from crm_api.domains.cases.ticking import Tick
from crm_api.kit.jobs import Workplace
from crm_api.platform.notifications.events import NOTICE
from support.sla import SUBJECT, age, policy_of, user_of


def tick_of(org, database, wake=lambda: None, at_once=Tick.at_once):
    """The tick of one organization: others may have something to do as well."""

    class OwnTick(Tick):
        sql = f"SELECT t.* FROM ({Tick.sql}) t WHERE t.id = '{org.id}'"

    OwnTick.at_once = at_once

    return OwnTick(Workplace(database, database, lambda: None, again=wake))


async def test_whoever_can_do_nothing_wakes_nobody(client, org, owner, database):
    """Else a worker would look again at once, and again, as long as it is so."""
    await policy_of(client, escalations=[{"percent": 100, "raises": True}])
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 65)
    woken: list[bool] = []

    own = tick_of(org, database, lambda: woken.append(True))
    async with owner.acquire() as holding, holding.transaction():
        await holding.execute("SELECT FROM cases WHERE id = $1 FOR UPDATE", UUID(case["id"]))
        assert (await own.look(), woken) == (None, [])
    assert (await client.post("/v1/modules/cases/disable?cascade=true")).is_success
    assert (await own.look(), woken) == (None, [])
    assert (await client.post("/v1/modules/cases/enable?cascade=true")).is_success
    assert (await own.look(), woken) == (False, [True])
    assert (await client.read(f"cases/{case['id']}"))["is_escalated"] is True
    assert (await own.look(), woken) == (None, [True])


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


async def test_two_workers_with_two_transactions_each_take_every_step_once(
    client, org, owner, database
):
    """Each takes two cases at a time, past those that the others hold."""
    await policy_of(client, escalations=[{"percent": 50, "raises": True}])
    cases = [await client.made("cases", SUBJECT) for _ in range(15)]
    for case in cases:
        await age(owner, case, 65)

    async def work():
        ticking = tick_of(org, database, at_once=2)
        return [more async for more in looks(ticking)]

    first, second = await asyncio.gather(work(), work())
    assert True in first + second
    while await tick_of(org, database).look():
        pass
    events = (await client.read("events", limit=200))["data"]
    for case in cases:
        told = [e for e in events if e["record_id"] == case["id"] and "percent" in e["data"]]
        steps = [(e["data"]["target"], e["data"]["percent"]) for e in told]
        expected = [
            (target, share) for target in ("first_response", "resolution") for share in (50, 100)
        ]
        assert sorted(steps) == expected
        after = await client.read(f"cases/{case['id']}")
        assert (after["version"], after["sla_state"]) == (1 + len(steps), "breached")
        assert [c["escalated"] for c in after["clocks"]] == [[50, 100]] * 2
        # What one event tells as new the next one knows as what was before.
        assert [e["version"] for e in told] == list(range(2, 2 + len(steps)))
        for earlier, later in pairwise(told):
            assert later["previous"]["clocks"] == earlier["data"]["clocks"]


async def looks(ticking):
    """What a worker finds out, look after look, until there is no more."""
    more = True
    while more:
        more = await ticking.look()
        yield more


async def test_formulas_follow_what_a_tick_changes(client, org, owner, database):
    """They may be about any column, also such as no clock goes by."""
    formula = "upper(subject) if escalation_level >= 100 else upper(description)"
    field = {"target": "case", "name": "headline", "type": "formula", "formula": formula}
    field |= {"result_type": "text", "searchable": True}
    await client.made("custom-fields", field)
    await policy_of(client)
    case = await client.made("cases", {**SUBJECT, "description": "By no clock."})
    assert case["custom"]["headline"] == "BY NO CLOCK."
    await age(owner, case, 65)
    await tick_of(org, database).look()
    said = SUBJECT["subject"].upper()
    after = await client.read(f"cases/{case['id']}")
    assert (after["custom"]["headline"], after["description"]) == (said, "By no clock.")
    found = await client.read("cases", **{"filter[custom][headline]": said})
    assert [one["id"] for one in found["data"]] == [case["id"]]
    assert (await client.read("search", q=said))["data"][0]["id"] == case["id"]
