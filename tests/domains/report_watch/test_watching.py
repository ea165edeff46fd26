"""Schedules and alerts: who is told what, when, and how often."""

from datetime import UTC, datetime

import pytest

from crm_api.domains.report_watch.delivering import meets
from crm_api.domains.report_watch.judging import Bound, robust_z
from crm_api.domains.report_watch.timing import Timing
from crm_api.kit.recurrence import BadRule
from support.clients import pointers, problem
from support.members import custom_role, member, team

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


def test_conditions_are_of_numbers():
    """Exact ones; days, texts and what is missing meet none."""
    rows = [{"last": "2027-01-01", "industry": "NaN", "sum": "0.30", "none": None}]
    answer = {"rows": [{"values": row} for row in rows]}

    def met(measure, comparison, value):
        return meets(answer, {"measure": measure, "comparison": comparison, "value": value})

    assert met("sum", "gt", "0.2999999")
    assert not met("sum", "gt", "0.3")
    assert met("sum", "lt", "1")
    for name in ("last", "industry", "none", "unknown"):
        assert not met(name, "gt", "0")
        assert not met(name, "lt", "0")


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
        ({"cron": None, "rule": "FREQ=DAILY"}, "/at"),
        ({"recipients": [{"kind": "email"}]}, "/recipients/0/address"),
        ({"recipients": [{"kind": "webhook", "id": id}]}, "/recipients/0/id"),
        ({"recipients": [{"kind": "user", "id": id}]}, "/recipients/0/id"),
        ({"report_id": people and "01990000-0000-7000-8000-0000000000ff"}, "/report_id"),
        ({"parameters": {"unknown": 1}}, "/parameters/unknown"),
    ):
        given = {"name": "X", "report_id": id, "cron": "0 8 * * *", "recipients": people, **body}
        answer = await client.post("/v1/report-schedules", json=given)
        assert pointers(problem(answer, 422)) == [at]


async def test_addresses_outside_take_a_permission(client):
    role = await custom_role(client, levels={"*": {"read": "all", "create": "all"}})
    one = await member(client, role)
    given = {"name": "X", "report_id": await report(client), "cron": "0 8 * * *"}
    outside = [{"kind": "email", "address": "reader@example.com"}]
    answer = await one.api.post("/v1/report-schedules", json={**given, "recipients": outside})
    problem(answer, 403, "missing_right")
    inside = [{"kind": "user", "id": one.id}]
    await one.api.made("report-schedules", {**given, "recipients": inside})


async def test_whoever_may_not_tell_outside_changes_nothing_that_is_told_there(client):
    levels = {"*": {"read": "all", "create": "all", "update": "all"}}
    one = await member(client, await custom_role(client, levels=levels))
    given = {"name": "X", "report_id": await report(client), "cron": "0 8 * * *"}
    outside = [{"kind": "email", "address": "reader@example.com"}]
    more = {"recipients": outside, "sharing": "organization"}
    path = (
        f"/v1/report-schedules/{(await client.made('report-schedules', {**given, **more}))['id']}"
    )
    other = {"report_id": await report(one.api)}
    problem(await one.api.patch(path, json=other), 403, "missing_right")
    inside = [{"kind": "user", "id": one.id}]
    answer = await one.api.patch(path, json={**other, "recipients": inside})
    assert answer.status_code == 200, answer.text


async def test_bad_alerts_are_named(client):
    people = [{"kind": "team", "id": await team(client)}]
    fit = {"name": "X", "metric": "new_deals", "recipients": people}
    fit |= {"comparison": "lt", "threshold": "5"}
    for body, at in (
        ({"metric": "nothing"}, "/metric"),
        ({"filter": {"nothing": 1}}, "/filter/nothing"),
        ({"metric": "campaign_roi", "filter": {"status": "open"}}, "/filter"),
        ({"threshold": None}, "/threshold"),
        ({"comparison": None}, "/comparison"),
        ({"clear_at": "4"}, "/clear_at"),
        ({"method": "anomaly", "clear_at": "4"}, "/clear_at"),
        ({"every_minutes": 1}, "/every_minutes"),
        ({"recipients": [{"kind": "email", "address": "reader@example.com"}]}, "/recipients"),
    ):
        answer = await client.post("/v1/alerts", json={**fit, **body})
        assert pointers(problem(answer, 422)) == [at]


async def test_what_it_needs_cannot_be_cleared(client):
    people = [{"kind": "team", "id": await team(client)}]
    body = {"name": "X", "metric": "new_deals", "comparison": "lt", "threshold": "5"}
    alert = f"/v1/alerts/{(await client.made('alerts', {**body, 'recipients': people}))['id']}"
    for name in ("every_minutes", "cooldown_minutes", "is_active"):
        answer = await client.patch(alert, json={name: None})
        assert pointers(problem(answer, 422)) == [f"/{name}"]
    assert (await client.patch(alert, json={"filter": None})).json()["filter"] == {}
    given = {"name": "X", "report_id": await report(client), "cron": "0 8 * * *"}
    made = await client.made("report-schedules", {**given, "recipients": people})
    answer = await client.patch(f"/v1/report-schedules/{made['id']}", json={"parameters": None})
    assert answer.json()["parameters"] == {}
