"""Who is at work when a lead comes, and until when they respond: nights, weekends, DST, absences."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from crm_api.domains.leads.distributing import Distributor
from crm_api.domains.leads.jobs import follow_up
from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.shifts import Membership, OwnShifts, Shifts
from crm_api.kit.calendar import Calendar, Hours
from crm_api.kit.db.tx import unit_of_work
from support.clients import tx_of
from support.leads import captured, owner_of, pool_of, rule_of, users_of

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
NIGHT, DAY = Hours(22 * 60, 30 * 60), Hours(9 * 60, 17 * 60)
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def at(zone, *parts, fold=0):
    """An instant by the clock of a zone."""
    return datetime(*parts, tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC)


def works(zone, hours, days=range(7), absences=()):
    """Somebody with a calendar of their own, and that."""
    id = uuid4()
    week = tuple((hours,) if day in days else () for day in range(7))
    one = Membership({"calendar_id": str(id), "absences": list(absences)}, None)
    return one, {id: Calendar(ZoneInfo(zone), week)}


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
def test_a_night_shift_goes_on_after_midnight_and_into_the_weekend(zone):
    one, times = works(zone, NIGHT, days=range(5))
    found = {
        moment: Shifts(at(zone, 2026, 6, *moment), times).away(one)
        for moment in (
            *((12, 21, 59), (12, 22, 0), (12, 23, 59)),  # a Friday
            *((13, 0, 0), (13, 5, 59), (13, 6, 0), (13, 22, 0)),
            *((14, 2, 0), (15, 5, 0), (15, 22, 0)),
        )
    }
    assert [moment for moment, word in found.items() if word is None] == [
        *((12, 22, 0), (12, 23, 59), (13, 0, 0), (13, 5, 59), (15, 22, 0)),
    ]
    # Half an hour is left of Friday's shift, the rest is of Monday's.
    late = Shifts(at(zone, 2026, 6, 13, 5, 30), times)
    assert late.respond_by(one, 60) == at(zone, 2026, 6, 15, 22, 30)
    weekend = Shifts(at(zone, 2026, 6, 14, 12), times)
    assert weekend.opening(one) == at(zone, 2026, 6, 15, 22)


@pytest.mark.parametrize(
    ("zone", "spring", "autumn"),
    [(BERLIN, (2026, 3, 29), (2026, 10, 25)), (NEW_YORK, (2026, 3, 8), (2026, 11, 1))],
)
def test_a_night_in_which_the_clock_changes_is_as_long_as_it_is(zone, spring, autumn):
    one, times = works(zone, NIGHT)
    for day, hours in ((spring, 7), (autumn, 9)):
        evening = at(zone, *day, 6) - timedelta(hours=hours)
        assert Shifts(evening, times).away(one) is None
        assert Shifts(evening - timedelta(minutes=1), times).away(one) == "off_shift"
        # A minute more than the night has is one of the next.
        whole = Shifts(evening, times)
        assert whole.respond_by(one, hours * 60) == at(zone, *day, 6)
        assert whole.respond_by(one, hours * 60 + 1) == at(zone, *day, 22, 1)
    # An hour of work is an hour, whatever the clock shows.
    before = at(zone, *spring, 1, 30)
    assert Shifts(before, times).respond_by(one, 60) == before + timedelta(hours=1)
    assert before + timedelta(hours=1) == at(zone, *spring, 3, 30)
    twice = at(zone, *autumn, 1, 30)
    again = Shifts(twice, times).respond_by(one, 60)
    assert again == twice + timedelta(hours=1)


def test_of_several_shifts_each_is_theirs_and_an_absence_counts_for_all():
    night, nights = works(BERLIN, NIGHT)
    day, days = works(NEW_YORK, DAY, days=range(5))
    user, other = UUID(int=1), UUID(int=2)

    def own(now, *members):
        return OwnShifts(Shifts(now, {**nights, **days}), {user: members})

    both = own(at(BERLIN, 2026, 6, 12, 16), night, day)  # ten in the morning in New York
    assert (both.away(user), both.away(other)) == (None, None)
    assert both.respond_by(user, 30) == at(BERLIN, 2026, 6, 12, 16, 30)
    early = own(at(NEW_YORK, 2026, 6, 12, 8), night, day)
    assert (early.away(user), early.opening(user)) == ("off_shift", at(NEW_YORK, 2026, 6, 12, 9))
    starts, ends = at(BERLIN, 2026, 6, 12, 12), at(BERLIN, 2026, 6, 12, 20)
    absence = {"starts_at": starts.isoformat(), "ends_at": ends.isoformat()}
    away, _ = works(BERLIN, NIGHT, absences=[absence])
    words = [own(now, away, day).away(user) for now in (starts, ends)]
    # From its beginning on, and at its end no more.
    assert words == ["absent", None]


async def calendar_of(client, zone, start, end, days):
    hours = [{"start": start, "end": end}]
    week = {day: hours if day in days else [] for day in WEEK}
    body = {"name": "Shift", "time_zone": zone, "week": week}
    return (await client.made("working-calendars", body))["id"]


async def give_at(database, org, now, lead):
    """Give a lead as if it was some time; until when it is to be responded to, or tried again."""
    async with unit_of_work(tx_of(database, org)) as tx:
        tx.now = now
        leads = LeadService(tx)
        (found,) = await leads.records.locked([UUID(lead["id"])])
        await Distributor(leads).give([found])
        return found.respond_by or found.due_at


async def follow_at(database, org, now, lead):
    async with unit_of_work(tx_of(database, org)) as tx:
        tx.now = now
        leads = LeadService(tx)
        (found,) = await leads.records.locked([UUID(lead["id"])])
        await follow_up(leads, found, now.date())


async def test_leads_go_to_who_is_at_work_in_two_zones_while_the_clocks_change(
    client, database, org
):
    night, day = await users_of(client, 2)
    nights = await calendar_of(client, BERLIN, "22:00", "06:00", WEEK[:5])
    days = await calendar_of(client, NEW_YORK, "09:00", "17:00", WEEK[:5])
    members = [{"user_id": night, "calendar_id": nights}, {"user_id": day, "calendar_id": days}]
    body = {"name": "Around the clock", "members": members, "response_minutes": 60}
    await rule_of(client, await client.made("lead-pools", body))
    expected = [
        # Berlin has summer time from Sunday, New York since three weeks.
        (at(BERLIN, 2026, 3, 27, 23), night, at(BERLIN, 2026, 3, 28)),
        (at(BERLIN, 2026, 3, 28, 5, 30), night, at(BERLIN, 2026, 3, 30, 22, 30)),
        (at(BERLIN, 2026, 3, 28, 6), None, at(BERLIN, 2026, 3, 28, 7)),
        (at(NEW_YORK, 2026, 3, 30, 8, 30), None, at(NEW_YORK, 2026, 3, 30, 9)),
        (at(NEW_YORK, 2026, 3, 30, 9), day, at(NEW_YORK, 2026, 3, 30, 10)),
        (at(NEW_YORK, 2026, 10, 30, 16, 30), day, at(NEW_YORK, 2026, 11, 2, 9, 30)),
    ]
    for now, user, until in expected:
        (lead,) = await captured(client, 1)
        assert await give_at(database, org, now, lead) == until
        assert await owner_of(client, lead) == user


async def test_an_absence_that_begins_while_an_offer_runs_lets_it_run(client, database, org):
    one, other = await users_of(client, 2)
    # From tomorrow on: what was given today counts for nothing then.
    begins = datetime.now(UTC).replace(hour=12, minute=0) + timedelta(days=1)

    def after(minutes):
        return begins + timedelta(minutes=minutes)

    away = {"starts_at": after(10).isoformat(), "ends_at": after(600).isoformat()}
    more = {"response_minutes": 30, "strategy": "least_loaded"}
    pool = await pool_of(client, {one: 100, other: 1}, **more)
    members = [{"user_id": one, "weight": 100, "absences": [away]}, {"user_id": other}]
    await client.changed(f"lead-pools/{pool['id']}", {"members": members})
    await rule_of(client, pool)
    offered, accepted, later = await captured(client, 3)
    for lead in (offered, accepted):
        assert await give_at(database, org, begins, lead) == after(30)
        assert await owner_of(client, lead) == one
    await follow_at(database, org, after(15), offered)
    assert await owner_of(client, offered) == one
    assert (await client.post(f"/v1/leads/{accepted['id']}/accept")).status_code == 200
    # Whoever is away gets nothing new, and what they do not respond to goes on.
    await give_at(database, org, after(15), later)
    assert await owner_of(client, later) == other
    for lead in (offered, accepted):
        await follow_at(database, org, after(31), lead)
    assert [await owner_of(client, lead) for lead in (offered, accepted)] == [None, one]
    await give_at(database, org, after(32), offered)
    assert await owner_of(client, offered) == other
    told = await client.read(f"leads/{offered['id']}/explain")
    assert [one["excluded"] for one in told["candidates"]] == ["had_it", None]
