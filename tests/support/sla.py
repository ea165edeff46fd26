"""Cases whose clocks run: policies around the clock, and cases as if they were opened earlier."""

from uuid import UUID

from crm_api.domains.cases.ticking import Tick
from crm_api.kit.jobs import Workplace

ALWAYS = {
    day: [{"start": "00:00", "end": "12:00"}, {"start": "12:00", "end": "00:00"}]
    for day in (
        *("monday", "tuesday", "wednesday", "thursday", "friday"),
        *("saturday", "sunday"),
    )
}
TARGETS = ("first_response", "next_response", "resolution")
SUBJECT = {"subject": "The display stays dark"}


async def policy_of(api, *, minutes=60, calendar=None, **more):
    if calendar is None:
        calendar = await api.made(
            "working-calendars", {"name": "Always", "time_zone": "UTC", "week": ALWAYS}
        )
    targets = [
        {
            "target": target,
            "priority": priority,
            "minutes": minutes * (4 if priority == "low" else 1),
        }
        for target in TARGETS
        for priority in ("low", "normal", "high")
    ]
    body = {"name": "Standard", "targets": targets, "calendar_id": calendar["id"], **more}
    return await api.made("sla-policies", body)


async def user_of(api):
    body = {"email": "agent@example.com", "name": "Sample Agent"}
    return (await api.made("users", body))["id"]


async def act(api, case, verb, status=200, **body):
    answer = await api.post(f"/v1/cases/{case['id']}/{verb}", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


def clock(case, target="resolution", cycle=1):
    (found,) = [c for c in case["clocks"] if (c["target"], c["cycle"]) == (target, cycle)]
    return found


async def age(owner, case, minutes):
    """Have a case have been opened so long ago, with its clocks yet to be looked at."""
    await owner.execute(
        "UPDATE cases SET created_at = created_at - make_interval(mins => $2), sla_track = '{}', "
        "clocks = '[]', sla_next_at = now() - interval '1 second', version = 1 WHERE id = $1",
        UUID(case["id"]),
        minutes,
    )


def tick_of(database):
    return Tick(Workplace(database, database, lambda: None))


async def tick(database):
    """One look of a worker at everything."""
    ticking = tick_of(database)
    while await ticking.look():
        pass
