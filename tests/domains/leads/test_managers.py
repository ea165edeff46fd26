"""What members of a pool have let go is the manager's, or theirs who stands above."""

from domains.leads.test_coming_back import lapsed, returned
from domains.leads.test_simulating import simulated
from support.leads import captured, give_all, owner_of, pool_of, rule_of, users_of
from support.members import custom_role, new_user

SEES = {"leads": dict.fromkeys(("read", "update"), "own")}


async def managers_of(client, lead):
    told = await client.read(f"leads/{lead['id']}/explain")
    return [(one["user_id"], one["excluded"]) for one in told["managers"]]


async def led_by(client, lead_id, *members, parent=None):
    """A team with who leads it."""
    team = await client.made("teams", {"name": "Sales", "parent_id": parent})
    for user, is_lead in [(lead_id, True), *((one, False) for one in members)]:
        body = {"team_id": team["id"], "user_id": user, "is_lead": is_lead}
        await client.made("team-members", body)
    return team["id"]


async def test_the_next_one_up_gets_what_a_manager_cannot_have(client, database, owner, org):
    role, blind = await custom_role(client, levels=SEES), await custom_role(client, levels={})
    (rep,) = await users_of(client, 1)
    boss, head, top = [await new_user(client, role) for _ in range(3)]
    nobody = await new_user(client, blind)
    admin = await new_user(client, await custom_role(client, permissions=["*"]))
    above = await led_by(client, top)
    await led_by(client, nobody, boss, parent=above)
    await led_by(client, head, boss, parent=above)
    more = {"manager_id": boss, "response_minutes": 30, "max_hops": 0}
    await rule_of(client, await pool_of(client, {rep: 1}, **more))
    (lead, other) = await captured(client, 2)
    await give_all(database, org)
    await lapsed(database, owner, lead)
    await give_all(database, org)
    assert await owner_of(client, lead) == boss
    assert await managers_of(client, lead) == [(boss, None)]
    # Who gives it back is passed over, as a member is.
    expected = [(boss, "had_it"), (nobody, "sees_no_leads"), (head, None)]
    await returned(client, lead)
    await give_all(database, org)
    found = await managers_of(client, lead)
    assert (found[0], found[-1], set(found) <= set(expected)) == (expected[0], expected[-1], True)
    assert await owner_of(client, lead) == head
    for passed, now in ((head, top), (top, admin)):
        await returned(client, lead)
        await give_all(database, org)
        assert await owner_of(client, lead) == now
        assert (passed, "had_it") in await managers_of(client, lead)
    told = await client.read(f"leads/{lead['id']}/explain")
    assert (told["kind"], told["reason"]) == ("escalation", "hops_exhausted")
    asked = "query($i: UUID!) { leadExplanation(id: $i) { managers { userId excluded } } }"
    found = (await client.data(asked, i=lead["id"]))["leadExplanation"]["managers"]
    assert found[-1] == {"userId": admin, "excluded": None}
    # And so is who is gone.
    assert (await client.delete(f"/v1/users/{boss}")).status_code == 204
    await returned(client, other)
    await give_all(database, org)
    assert (await managers_of(client, other))[0] == (boss, "inactive")
    assert await owner_of(client, other) == head


async def test_what_no_manager_can_have_waits_and_says_why(client, database, org):
    role = await custom_role(client, levels={})
    rep, boss = *await users_of(client, 1), await new_user(client, role)
    await rule_of(client, await pool_of(client, {rep: 1}, manager_id=boss))
    (lead,) = await captured(client, 1)
    await give_all(database, org)
    await returned(client, lead)
    await give_all(database, org)
    waiting = await client.read(f"leads/{lead['id']}")
    assert (waiting["owner_id"], waiting["unassigned_reason"]) == (None, "all_had_it")
    assert await managers_of(client, lead) == [(boss, "sees_no_leads")]
    found = await simulated(client)
    assert (found["left"], found["responses"]["escalated"]) == ({"all_had_it": 1}, 0)
    # Rights are looked at again, without anything else happening.
    await client.changed(f"roles/{role}", {"levels": SEES})
    await give_all(database, org)
    assert await owner_of(client, lead) == boss
    assert (await simulated(client))["responses"]["escalated"] == 1
