"""Points that fade, count events and have caps: as plain Python says, however they are kept."""

from datetime import datetime, timedelta
from math import floor
from random import Random

import pytest

from crm_api.domains.leads.score_jobs import SLICE
from crm_api.domains.leads.score_repository import Scores
from crm_api.domains.leads.scoring import Scoring
from crm_api.kit import clock
from crm_api.kit.db.tx import unit_of_work
from support.clients import pointers, problem, tx_of
from support.scores import age, captured_days_ago, follow_scores, rule_of

DAY = 86_400


async def track(api, contact, name, days_ago=0.0, **properties):
    at = (clock.now() - timedelta(days=days_ago)).isoformat()
    event = {"name": name, "contact_id": contact["id"], "occurred_at": at}
    body = {"events": [{**event, "properties": properties}]}
    found = (await api.post("/v1/events/track", json=body)).json()
    assert found["accepted"] == 1, found


async def known_lead(api, number, **more):
    """A lead that is matched with a contact, and that contact."""
    email = f"person.{number}@office.example"
    contact = await api.made("contacts", {"last_name": "Person", "email": email})
    lead = await api.made("leads", {"last_name": "Person", "email": email, **more})
    assert lead["matched_contact_id"] == contact["id"]
    return lead, contact


async def score_all(database, org):
    """As the job does."""
    async with unit_of_work(tx_of(database, org)) as tx:
        leads = await Scores(tx).next(None, SLICE)
        return await (await Scoring.of(tx)).keep_many(leads)


async def score_of(api, lead):
    return await api.read(f"leads/{lead['id']}/score")


def given(told, rule):
    (found,) = [one for one in told["rules"] if one["rule_id"] == rule["id"]]
    return found["given"]


async def test_half_of_the_points_is_left_after_a_half_life(client, database, owner, org):
    rule = await rule_of(client, 80, half_life_days=30)
    lead = await client.made("leads", {"last_name": "Person"})
    assert lead["fit_score"] == 80
    await captured_days_ago(owner, org, lead, 30)
    assert given(await score_of(client, lead), rule) == pytest.approx(40, abs=0.01)
    assert await score_all(database, org) == 1
    found = await client.read(f"leads/{lead['id']}")
    assert (found["fit_score"], found["band"]) == (40, "cool")


async def test_time_alone_moves_scores_once_a_day(client, database, owner, org, worker):
    await rule_of(client, 80, half_life_days=10)
    lead = await client.made("leads", {"last_name": "Person"})
    await client.idle()
    await captured_days_ago(owner, org, lead, 20)
    await age(owner, database, org)
    await client.idle()
    assert (await client.read(f"leads/{lead['id']}"))["fit_score"] == 20
    await captured_days_ago(owner, org, lead, 40)
    await age(owner, database, org, next_day=False)
    await client.idle()
    assert (await client.read(f"leads/{lead['id']}"))["fit_score"] == 20


async def test_filters_that_go_by_the_clock_age_too(client, database, owner, org, worker):
    await rule_of(client, 50, filter={"created_at": {"gte": "@now-7d"}})
    lead = await client.made("leads", {"last_name": "Person"})
    assert lead["fit_score"] == 50
    await client.idle()
    await captured_days_ago(owner, org, lead, 8)
    await age(owner, database, org)
    await client.idle()
    assert (await client.read(f"leads/{lead['id']}"))["fit_score"] == 0


async def test_points_go_by_a_field_that_says_something(client, database, owner, org):
    rule = await rule_of(client, 60, half_life_days=7, decays_by="responded_at")
    lead = await client.made("leads", {"last_name": "Person"})
    assert lead["fit_score"] == 0
    (told,) = (await score_of(client, lead))["rules"]
    assert (told["passed"], told["given"]) == (False, 0)
    field = {"target": "lead", "name": "trial_on", "label": "Trial", "type": "date"}
    await client.made("custom-fields", field)
    await client.changed(f"lead-score-rules/{rule['id']}", {"decays_by": "custom.trial_on"})
    on = (clock.now() - timedelta(days=7)).date().isoformat()
    await client.changed(f"leads/{lead['id']}", {"custom": {"trial_on": on}})
    since = (clock.now() - datetime.fromisoformat(f"{on}T00:00:00+00:00")).total_seconds() / DAY
    found = given(await score_of(client, lead), rule)
    assert found == pytest.approx(60 * 2 ** (-since / 7), abs=0.01)


async def test_events_of_the_matched_contact_count_each_up_to_a_cap(client, database, owner, org):
    event = {"did": "page.viewed", "where": {"page": "prices"}, "within_days": 100}
    rule = await rule_of(client, 10, "engagement", event=event, cap=25)
    lead, contact = await known_lead(client, 1)
    assert lead["engagement_score"] == 0
    for days in (0, 50, 99):
        await track(client, contact, "page.viewed", days, page="prices")
    await track(client, contact, "page.viewed", 1, page="jobs")
    await track(client, contact, "page.viewed", 101, page="prices")
    await track(client, contact, "mail.opened", 1, page="prices")
    told = await score_of(client, lead)
    (shown,) = told["rules"]
    assert (shown["counted"], shown["given"]) == (3, 25)
    await follow_scores(owner, database, org)
    assert (await client.read(f"leads/{lead['id']}"))["engagement_score"] == 25
    await client.changed(f"lead-score-rules/{rule['id']}", {"cap": None})
    await score_all(database, org)
    assert (await client.read(f"leads/{lead['id']}"))["engagement_score"] == 30


async def test_what_happens_to_a_related_record_moves_the_score(client, database, owner, org):
    filter = {"matched_contact": {"title": {"eq": "Director"}}}
    await rule_of(client, 40, filter=filter)
    lead, contact = await known_lead(client, 1)
    other, _ = await known_lead(client, 2)
    assert lead["fit_score"] == 0
    await client.changed(f"contacts/{contact['id']}", {"title": "Director"})
    await follow_scores(owner, database, org)
    assert (await client.read(f"leads/{lead['id']}"))["fit_score"] == 40
    assert (await client.read(f"leads/{other['id']}"))["fit_score"] == 0


async def test_behaviour_may_stand_in_the_filter(client, database, owner, org):
    filter = {"matched_contact": {"behaviour": {"did": "demo.seen", "count": {"gte": 2}}}}
    await rule_of(client, 70, "engagement", filter=filter)
    lead, contact = await known_lead(client, 1)
    for number, score in ((1, 0), (2, 70)):
        await track(client, contact, "demo.seen")
        await follow_scores(owner, database, org)
        found = (await client.read(f"leads/{lead['id']}"))["engagement_score"]
        assert found == score, number


async def test_scores_are_what_plain_python_makes_of_the_rules(client, database, owner, org):
    chance = Random(11)
    rules = [
        await rule_of(client, 35, filter={"industry": {"eq": "bank"}}),
        await rule_of(client, 40, half_life_days=45),
        await rule_of(client, 9, "engagement", event={"did": "page.viewed"}, cap=30),
        await rule_of(
            client, 12, "engagement", event={"did": "mail.opened"}, half_life_days=20, cap=50
        ),
        await rule_of(client, -8, "negative", event={"did": "mail.bounced"}, cap=20),
        await rule_of(client, -15, "negative", filter={"country": {"is_null": True}}),
    ]
    leads, ages, deeds = [], [], []
    for number in range(8):
        more = {"industry": chance.choice(("bank", "shop")), "country": chance.choice(("DE", None))}
        lead, contact = await known_lead(client, number, **more)
        ages.append(chance.uniform(0, 200))
        await captured_days_ago(owner, org, lead, ages[-1])
        done = [
            (chance.choice(("page.viewed", "mail.opened", "mail.bounced")), chance.uniform(0, 90))
            for _ in range(chance.randrange(9))
        ]
        for name, days in done:
            await track(client, contact, name, days)
        leads.append({**lead, **more})
        deeds.append(done)
    await score_all(database, org)
    for lead, old, done in zip(leads, ages, deeds, strict=True):
        points = [_plain(rule, lead, old, done) for rule in rules]
        by = {
            category: sum(
                p for r, p in zip(rules, points, strict=True) if r["category"] == category
            )
            for category in ("fit", "engagement", "negative")
        }
        told = await score_of(client, lead)
        assert [given(told, rule) for rule in rules] == pytest.approx(points, abs=0.01)
        fit = max(0, min(100, floor(by["fit"] + 0.5)))
        engagement = max(0, min(100, floor(by["engagement"] + 0.5)))
        negative = max(-100, min(0, floor(by["negative"] + 0.5)))
        assert (told["fit_score"], told["engagement_score"], told["negative_score"]) == (
            *(pytest.approx(one, abs=1) for one in (fit, engagement, negative)),
        )
        score = max(0, min(100, round((told["fit_score"] + told["engagement_score"]) / 2)))
        assert told["score"] == max(0, score + told["negative_score"])


def _plain(rule, lead, old, done):
    """The points of a rule, word for word as its description says."""
    for field, (test,) in ((f, t.items()) for f, t in rule["filter"].items()):
        operator, wanted = test
        value = lead[field]
        if not (value == wanted if operator == "eq" else (value is None) == wanted):
            return 0
    half_life = rule["half_life_days"]
    if rule["event"] is None:
        ages = [old]
    else:
        ages = [days for name, days in done if name == rule["event"]["did"]]
    times = sum(1 if half_life is None else 2 ** (-one / half_life) for one in ages)
    points = rule["points"] * times
    cap = rule["cap"]
    return points if cap is None else max(-cap, min(cap, points))


async def test_caps_of_categories_are_settings(client, worker):
    await rule_of(client, 90)
    await rule_of(client, -50, "negative")
    lead = await client.made("leads", {"last_name": "Person"})
    assert (lead["fit_score"], lead["negative_score"], lead["score"]) == (90, -50, 40)
    held = await client.read("lead-scores/settings")
    assert held == {"fit_cap": 100, "engagement_cap": 100, "negative_cap": 100}
    wanted = {"fit_cap": 60, "negative_cap": 10}
    answer = await client.put("/v1/lead-scores/settings", json=wanted)
    assert answer.json() == {"fit_cap": 60, "engagement_cap": 100, "negative_cap": 10}
    await client.idle()
    found = await client.read(f"leads/{lead['id']}")
    assert (found["fit_score"], found["negative_score"], found["score"]) == (60, -10, 50)
    told = await client.data("{ leadScoreSettings { fitCap } }")
    assert told["leadScoreSettings"]["fitCap"] == 60


async def test_another_band_is_told_once(client):
    rule = await rule_of(client, 80, filter={"industry": {"eq": "bank"}})
    lead = await client.made("leads", {"last_name": "Person"})
    await client.changed(f"leads/{lead['id']}", {"industry": "bank"})
    await client.changed(f"leads/{lead['id']}", {"title": "Director"})
    events = await client.told(lead["id"], 5)
    moved = [e["data"] for e in events if e["type"] == "lead.band_changed"]
    assert moved == [
        {"before": None, "band": "cold", "score": 0},
        {"before": "cold", "band": "hot", "score": 80},
    ]
    assert rule["is_active"]


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"category": "negative", "points": 5}, "/points"),
        ({"cap": 5}, "/cap"),
        ({"decays_by": "created_at"}, "/decays_by"),
        ({"decays_by": "updated_at", "half_life_days": 5}, "/decays_by"),
        ({"decays_by": "custom.no", "half_life_days": 5}, "/decays_by"),
        ({"half_life_days": 0}, "/half_life_days"),
        ({"event": {"did": "page.viewed", "where": {"a": [1]}}}, "/event/where"),
        ({"event": {"did": "p.v"}, "half_life_days": 5, "decays_by": "created_at"}, "/decays_by"),
    ],
)
async def test_parts_that_do_not_go_together_are_refused(client, more, pointer):
    body = {"name": "Rule", "category": "fit", "points": 5, "filter": {}, **more}
    found = problem(await client.post("/v1/lead-score-rules", json=body), 422)
    assert pointers(found) == [pointer]


@pytest.mark.parametrize(
    "filter",
    [
        {"score": {"gte": 50}},
        {"not": {"or": [{"band": {"eq": "hot"}}, {"industry": {"eq": "bank"}}]}},
        {"matched_contact": {"matched_leads": {"some": {"probability": {"gte": 50}}}}},
        {"matched_contact": {"matched_leads": {"max": {"field": "score", "gte": 50}}}},
        {"matched_contact": {"matched_leads": {"count": {"where": {"score": 1}, "gte": 1}}}},
    ],
)
async def test_scores_do_not_go_by_scores(client, filter):
    body = {"name": "Rule", "category": "fit", "points": 5, "filter": filter}
    found = problem(await client.post("/v1/lead-score-rules", json=body), 422)
    assert found["errors"][0]["code"] == "score_cycle"


async def test_segments_of_contacts_speak_of_the_scores_of_leads(client):
    await rule_of(client, 80, filter={"industry": {"eq": "bank"}})
    _, wanted = await known_lead(client, 1, industry="bank")
    await known_lead(client, 2)
    filter = {"matched_leads": {"some": {"band": {"eq": "hot"}, "score": {"gte": 70}}}}
    body = {"target": "contact", "filter": filter}
    found = (await client.post("/v1/segments/preview", json=body)).json()
    assert found["count"] == 1
    assert found["sample"][0]["id"] == wanted["id"]


async def test_leads_are_filtered_and_sorted_by_what_they_score(client):
    await rule_of(client, 80, filter={"industry": {"eq": "bank"}})
    await rule_of(client, 30, filter={"industry": {"eq": "shop"}})
    made = {
        industry: await client.made("leads", {"last_name": "Person", "industry": industry})
        for industry in ("bank", "shop", "farm")
    }
    found = await client.read("leads", **{"filter[band]": "cool"})
    assert [one["id"] for one in found["data"]] == [made["shop"]["id"]]
    found = await client.read("leads", sort="-score")
    assert [one["industry"] for one in found["data"]] == ["bank", "shop", "farm"]
