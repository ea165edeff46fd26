"""Attribution and the results of campaigns, over both faces, of what is seen."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest

from support.clients import pointers, problem
from support.members import custom_role, member, new_user
from support.waiting import patiently

NONE = dict.fromkeys(("read", "create", "update", "delete"), "none")
OWN = dict.fromkeys(("read", "create", "update", "delete"), "own")


def ago(**more):
    return (datetime.now(UTC) - timedelta(**more)).isoformat()


async def person(client, **more):
    return (await client.made("contacts", {"last_name": "Person", **more}))["id"]


async def campaign(client, name=None, **more):
    body = {"name": name or f"Campaign {uuid4().hex}", **more}
    return (await client.made("campaigns", body))["id"]


async def track(client, *events):
    body = {"events": [{"name": "page.viewed", **one} for one in events]}
    answer = await client.post("/v1/events/track", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["refused"] == 0, answer.text


async def came(client, contact, campaign=None, days=1, name="page.viewed", **properties):
    told = {"name": name, "contact_id": contact, "occurred_at": ago(days=days)}
    said = {} if campaign is None else {"campaign_id": campaign}
    await track(client, {**told, "properties": {**said, **properties}})


async def won(client, contact, amount="100.00", **more):
    deal = await client.made(
        "deals", {"name": "Office", "contact_id": contact, "amount": amount, **more}
    )
    answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    return deal["id"]


async def kept(client, number, **asked):
    """The conversions by campaign, once there are so many touches on their ways."""
    found = {}
    async for _ in patiently():
        found = await client.read("attribution", **asked)
        if sum(row["touched"] for row in found["data"]) >= number:
            break
    assert sum(row["touched"] for row in found["data"]) == number, found
    return found


async def path(client, deal, number, **asked):
    """The touches of a conversion, once there are so many."""
    touches = []
    async for _ in patiently():
        touches = (await client.read(f"attribution/conversions/{deal}", **asked))["touches"]
        if len(touches) >= number:
            break
    assert len(touches) == number, touches
    return touches


def by(found, name):
    return {row[name]: (row["conversions"], row["value"]) for row in found["data"]}


@pytest.fixture
async def sold(client, worker):
    """A deal of 100.00 whose buyer came by a mail, an advertisement, and by themselves."""
    mail, ads = await campaign(client, "Spring mail"), await campaign(client, "Ads", kind="ads")
    buyer = await person(client)
    await came(client, buyer, mail, days=20, name="email.clicked")
    await came(client, buyer, days=8, utm_campaign="ADS", utm_medium="cpc", utm_source="search")
    await came(client, buyer, days=1, channel="direct")
    deal = await won(client, buyer)
    await kept(client, 3)
    return mail, ads, buyer, deal


async def test_conversions_are_shared_out_over_their_touches(client, sold):
    mail, ads, _, deal = sold
    found = await client.read("attribution", model="linear")
    assert by(found, "campaign_id") == {
        mail: ("0.333334", "33.34"),
        ads: ("0.333333", "33.33"),
        None: ("0.333333", "33.33"),
    }
    assert (found["conversions"], found["value"]) == (1, "100.00")
    assert (found["attributed_conversions"], found["attributed_value"]) == (1, "100.00")
    for model, expected in (
        ("first", {mail: "1", ads: "0", None: "0"}),
        ("last", {mail: "0", ads: "0", None: "1"}),
        ("last_non_direct", {mail: "0", ads: "1", None: "0"}),
        ("position", {mail: "0.4", ads: "0.2", None: "0.4"}),
        ("shapley", {mail: "0.333334", ads: "0.333333", None: "0.333333"}),
        ("markov", {mail: "0.333334", ads: "0.333333", None: "0.333333"}),
    ):
        found = await client.read("attribution", model=model)
        assert {row["campaign_id"]: row["conversions"] for row in found["data"]} == expected
    channels = await client.read("attribution", by="channel")
    assert {row["channel"] for row in channels["data"]} == {"email", "ads", "direct"}
    one = await client.read(f"attribution/conversions/{deal}", model="time_decay")
    assert [t["campaign_id"] for t in one["touches"]] == [mail, ads, None]
    assert [t["kind"] for t in one["touches"]] == ["clicked", "visited", "visited"]
    assert sum(Decimal(t["weight"]) for t in one["touches"]) == 1
    assert sum(Decimal(t["value"]) for t in one["touches"]) == Decimal("100.00")
    weights = [Decimal(t["weight"]) for t in one["touches"]]
    assert weights == sorted(weights)


async def test_both_faces_tell_the_same(client, sold):
    mail, _, _, deal = sold
    rest = await client.read("attribution", model="position", by="channel", period="month")
    document = """{ attribution(model: "position", by: "channel", period: "month") {
        conversions value attributedValue data { period channel conversions value touched } } }"""
    shown = (await client.data(document))["attribution"]
    assert (shown["conversions"], shown["value"]) == (rest["conversions"], rest["value"])
    names = ("period", "channel", "conversions", "value", "touched")
    assert shown["data"] == [{name: row[name] for name in names} for row in rest["data"]]
    document = """query($id: UUID!) { attributedConversion(id: $id) {
        touches { campaignId weight } } }"""
    shown = (await client.data(document, id=deal))["attributedConversion"]
    rest = await client.read(f"attribution/conversions/{deal}")
    expected = [(t["campaign_id"], t["weight"]) for t in rest["touches"]]
    assert [(t["campaignId"], t["weight"]) for t in shown["touches"]] == expected
    document = """query($id: UUID!) { campaignResults(id: $id) {
        total { won revenue roi costPerLead } funnel { step count } uplift { uplift } } }"""
    shown = (await client.data(document, id=mail))["campaignResults"]
    rest = await client.read(f"campaigns/{mail}/results")
    assert shown["total"] == {
        "won": rest["total"]["won"],
        "revenue": rest["total"]["revenue"],
        "roi": None,
        "costPerLead": None,
    }
    assert [step["count"] for step in shown["funnel"]] == [s["count"] for s in rest["funnel"]]
    document = 'query($id: UUID!) { campaignResultChart(id: $id, chart: "channels") }'
    drawn = (await client.data(document, id=mail))["campaignResultChart"]
    assert drawn == await client.read(f"campaigns/{mail}/results/chart", chart="channels")


async def test_touches_count_once_and_within_their_time(client, worker):
    id = await campaign(client)
    buyer = await person(client)
    at = ago(days=3)
    first = {"contact_id": buyer, "occurred_at": at, "properties": {"campaign_id": id}}
    # Told twice, and again within the session.
    await track(client, {**first, "client_id": "a"}, {**first, "client_id": "a"})
    await track(client, {**first, "name": "page.left"})
    await came(client, buyer, id, days=200)
    await came(client, buyer, id, days=2, name="email.sent")
    deal = await won(client, buyer)
    await kept(client, 1)
    shown = await client.read(f"attribution/conversions/{deal}")
    assert [(t["kind"], t["weight"]) for t in shown["touches"]] == [("visited", "1")]
    settings = await client.read("attribution/settings")
    assert (settings["lookback_days"], settings["half_life_days"]) == (90, 7)
    body = {**settings, "lookback_days": 365, "counted_kinds": ["sent", "visited"]}
    answer = await client.put("/v1/attribution/settings", json=body)
    assert answer.status_code == 200, answer.text
    touches = await path(client, deal, 3)
    assert [t["kind"] for t in touches] == ["visited", "visited", "sent"]
    bad = {**settings, "lookback_days": 0}
    answer = await client.put("/v1/attribution/settings", json=bad)
    assert list(pointers(problem(answer, 422))) == ["/lookback_days"]


async def test_leads_and_activities_touch_whom_they_are_of(client, worker):
    id = await campaign(client, "Trade fair", kind="event")
    buyer = await person(client)
    link = {"target": "campaign", "record_id": id}
    call = {"kind": "call", "subject": "Asked for a date", "status": "completed"}
    await client.made("activities", {**call, "contact_id": buyer, "links": [link]})
    await client.made("activities", {**call, "contact_id": buyer})
    lead = {"last_name": "Person", "company_name": "Example", "campaign": "trade fair"}
    lead = await client.made("leads", {**lead, "owner_id": await new_user(client)})
    answer = await client.post(f"/v1/leads/{lead['id']}/convert", json={"contact_id": buyer})
    assert answer.status_code == 200, answer.text
    deal = await won(client, buyer)
    touches = await path(client, deal, 2)
    assert {t["kind"] for t in touches} == {"met", "lead"}
    assert {t["campaign_id"] for t in touches} == {id}
    leads = await client.read("attribution", goal="lead")
    assert (leads["conversions"], leads["value"]) == (1, None)
    results = await client.read(f"campaigns/{id}/results")
    assert (results["total"]["leads"], results["total"]["responded"]) == (1, 1)


async def test_merged_people_keep_what_touched_them(client, worker):
    id = await campaign(client)
    one, other = await person(client), await person(client)
    await came(client, one, id, days=2)
    merged = {"winner_id": other, "loser_ids": [one]}
    answer = await client.post("/v1/contacts/merge", json=merged)
    assert answer.is_success, answer.text
    deal = await won(client, other)
    await kept(client, 1)
    (touch,) = (await client.read(f"attribution/conversions/{deal}"))["touches"]
    assert touch["campaign_id"] == id
    assert by(await client.read("attribution"), "campaign_id") == {id: ("1", "100.00")}


async def test_a_deal_is_of_all_that_its_lead_was(client, worker):
    """Those merged into it as well; a touch of the buyer counts once, however it is found."""
    names, leads = ("Early", "Middle", "Late"), []
    ids = {await campaign(client, name): name for name in names}
    owner = await new_user(client)
    for name in names:
        lead = {"last_name": "Person", "company_name": "Example", "campaign": name}
        leads.append((await client.made("leads", {**lead, "owner_id": owner}))["id"])
    body = {"winner_id": leads[1], "loser_ids": [leads[0]]}
    answer = await client.post("/v1/leads/merge", json=body)
    assert answer.is_success, answer.text
    buyer = await person(client)
    for lead, deal in ((leads[1], {"name": "Office", "amount": "90.00"}), (leads[2], None)):
        body = {"contact_id": buyer, **({"deal": deal} if deal else {})}
        answer = await client.post(f"/v1/leads/{lead}/convert", json=body)
        assert answer.status_code == 200, answer.text
    (deal,) = (await client.read("deals"))["data"]
    answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    found = await kept(client, 3, model="last")
    assert {ids[row["campaign_id"]]: row["touched"] for row in found["data"]} == dict.fromkeys(
        names, 1
    )
    one = await client.read(f"attribution/conversions/{deal['id']}")
    assert [ids[touch["campaign_id"]] for touch in one["touches"]] == list(names)


async def test_a_campaign_is_known_by_its_name_as_soon_as_there_is_one(client, worker):
    buyer = await person(client)
    name = f"Later {uuid4().hex[:8]}"
    await came(client, buyer, utm_campaign=name.replace(" ", "_").upper())
    await won(client, buyer)
    assert set(by(await kept(client, 1), "campaign_id")) == {None}
    id = await campaign(client, name)
    assert set(by(await client.read("attribution"), "campaign_id")) == {id}
    # Two that are called so: it is neither.
    await campaign(client, name.lower())
    assert set(by(await client.read("attribution"), "campaign_id")) == {None}


async def test_results_roll_up_and_divide_by_nothing(client, worker):
    top = await campaign(client, "Year", level="programme")
    below = await campaign(client, "Spring", parent_id=top)
    buyer = await person(client)
    await came(client, buyer, below, days=3, name="email.opened")
    await came(client, buyer, below, days=2, name="email.clicked")
    await won(client, buyer, "250.00")
    await kept(client, 1)
    async for _ in patiently():
        whole = await client.read(f"campaigns/{top}/results", model="last")
        if whole["total"]["clicked"]:
            break
    # What is below counts above, people as well.
    assert [row["opened"] for row in whole["campaigns"]] == [1, 1]
    assert [row["campaign_id"] for row in whole["campaigns"]] == [top, below]
    assert whole["total"]["revenue"] == "250.00"
    assert (whole["total"]["opened"], whole["total"]["clicked"]) == (1, 1)
    assert (whole["total"]["won"], whole["total"]["touched_won"]) == ("1", 1)
    # Nothing was spent, and no leads came.
    assert (whole["total"]["cost"], whole["total"]["cost_per_sale"]) == ("0.00", "0.00")
    assert whole["total"]["cost_per_opportunity"] == "0.00"
    assert {whole["total"][name] for name in ("roi", "roas", "cost_per_lead")} == {None}
    assert whole["uplift"] is None
    empty = await client.read(f"campaigns/{await campaign(client)}/results")
    assert (empty["total"]["revenue"], empty["total"]["won"]) == ("0.00", "0")
    assert all(step["of_previous"] is None for step in empty["funnel"])


async def test_costs_stand_against_what_was_brought(client, worker):
    top = await campaign(client, "Year", level="programme")
    id = await campaign(client, "Spring", parent_id=top, kind="ads")
    currency = (await client.read(f"campaigns/{id}/results"))["currency"]
    cost = {"campaign_id": id, "channel": "ads", "currency": currency, "spent_on": "2026-03-20"}
    for amount in ("50.00", "-10.00"):
        await client.made("campaign-costs", {**cost, "amount": amount})
    # For another one, which is not below.
    other = await campaign(client)
    await client.made("campaign-costs", {**cost, "campaign_id": other, "amount": "60.00"})
    buyer = await person(client)
    await came(client, buyer, id)
    await client.made("leads", {"last_name": "Person", "company_name": "Example", "campaign": id})
    await won(client, buyer, "100.00")
    await kept(client, 1)
    async for _ in patiently():
        total = (await client.read(f"campaigns/{top}/results"))["total"]
        if total["leads"] == 1:
            break
    assert (total["cost"], total["profit"], total["revenue"]) == ("40.00", "60.00", "100.00")
    assert (total["roi"], total["roas"]) == ("1.5", "2.5")
    assert (total["cost_per_lead"], total["cost_per_sale"]) == ("40.00", "40.00")
    days = {"from": "2026-03-21", "to": "2026-03-31"}
    assert (await client.read(f"campaigns/{top}/results", **days))["total"]["cost"] == "0.00"
    roi = await client.read("metrics/campaign_roi")
    assert (roi["value"], roi["metric"]["unit"]) == ("0", "ratio")
    assert (await client.read("metrics/cost_per_lead"))["value"] == "100.00"
    assert (await client.read("metrics/cost_per_opportunity"))["value"] == "100.00"
    each = await client.read("metrics/campaign_roi", by="campaign_id")
    assert [column["name"] for column in each["columns"]] == ["campaign_id", "campaign", "roi"]
    told = {row["values"]["campaign_id"]: row["values"]["roi"] for row in each["rows"]}
    assert told == {top: "1.5", id: "1.5", other: "-1"}
    assert each["value"] == roi["value"]
    await client.changed("organization", {"time_zone": "Asia/Tokyo"})
    assert (await client.read("metrics/campaign_roi"))["value"] == roi["value"]
    none = await client.read("metrics/campaign_roi", by="campaign_id", **days)
    assert {row["values"]["roi"] for row in none["rows"]} == {None}
    blind = {"*": {"read": "all"}, "campaign_costs": NONE}
    one = await member(client, await custom_role(client, levels=blind))
    problem(await one.api.get(f"/v1/campaigns/{top}/results"), 403)


async def test_a_holdout_shows_what_was_brought(client, worker):
    from domains.campaigns.test_campaigns import done, members, segment
    from domains.campaigns.test_campaigns import person as agreed

    people = [await agreed(client) for _ in range(10)]
    listed = await segment(client, *people)
    to = {"channel": "email", "purpose": "newsletter", "include_segment_ids": [listed]}
    split = [{"key": "A"}, {"key": "B"}]
    id = await campaign(client, holdout_percent=50, variants=split, **to)
    await done(client, id, "launch")
    found = await members(client, id)
    reached = [one["contact_id"] for one in found if not one["is_holdout"]]
    held = [one["contact_id"] for one in found if one["is_holdout"]]
    for one in (*reached[:4], held[0]):
        await won(client, one)
    results = await client.read(f"campaigns/{id}/results")
    uplift = results["uplift"]
    assert (uplift["converted"], uplift["holdout_converted"]) == (4, 1)
    assert uplift["uplift"] == pytest.approx(0.6)
    assert uplift["incremental"] == pytest.approx(3.0)
    assert uplift["low"] < 0.6 < uplift["high"]
    assert sum(one["converted"] for one in results["variants"]) == 4
    assert {one["key"] for one in results["variants"]} == {"A", "B"}
    assert results["total"]["members"] == 5


async def test_nobody_sees_sums_of_what_they_do_not_see(client, sold):
    mail, _, _, deal = sold
    read = {"*": {"read": "all"}}
    blind = await member(client, await custom_role(client, levels={**read, "deals": NONE}))
    for path in ("attribution", f"campaigns/{mail}/results", f"attribution/conversions/{deal}"):
        problem(await blind.api.get(f"/v1/{path}"), 403)
    masks = {"deal": {"hidden": ["amount"]}}
    masked = await member(client, await custom_role(client, levels=read, masks=masks))
    answer = await masked.api.get("/v1/attribution")
    assert problem(answer, 403)["code"] == "hidden_field"
    own = await member(client, await custom_role(client, levels={**read, "deals": OWN}))
    found = await own.api.read("attribution")
    assert (found["conversions"], found["value"], found["data"]) == (0, "0.00", [])
    assert (await own.api.get(f"/v1/attribution/conversions/{deal}")).status_code == 404
    assert (await own.api.read(f"campaigns/{mail}/results"))["total"]["revenue"] == "0.00"


async def test_bad_questions_are_refused(client):
    for path in (
        "attribution?model=best",
        "attribution?by=colour",
        "attribution?from=2026-03-02&to=2026-03-01",
        "attribution?goal=fame",
        "attribution?from=1066-01-01",
    ):
        problem(await client.get(f"/v1/{path}"), 422)
    assert (await client.get(f"/v1/attribution/conversions/{uuid4()}")).status_code == 404
    assert (await client.get(f"/v1/campaigns/{uuid4()}/results")).status_code == 404
    assert "errors" in await client.gql('{ attribution(model: "best") { conversions } }')


async def test_pictures_are_drawn(client, sold):
    mail, *_ = sold
    for chart in ("funnel", "channels", "periods", "campaigns"):
        path = f"/v1/campaigns/{mail}/results/chart?chart={chart}"
        spec = (await client.get(path)).json()
        assert spec["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
        answer = await client.get(f"{path}&format=svg")
        assert answer.headers["content-type"] == "image/svg+xml"
        assert b"<svg" in answer.content
    answer = await client.get(f"/v1/campaigns/{mail}/results/chart?format=png")
    assert answer.content.startswith(b"\x89PNG")


async def test_many_at_once_tell_the_same(client, sold):
    answers = await asyncio.gather(*(client.read("attribution") for _ in range(8)))
    assert all(one["data"] == answers[0]["data"] for one in answers)


async def test_a_session_that_the_lookback_cuts_counts_once(client, worker):
    id, buyer = await campaign(client), await person(client)
    for minutes in (10, -10):
        at = ago(days=90, minutes=minutes)
        told = {"contact_id": buyer, "occurred_at": at, "properties": {"campaign_id": id}}
        await track(client, told)
    deal = await won(client, buyer)
    found = await kept(client, 1)
    assert by(found, "campaign_id") == {id: ("1", "100.00")}
    (touch,) = (await client.read(f"attribution/conversions/{deal}"))["touches"]
    assert (touch["weight"], touch["value"]) == ("1", "100.00")


async def test_the_touches_of_all_people_of_a_deal_are_in_one_order(client, worker):
    early, late = await campaign(client), await campaign(client)
    buyer, other = await person(client), await person(client)
    await came(client, other, early, days=3)
    await came(client, buyer, late, days=2)
    await came(client, other, late, days=1)
    deal = await client.made("deals", {"name": "Office", "contact_id": buyer, "amount": "100.00"})
    role = {"deal_id": deal["id"], "contact_id": other}
    await client.made("deal-contacts", role)
    answer = await client.post(f"/v1/deals/{deal['id']}/win", json={})
    assert answer.status_code == 200, answer.text
    await path(client, deal["id"], 3)
    for model, wanted in (
        ("first", {early: "1", late: "0"}),
        ("last", {early: "0", late: "1"}),
        ("position", {early: "0.4", late: "0.6"}),
        ("shapley", {early: "0.5", late: "0.5"}),
    ):
        found = await client.read("attribution", model=model)
        assert {row["campaign_id"]: row["conversions"] for row in found["data"]} == wanted, model
        one = await client.read(f"attribution/conversions/{deal['id']}", model=model)
        assert [touch["campaign_id"] for touch in one["touches"]] == [early, late, late]
