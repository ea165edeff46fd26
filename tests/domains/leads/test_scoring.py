"""Scores by rules: added up by category, kept by what changes, and explained."""

from support.clients import pointers, problem
from support.members import custom_role, member

BANK = {"industry": {"eq": "bank"}}


async def rule_of(api, points, category="fit", filter=BANK):
    body = {"name": "Rule", "category": category, "points": points, "filter": filter}
    return await api.made("lead-score-rules", body)


async def test_points_are_added_up_by_category_and_kept_within_bounds(client):
    await rule_of(client, 70)
    await rule_of(client, 60, filter={"employees": {"gte": 1000}})
    await rule_of(client, -30, "engagement", {"medium": {"eq": "cpc"}})
    bank = await client.made("leads", {"last_name": "Person", "industry": "bank"})
    assert (bank["fit_score"], bank["engagement_score"], bank["score"]) == (70, 0, 35)
    grown = await client.changed(f"leads/{bank['id']}", {"employees": 2000, "medium": "cpc"})
    assert (grown["fit_score"], grown["engagement_score"]) == (100, 0)
    by_hand = await client.changed(f"leads/{bank['id']}", {"fit_score": 3})
    assert by_hand["fit_score"] == 100


async def test_what_is_set_by_hand_stays_where_there_are_no_rules_of_its_category(client):
    await rule_of(client, 70)
    body = {"last_name": "Person", "industry": "bank", "engagement_score": 10}
    lead = await client.made("leads", body)
    assert (lead["fit_score"], lead["engagement_score"], lead["score"]) == (70, 10, 40)


async def test_a_score_is_explained(client):
    first = await rule_of(client, 70)
    other = await rule_of(client, 20, filter={"industry": {"eq": "shop"}})
    lead = await client.made("leads", {"last_name": "Person", "industry": "bank"})
    told = await client.read(f"leads/{lead['id']}/score")
    assert (told["fit_score"], told["score"]) == (70, 70)
    assert {rule["rule_id"]: rule["passed"] for rule in told["rules"]} == {
        first["id"]: True,
        other["id"]: False,
    }
    found = await client.data(
        "query($i: UUID!) { leadScore(id: $i) { score rules { points passed } } }", i=lead["id"]
    )
    assert found["leadScore"]["score"] == 70


async def test_a_rule_that_changes_scores_what_is_there(client, worker):
    lead = await client.made("leads", {"last_name": "Person", "industry": "bank"})
    rule = await rule_of(client, 70)
    await client.idle()
    assert (await client.read(f"leads/{lead['id']}"))["fit_score"] == 70
    await client.changed(f"lead-score-rules/{rule['id']}", {"points": 40})
    await client.idle()
    assert (await client.read(f"leads/{lead['id']}"))["fit_score"] == 40
    types = [event["type"] for event in await client.told(lead["id"], 3)]
    assert types.count("lead.scored") == 2


async def test_a_rule_whose_filter_does_not_fit_is_refused(client):
    body = {"name": "Rule", "category": "fit", "points": 1, "filter": {"shoe": {"eq": 1}}}
    found = problem(await client.post("/v1/lead-score-rules", json=body), 422)
    assert pointers(found) == ["/filter/shoe"]


async def test_a_lead_that_waits_for_a_response_is_in_the_queue_of_its_owner(client):
    levels = {"*": dict.fromkeys(("read", "create", "update"), "all")}
    one = await member(client, await custom_role(client, levels=levels))
    body = {"last_name": "Person", "owner_id": one.id, "fit_score": 90}
    lead = await client.made("leads", body)
    (item,) = (await one.api.read("me/next"))["data"]
    assert (item["kind"], item["title"]) == ("lead", "Person")
    assert item["record"] == {"target": "lead", "record_id": lead["id"]}
    assert (await one.api.post(f"/v1/leads/{lead['id']}/accept")).status_code == 200
    assert (await one.api.read("me/next"))["data"] == []
