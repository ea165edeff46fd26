"""Schedules and alerts: who is told what, when, and how often."""

from datetime import UTC, datetime

import pytest

from crm_api.domains.report_watch.judging import Bound, robust_z
from crm_api.domains.report_watch.timing import Timing
from crm_api.kit.recurrence import BadRule
from support.clients import pointers, problem
from support.members import member
from support.waiting import patiently

COUNT = {"source": "company", "measures": [{"name": "count", "function": "count"}]}


def timing(cron=None, rule=None, zone="Europe/Berlin", at=None):
    return Timing(zone, cron, rule, datetime(2027, 1, 1, tzinfo=UTC).date(), at)


def test_times_are_those_of_the_zone_over_daylight_saving():
    daily = timing("30 8 * * *")
    before = daily.after(datetime(2027, 3, 27, 0, tzinfo=UTC))
    assert before == datetime(2027, 3, 27, 7, 30, tzinfo=UTC)
    assert daily.after(before) == datetime(2027, 3, 28, 6, 30, tzinfo=UTC)
    ruled = timing(rule="FREQ=WEEKLY;BYDAY=MO", at="09:00")
    assert ruled.after(datetime(2027, 1, 5, tzinfo=UTC)) == datetime(2027, 1, 11, 8, tzinfo=UTC)
    assert timing("0 0 30 2 *").after(before) is None


@pytest.mark.parametrize(
    "text", ["* * * * *", "*/5 * * * *", "0,5 1 * * *", "0 0 * *", "x 0 * * *"]
)
def test_what_is_too_often_is_refused(text):
    with pytest.raises(BadRule):
        timing(text).after(datetime(2027, 1, 5, tzinfo=UTC))


def test_bounds_do_not_flutter_and_outliers_are_robust():
    bound = Bound("gt", 10, 8)
    assert [
        bound.judge(v, raised=r) for v, r in ((9, False), (11, False), (9, True), (8, True))
    ] == [
        False,
        True,
        True,
        False,
    ]
    history = [10.0, 11, 9, 10, 12, 10, 9, 11]
    assert abs(robust_z(10, history)) < 1
    assert robust_z(40, history) > 3.5
    assert robust_z(40, history[:3]) is None


async def scheduled(api, report, **more):
    body = {"name": "Weekly", "report_id": report, "cron": "*/15 * * * *", **more}
    return (await api.made("report-schedules", body))["id"]


async def report(api):
    body = {"name": "Count", "definition": COUNT, "sharing": "organization"}
    return (await api.made("reports", body))["id"]


async def test_bad_schedules_are_named(client):
    id = await report(client)
    people = [{"kind": "email", "address": "reader@example.com"}]
    for body, at in (
        ({"cron": "* * * * *"}, "/cron"),
        ({"cron": None}, "/cron"),
        ({"cron": None, "rule": "FREQ=SECONDLY", "at": "08:00"}, "/rule"),
        ({"recipients": [{"kind": "email"}]}, "/recipients/0/address"),
    ):
        given = {"name": "X", "report_id": id, "cron": "0 8 * * *", "recipients": people, **body}
        answer = await client.post("/v1/report-schedules", json=given)
        assert pointers(problem(answer, 422)) == [at]


async def test_an_alert_is_raised_as_its_owner_sees_it(client, worker):
    reader = await member(client, "admin")
    body = {"metric": "new_deals", "comparison": "lt", "threshold": "1"}
    people = [{"kind": "user", "id": reader.id}]
    made = await reader.api.made("alerts", {"name": "Too few", **body, "recipients": people})
    async for _ in patiently():
        found = await reader.api.read(f"alerts/{made['id']}")
        if found["state"] == "raised":
            break
    assert (found["state"], found["last_error"]) == ("raised", None)
    assert float(found["last_value"]) == 0
