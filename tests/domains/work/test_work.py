"""Agendas, the queue and the feed over the API."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from support.clients import problem
from support.members import custom_role, member
from support.waiting import patiently

BERLIN = ZoneInfo("Europe/Berlin")
OPEN = {"deals": {"read": "own"}, "work": {"read": "all"}}


@pytest.fixture
async def seller(client):
    return await member(client, "admin")


def today():
    return datetime.now(UTC).astimezone(BERLIN).date()


async def in_berlin(client, user_id):
    answer = await client.patch(f"/v1/users/{user_id}", json={"time_zone": "Europe/Berlin"})
    assert answer.is_success, answer.text


async def busy(client, owner, ahead=2):
    """A deal with a next step and one that is late, a commitment by an instant, a deliverable."""
    day, mine = today() + timedelta(days=ahead), {"owner_id": owner.id}
    step = {"next_step": "Call back", "next_step_on": day.isoformat()}
    deal = await client.made("deals", {"name": "Office", **step, **mine})
    late = (today() - timedelta(days=4)).isoformat()
    await client.made("deals", {"name": "Late", "closes_on": late, **mine})
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=BERLIN)
    promise = {"text": "Send the plan", "due_at": noon.isoformat(), "deal_id": deal["id"]}
    await client.made("commitments", {**promise, **mine})
    project = await client.made("projects", {"name": "Move", **mine})
    part = {"name": "Keys", "project_id": project["id"], "due_on": day.isoformat()}
    await client.made("deliverables", part)
    return deal


async def test_an_agenda_has_all_of_its_days_in_order(client, seller):
    await in_berlin(client, seller.id)
    deal = await busy(client, seller)
    await busy(client, await member(client, "admin"))
    found = await seller.api.read("me/agenda")
    assert (found["time_zone"], found["first_day"]) == ("Europe/Berlin", today().isoformat())
    assert [(one["kind"], one["title"], one["all_day"]) for one in found["data"]] == [
        ("deliverable", "Keys", True),
        ("next_step", "Office: Call back", True),
        ("commitment", "Send the plan", False),
    ]
    step = found["data"][1]
    assert step["record"] == {"target": "deal", "record_id": deal["id"]}
    day = step["day"]
    one_day = await seller.api.read("me/agenda", **{"from": day, "to": day})
    assert len(one_day["data"]) == 3
    before = (today() + timedelta(days=1)).isoformat()
    assert (await seller.api.read("me/agenda", to=before))["data"] == []
    document = "{ agenda { timeZone data { kind title record { target recordId } } } }"
    graph = (await seller.api.data(document))["agenda"]
    assert [one["title"] for one in graph["data"]] == [one["title"] for one in found["data"]]
    wrong = await seller.api.get("/v1/me/agenda", params={"from": day, "to": before})
    assert problem(wrong, 422)["errors"][0]["parameter"] == "to"


async def test_days_beyond_all_are_refused(client, seller):
    await in_berlin(client, seller.id)
    document = "query ($first: Date, $last: Date) { agenda(firstDay: $first, lastDay: $last) { firstDay } }"
    for days in ({"first": "9999-12-31"}, {"first": "0001-01-01"}, {"last": "9999-12-31"}):
        (error,) = (await seller.api.gql(document, **days))["errors"]
        assert "1900 and 2200" in str(error)


async def test_a_day_is_on_its_agenda_wherever_it_ends(client, seller):
    await in_berlin(client, seller.id)
    day = today() + timedelta(days=2)
    for zone in ("America/Los_Angeles", "Pacific/Kiritimati"):
        due = {"due_on": day.isoformat(), "time_zone": zone, "owner_id": seller.id}
        await client.made("tasks", {"subject": "Call back", **due})
        await client.made("commitments", {"text": "Send the plan", **due})
    for shift, count in ((-1, 0), (0, 4), (1, 0)):
        one = (day + timedelta(days=shift)).isoformat()
        found = await seller.api.read("me/agenda", **{"from": one, "to": one})
        assert [row["day"] for row in found["data"]] == [day.isoformat()] * count, shift


async def test_what_lasts_for_days_is_on_the_agenda_of_each(client, seller):
    await in_berlin(client, seller.id)
    day = today() + timedelta(days=3)
    night = datetime(day.year, day.month, day.day, 23, tzinfo=BERLIN)
    body = {"is_internal": True, "status": "planned", "owner_id": seller.id}
    ends = (night + timedelta(days=2)).isoformat()
    fair = {"kind": "event", "subject": "Fair", "starts_at": night.isoformat(), "ended_at": ends}
    await client.made("activities", {**body, **fair})
    call = {"kind": "call", "subject": "Call", "starts_at": night.isoformat(), "duration": 7200}
    await client.made("activities", {**body, **call})
    for shift, subjects in ((-1, []), (0, ["Call", "Fair"]), (1, ["Call", "Fair"]),
                            (2, ["Fair"]), (3, [])):  # fmt: skip
        one = (day + timedelta(days=shift)).isoformat()
        found = await seller.api.read("me/agenda", **{"from": one, "to": one})
        assert sorted(row["title"] for row in found["data"]) == subjects, shift
    assert (await seller.api.read("me/next"))["total"] == 2


async def test_the_queue_is_ranked_with_its_reasons(client, seller):
    await in_berlin(client, seller.id)
    await busy(client, seller)
    found = await seller.api.read("me/next")
    assert [(one["kind"], one["score"], one["rank"]) for one in found["data"]] == [
        ("overdue_deal", 15 + 53, 1),
        ("commitment", 25 + 10, 2),
        ("deliverable", 20 + 10, 3),
        ("next_step", 15 + 10, 4),
    ]
    assert [(r["code"], r["points"]) for r in found["data"][0]["reasons"]] == [
        ("kind", 15),
        ("overdue", 53),
        ("past_close_date", 0),
    ]
    assert (found["total"], found["left_off"]) == (4, [])
    one = await seller.api.read("me/next", limit=1)
    assert (one["data"], one["total"]) == (found["data"][:1], 4)
    document = "{ nextWork(first: 1) { total data { rank score reasons { code text } } } }"
    assert (await seller.api.data(document))["nextWork"]["total"] == 4


async def test_a_lead_sees_of_others_what_they_see_of_their_records(client, seller):
    await busy(client, seller)
    lead = await member(client, await custom_role(client, permissions=[], levels=OPEN))
    whole = await client.read("me/next", user_id=seller.id)
    assert whole["total"] == 4
    # Their own deals alone, of which there are none, and no commitments or projects at all.
    assert (await lead.api.read("me/next", user_id=seller.id))["data"] == []
    assert problem(await client.get("/v1/me/next"), 403)["code"] == "no_user"
    nobody = "018f0000-0000-7000-8000-000000000000"
    assert (await client.get("/v1/me/next", params={"user_id": nobody})).status_code == 404


async def test_what_is_switched_off_vanishes_and_hidden_dates_tell_nothing(client, seller):
    await busy(client, seller)
    masks = {"deal": {"hidden": ["next_step_on", "closes_on"]}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    blind = await member(client, role)
    kinds = {one["kind"] for one in (await blind.api.read("me/next", user_id=seller.id))["data"]}
    assert kinds == {"commitment", "deliverable"}
    assert (await client.post("/v1/modules/commitments/disable")).is_success
    found = await seller.api.read("me/agenda")
    assert {one["kind"] for one in found["data"]} == {"deliverable", "next_step"}


async def test_more_work_takes_no_more_statements(client, seller, statements):
    await busy(client, seller)
    await seller.api.read("me/next")
    async with statements() as few:
        await seller.api.read("me/next")
    for ahead in range(3, 6):
        await busy(client, seller, ahead)
    async with statements() as many:
        assert (await seller.api.read("me/next"))["total"] == 16
    # Rights are read anew after a while, whatever is asked for.
    counted = [[one for one in those.work if "team_members" not in one] for those in (few, many)]
    assert len(counted[1]) == len(counted[0]), counted


async def feed(api):
    answer = await api.post("/v1/me/calendar-feed")
    assert answer.status_code == 201, answer.text
    return answer.json()["path"]


async def test_a_feed_is_read_without_a_credential_until_it_is_revoked(client, seller, anonymous):
    await in_berlin(client, seller.id)
    await busy(client, seller)
    assert (await seller.api.get("/v1/me/calendar-feed")).status_code == 404
    path = await feed(seller.api)
    answer = await anonymous.get(path)
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    calendar = Calendar.from_ical(answer.content)
    kinds = {str(one["CATEGORIES"].cats[0]) for one in calendar.walk("VTODO")}
    assert kinds == {"next_step", "commitment", "deliverable"}
    same = await anonymous.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (same.status_code, same.content) == (304, b"")
    assert (await seller.api.read("me/calendar-feed"))["last_used_at"] is not None
    (promise,) = (await client.read("commitments"))["data"]
    await client.post(f"/v1/commitments/{promise['id']}/keep", json={})
    later = await anonymous.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (later.status_code, b"Send the plan" in later.content) == (200, False)
    other = await feed(seller.api)
    assert (await anonymous.get(path)).status_code == 404
    assert (await anonymous.get(other)).status_code == 200
    assert (await seller.api.delete("/v1/me/calendar-feed")).status_code == 204
    assert problem(await anonymous.get(other), 404)["code"] == "unknown_link"


async def test_a_feed_shows_what_its_user_may_see_at_that_moment(client, anonymous):
    role = await custom_role(client, levels={"*": {"read": "all"}})
    reader = await member(client, role)
    await busy(client, reader)
    path = await feed(reader.api)
    assert b"Send the plan" in (await anonymous.get(path)).content
    less = {"levels": {"deals": {"read": "all"}}}
    assert (await client.patch(f"/v1/roles/{role}", json=less)).is_success
    async for _ in patiently():
        if b"Send the plan" not in (await anonymous.get(path)).content:
            break
    answer = await client.patch(f"/v1/users/{reader.id}", json={"status": "suspended"})
    if not answer.is_success:
        assert (await client.delete(f"/v1/users/{reader.id}")).is_success
    assert (await anonymous.get(path)).status_code == 404
    assert (await anonymous.get("/public/feeds/crm_agenda_x_y.ics")).status_code == 404


async def test_tasks_calls_and_cases_are_work_too(client, seller, anonymous):
    mine = {"owner_id": seller.id}
    soon = (datetime.now(UTC) + timedelta(minutes=20)).replace(microsecond=0)
    company = await client.made("companies", {"name": "Example Industries"})
    call = {"kind": "call", "subject": "Call", "status": "planned", "company_id": company["id"]}
    times = {"starts_at": soon.isoformat(), "ended_at": (soon + timedelta(hours=1)).isoformat()}
    made = await client.made("activities", {**call, **times, **mine})
    await client.made("tasks", {"subject": "Undated", "priority": "urgent", **mine})
    await client.made("tasks", {"subject": "Ring", "kind": "call", **mine})
    await client.made("cases", {"subject": "It is broken", **mine})
    found = await seller.api.read("me/next")
    assert [(one["kind"], one["score"]) for one in found["data"]] == [
        ("call", 25 + 45),
        ("task", 20 + 30),
        ("callback", 30),
        ("case", 25 + 5),
    ]
    (planned,) = (await seller.api.read("me/agenda"))["data"]
    assert (planned["record"]["record_id"], planned["all_day"]) == (made["id"], False)
    calendar = Calendar.from_ical((await anonymous.get(await feed(seller.api))).content)
    (event,) = calendar.walk("VEVENT")
    assert event["DTEND"].dt - event["DTSTART"].dt == timedelta(hours=1)
    answer = await client.post(f"/v1/activities/{made['id']}/cancel", json={})
    assert answer.is_success, answer.text
    assert (await seller.api.read("me/agenda"))["data"] == []


async def test_what_began_before_and_what_others_hold_is_on_the_agenda(client, seller):
    await in_berlin(client, seller.id)
    midnight = datetime.combine(today(), datetime.min.time(), BERLIN)
    mine, status = {"owner_id": seller.id, "kind": "meeting"}, {"status": "planned"}

    async def plan(subject, begins, **more):
        starts = (midnight + timedelta(hours=begins)).isoformat()
        body = {
            "subject": subject,
            "is_internal": True,
            "starts_at": starts,
            **mine,
            **status,
            **more,
        }
        return await client.made("activities", body)

    await plan("Over night", -2, ended_at=(midnight + timedelta(hours=1)).isoformat())
    await plan("Long", -30, duration=31 * 3600)
    await plan("Fair", -24 * 20, duration=21 * 24 * 3600)
    await plan("Over", -3, duration=3600)
    await plan("Ended", -2, ended_at=midnight.isoformat())
    taking_part = [{"target": "user", "record_id": seller.id, "role": "participant"}]
    boss = (await member(client, "admin")).id
    await plan("Round", 3, links=taking_part, owner_id=boss)
    await plan("Nobody's", 4, links=taking_part, owner_id=None)
    await plan("Own", 5, links=taking_part)
    await plan("Of others", 6, owner_id=boss)
    day = today().isoformat()
    found = await seller.api.read("me/agenda", **{"from": day, "to": day})
    shown = [(one["title"], one["workload"].partition(".")[2]) for one in found["data"]]
    assert shown == [
        *((subject, "planned") for subject in ("Fair", "Long", "Over night")),
        ("Round", "attended"),
        ("Nobody's", "attended"),
        ("Own", "planned"),
    ]


async def test_who_sees_own_records_alone_sees_no_meetings_of_others(client):
    role = await custom_role(client, levels={"*": {"read": "own"}, "work": {"read": "all"}})
    one = await member(client, role)
    starts = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    body = {"kind": "meeting", "subject": "Theirs", "starts_at": starts, "is_internal": True}
    links = [{"target": "user", "record_id": one.id, "role": "participant"}]
    await client.made("activities", {**body, "links": links})
    await client.made("activities", {**body, "subject": "Mine", "owner_id": one.id})
    found = await one.api.read("me/agenda")
    assert [row["title"] for row in found["data"]] == ["Mine"]


async def test_what_is_left_off_is_named_and_nothing_else(client, seller):
    due = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    items = [{"subject": f"T{n}", "due_at": due, "owner_id": seller.id} for n in range(200)]
    answer = await client.post("/v1/tasks/bulk", json={"op": "create", "items": items})
    assert answer.is_success, answer.text
    for path in ("me/agenda", "me/next"):
        assert (await seller.api.read(path))["left_off"] == []
    await client.made("tasks", items[0])
    for path in ("me/agenda", "me/next"):
        assert (await seller.api.read(path))["left_off"] == ["tasks.open"]
    assert len((await seller.api.read("me/agenda"))["data"]) == 200
