"""The calendar of marketing, and how often people are reached."""

from support.campaigns import campaign, done, person, segment
from support.clients import problem
from support.journeys import END, running

MARCH = {"from": "2027-03-01", "to": "2027-03-31"}


def days(starts_on, ends_on=None):
    return {"starts_on": starts_on, "ends_on": ends_on or starts_on}


async def test_it_shows_what_goes_on_by_day(client):
    spring = await client.made("campaigns", {"name": "Spring", **days("2027-02-20", "2027-03-02")})
    below = {"level": "tactic", "parent_id": spring["id"], "kind": "ads"}
    ads = await client.made("campaigns", {"name": "Ads", **below, **days("2027-03-02")})
    await client.made("campaigns", {"name": "Later", **days("2027-05-01")})
    await client.made("campaigns", {"name": "Some day"})
    found = await client.read("marketing-calendar", **MARCH)
    assert [(o["kind"], o["name"], o["status"], o["starts_on"]) for o in found["items"]] == [
        ("campaign", "Spring", "draft", "2027-02-20"),
        ("tactic", "Ads", "draft", "2027-03-02"),
    ]
    assert found["days"] == [
        {"day": "2027-03-01", "ids": [spring["id"]]},
        {"day": "2027-03-02", "ids": [spring["id"], ads["id"]]},
    ]
    query = (
        'query { marketingCalendar(since: "2027-03-01", until: "2027-03-31") '
        "{ items { name } days { day ids } } }"
    )
    data = (await client.data(query))["marketingCalendar"]
    assert [one["name"] for one in data["items"]] == ["Spring", "Ads"]
    assert len(data["days"]) == 2


async def test_published_journeys_are_in_it(client):
    made = await running(client, END)
    today = made["updated_at"][:10]
    found = await client.read("marketing-calendar", **{"from": today, "to": today})
    assert [(o["kind"], o["id"]) for o in found["items"]] == [("journey", made["id"])]


async def test_spans_are_checked(client):
    for path in ("marketing-calendar", "marketing-calendar/pressure"):
        for until in ("2027-02-28", "2029-01-01"):
            params = {"from": "2027-03-01", "to": until}
            answer = await client.get(f"/v1/{path}", params=params)
            assert [one["parameter"] for one in problem(answer, 422)["errors"]] == ["to"]


async def test_pressure_counts_people_by_week_and_by_two_campaigns(client):
    ids = [await person(client) for _ in range(4)]
    some, most, none = (
        await segment(client, *ids[:2]),
        await segment(client, *ids[1:]),
        await segment(client, ids[3]),
    )
    first = await campaign(client, some, **days("2027-03-01", "2027-03-10"))
    other = await campaign(
        client, most, exclude_segment_ids=[none], **days("2027-03-03", "2027-03-05")
    )
    await campaign(client, some, **days("2027-03-15"))
    gone = await campaign(client, some, **days("2027-03-16"))
    await done(client, gone, "cancel")
    await done(client, first, "launch")
    rule = {"name": "Once a week", "subject": "contact", "effect": "block", "most": 1, "days": 7}
    cap = await client.made("guard-rules", rule)
    few = await client.made("guard-rules", {**rule, "name": "Some", "filter": {"title": "Boss"}})
    found = await client.read("marketing-calendar/pressure", **MARCH)
    assert found["weeks"] == [
        {
            "week": "2027-03-01",
            "contacts": 3,
            "counts": [{"times": 1, "contacts": 2}, {"times": 2, "contacts": 1}],
        },
        {"week": "2027-03-15", "contacts": 2, "counts": [{"times": 1, "contacts": 2}]},
    ]
    (shared,) = found["overlaps"]
    assert {shared["campaign_id"], shared["other_id"]} == {first, other}
    assert shared["contacts"] == 1
    assert {one["guard_rule_id"]: one["contacts"] for one in found["above"]} == {
        cap["id"]: 1,
        few["id"]: None,
    }
    query = (
        'query { marketingPressure(since: "2027-03-01", until: "2027-03-31") '
        "{ weeks { week contacts } overlaps { contacts } above { contacts } } }"
    )
    data = (await client.data(query))["marketingPressure"]
    assert [one["contacts"] for one in data["weeks"]] == [3, 2]
