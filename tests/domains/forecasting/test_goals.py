"""Goals: how far they are, and milestones that are told once."""

from datetime import UTC, datetime, timedelta

from crm_api.domains.forecasting.jobs import tell_milestones
from support.clients import pointers, problem
from support.members import custom_role, member, new_user, team
from support.selling import act, deal, pipeline


async def goal(client, **more):
    today = datetime.now(UTC).date()
    days = {"starts_on": str(today - timedelta(days=5)), "ends_on": str(today + timedelta(days=5))}
    return await client.made("goals", {"name": "Sales", "target": "100", **days, **more})


async def progress(api, made):
    found = await api.read(f"goals/{made['id']}/progress")
    return found["reached"], found["attainment"]["value"]


async def test_what_counts_towards_a_goal(client):
    where, elsewhere = await pipeline(client), await pipeline(client)
    users = [await new_user(client) for _ in range(2)]
    group = await client.made("teams", {"name": "Example Team"})
    await client.made("team-members", {"team_id": group["id"], "user_id": users[0]})
    one, two = users
    for user, place, amount in ((one, where, "40"), (two, where, "20"), (one, elsewhere, "10")):
        made = await deal(client, place, amount=amount, owner_id=user)
        await act(client, made["id"], "win")
    await deal(client, where, amount="1000", owner_id=users[0])
    old = await deal(client, where, amount="500")
    await act(client, old["id"], "win", closed_on="2020-01-01")
    assert await progress(client, await goal(client)) == ("70.00", "0.7000")
    assert await progress(client, await goal(client, user_id=users[0])) == ("50.00", "0.5000")
    assert await progress(client, await goal(client, team_id=group["id"])) == ("50.00", "0.5000")
    own = await goal(client, pipeline_id=where.id, metric="won_count", target="4")
    assert await progress(client, own) == ("2.00", "0.5000")
    new = await goal(client, metric="new_deals", target="10")
    assert await progress(client, new) == ("5.00", "0.5000")


async def test_milestones_are_told_once(client, database):
    where = await pipeline(client)
    made = await goal(client, milestones=[100, 50, 25])
    won = await deal(client, where, amount="60")
    await act(client, won["id"], "win")
    for _ in range(3):
        await tell_milestones(database, None)
    _, *events = await client.told(made["id"], 3)
    told = [(event["type"], event["data"]["milestone"]) for event in events]
    assert told == [("goal.milestone", 25), ("goal.milestone", 50)]
    assert (await client.read(f"goals/{made['id']}"))["reached"] == [25, 50]
    more = await deal(client, where, amount="40")
    await act(client, more["id"], "win")
    await tell_milestones(database, None)
    assert (await client.read(f"goals/{made['id']}"))["reached"] == [25, 50, 100]


async def test_goals_that_make_no_sense(client):
    made = await goal(client)
    for body, pointer in (
        ({"ends_on": "2020-01-01"}, "/ends_on"),
        ({"milestones": [0]}, "/milestones/0"),
        ({"milestones": [50, 50]}, "/milestones"),
        ({"target": "0"}, "/target"),
    ):
        answer = await client.patch(f"/v1/goals/{made['id']}", json=body)
        assert pointers(problem(answer, 422)) == [pointer]
    body = {"user_id": await new_user(client), "team_id": await team(client)}
    answer = await client.patch(f"/v1/goals/{made['id']}", json=body)
    assert pointers(problem(answer, 422)) == ["/team_id"]


async def test_the_same_over_graphql(client):
    made = await goal(client)
    document = "query($id: UUID!) { goalProgress(id: $id) { reached left attainment { value } } }"
    found = (await client.data(document, id=made["id"]))["goalProgress"]
    assert found == {"reached": "0.00", "left": "100.00", "attainment": {"value": "0.0000"}}


async def test_goals_do_not_tell_when_deals_close(client):
    masks = {"deal": {"hidden": ["closes_on"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    blind = (await member(client, role)).api
    won, new = await goal(client), await goal(client, metric="new_deals")
    problem(await blind.get(f"/v1/goals/{won['id']}/progress"), 403, "hidden_field")
    assert (await progress(blind, new))[0] == "0.00"
