"""What the steps of a policy change of a case counts for its clocks at once."""

from support.sla import SUBJECT, age, clock, policy_of, tick


async def test_a_step_that_hands_a_case_over_counts_by_the_state_it_is_in_then(
    client, owner, database
):
    team = await client.made("teams", {"name": "Second line"})
    steps = [{"percent": 50, "target": "resolution", "reassign_to_team": team["id"]}]
    await policy_of(client, escalations=steps, pause_statuses=["assigned"])
    case = await client.made("cases", SUBJECT)
    await age(owner, case, 40)
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (found["status"], found["sla_state"]) == ("assigned", "paused")
    assert clock(found)["left_minutes"] in {19, 20}
    # So it is after the next change, which reckons from the beginning.
    changed = await client.changed(f"cases/{case['id']}", {"severity": "minor"})
    assert (changed["sla_state"], clock(changed)["paused_at"]) == (
        "paused",
        clock(found)["paused_at"],
    )


async def test_a_step_that_hands_a_case_over_has_it_go_by_the_policy_of_who_gets_it(
    client, owner, database
):
    team = await client.made("teams", {"name": "Second line"})
    steps = [{"percent": 50, "target": "resolution", "reassign_to_team": team["id"]}]
    first = await policy_of(client, position=9, escalations=steps)
    calendar = {"id": first["calendar_id"]}
    own = {"filter": {"team_id": {"eq": team["id"]}}, "position": 1}
    second = await policy_of(client, name="Second line", minutes=600, calendar=calendar, **own)
    case = await client.made("cases", SUBJECT)
    assert case["sla_policy_id"] == first["id"]
    await age(owner, case, 40)
    await tick(database)
    found = await client.read(f"cases/{case['id']}")
    assert (found["team_id"], found["sla_policy_id"]) == (team["id"], second["id"])
    assert clock(found)["minutes"] == 600
