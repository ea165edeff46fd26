"""What schedules and alerts tell: each recipient what that recipient sees, and once."""

import asyncio
import signal
from collections import Counter

import pytest

from support.clients import problem
from support.letters import arrived, letters_to
from support.members import custom_role, member, team
from support.schedules import DUE, notices, settled, told
from support.selling import deal, pipeline
from support.waiting import patiently

COUNT = {"source": "company", "measures": [{"name": "count", "function": "count"}]}
_LOOK = "UPDATE alerts SET next_at = now() - interval '1 second', checked_at = NULL WHERE id = $1"
_PAST = """
    INSERT INTO alert_values (organization_id, alert_id, at, value)
    SELECT a.organization_id, a.id, now() - g.n * interval '1 day', v
    FROM alerts a, unnest($2::numeric[]) WITH ORDINALITY AS g (v, n) WHERE a.id = $1
"""


async def companies(api, *owners):
    for owner in owners:
        await api.made("companies", {"name": "Example Company", "owner_id": owner})


async def scheduled(api, recipients, **more):
    shared = {"name": "Count", "definition": COUNT, "sharing": "organization"}
    report = await api.made("reports", shared)
    body = {"name": "Weekly", "report_id": report["id"], "cron": "0 8 1 1 *"}
    return await api.made("report-schedules", {**body, "recipients": recipients, **more})


async def test_what_is_made_or_changed_is_due_by_itself(client):
    made = await scheduled(client, [{"kind": "webhook"}])
    assert made["next_at"].endswith("-01-01T08:00:00Z")
    path = f"report-schedules/{made['id']}"
    assert (await client.changed(path, {"cron": "30 9 1 1 *"}))["next_at"].endswith("T09:30:00Z")
    assert (await client.changed(path, {"is_active": False}))["next_at"] is None
    assert (await client.changed(path, {"is_active": True}))["next_at"].endswith("T09:30:00Z")


async def test_each_is_told_what_each_sees(client, owner, worker):
    role = await custom_role(client, levels={"*": {"read": "own"}})
    part, whole = await member(client, role), await member(client, "admin")
    await companies(client, part.id, whole.id, whole.id)
    both = await team(client, part, whole)
    recipients = [{"kind": "team", "id": both}, {"kind": "user", "id": part.id}]
    made = await scheduled(client, [*recipients, {"kind": "webhook"}])
    await owner.execute(DUE, made["id"])
    found = await settled(client, made, 3)
    assert Counter(one["status"] for one in found) == {"sent": 3}
    assert await told(part, 1) == ["count: 1"]
    assert await told(whole, 1) == ["count: 3"]
    # Three days were missed: they are one occurrence, and the next one is to come.
    again = await client.read(f"report-schedules/{made['id']}")
    assert again["next_at"] > found[0]["finished_at"]
    events = (await client.read("events", types="report_schedule.occurred"))["data"]
    (event,) = [one for one in events if one["data"]["report_id"] == made["report_id"]]
    assert event["data"]["occurrence_at"] == found[0]["occurrence_at"]


@pytest.mark.parametrize("format", ["csv", "xlsx", "pdf", None])
async def test_letters_bring_files(client, owner, worker, settings, format):
    await companies(client, None)
    address = f"reader-{format}@example.com"
    made = await scheduled(client, [{"kind": "email", "address": address}], format=format)
    before = len(arrived(settings.mail_outbox, address))
    await owner.execute(DUE, made["id"])
    (one,) = await settled(client, made)
    assert (one["status"], one["reason"]) == ("sent", None)
    letter = (await letters_to(settings.mail_outbox, address, before + 1))[-1]
    assert "count: 1" in letter.get_body().get_content()
    files = [part.get_content() for part in letter.iter_attachments()]
    assert [part.get_filename() for part in letter.iter_attachments()] == (
        [] if format is None else [f"report.{format}"]
    )
    begins = {"csv": "count", "xlsx": b"PK", "pdf": b"%PDF"}
    if format is not None:
        assert files[0].lstrip("\ufeff" if format == "csv" else b"").startswith(begins[format])


async def test_addresses_that_want_no_mail_get_no_reports(client, owner, worker, settings):
    await companies(client, None)
    address = "suppressed-reader@example.com"
    await client.made("suppressions", {"value": address.upper()})
    made = await scheduled(client, [{"kind": "email", "address": address}])
    await owner.execute(DUE, made["id"])
    (one,) = await settled(client, made)
    assert (one["status"], one["reason"]) == ("skipped", "suppressed")
    assert arrived(settings.mail_outbox, address) == []


async def test_only_if(client, owner, worker):
    await companies(client, None, None)
    for bound, status in (("1", "sent"), ("2", "skipped")):
        only = {"measure": "count", "comparison": "gt", "value": bound}
        to = [{"kind": "email", "address": "only@example.com"}]
        made = await scheduled(client, to, condition=only)
        await owner.execute(DUE, made["id"])
        (one,) = await settled(client, made)
        assert one["status"] == status


async def leaver(client):
    """Somebody who can go, for another one stays who may do everything."""
    await member(client, "admin")
    return await member(client, "admin")


async def test_whoever_is_gone_is_told_nothing(client, owner, worker):
    gone = await leaver(client)
    made = await scheduled(client, [{"kind": "user", "id": gone.id}])
    hidden = await scheduled(gone.api, [{"kind": "webhook"}])
    problem(await client.get(f"/v1/report-schedules/{hidden['id']}"), 404)
    assert (await client.delete(f"/v1/users/{gone.id}")).status_code == 204
    for one in (made, hidden):
        await owner.execute(DUE, one["id"])
    async for _ in patiently():
        rows = await owner.fetch(
            "SELECT status, reason FROM report_deliveries WHERE schedule_id = $1", hidden["id"]
        )
        if rows and rows[0]["status"] != "pending":
            break
    assert [tuple(row) for row in rows] == [("failed", "user_not_active")]
    assert await settled(client, made, 0) == []


async def test_nothing_goes_outside_for_whoever_may_send_nothing_there_any_more(
    client, owner, worker
):
    levels = {"*": {"read": "all", "create": "all"}}
    body = {"levels": levels, "permissions": ["send_reports_outside"]}
    role = await custom_role(client, **body)
    maker = await member(client, role)
    made = await scheduled(
        maker.api, [{"kind": "email", "address": "far@example.com"}], sharing="organization"
    )
    await client.changed(f"roles/{role}", {"permissions": []})
    await owner.execute(DUE, made["id"])
    (one,) = await settled(client, made)
    assert (one["status"], one["reason"]) == ("failed", "missing_right")


async def test_killed_workers_tell_once(client, owner, worker_process):
    people = [await member(client, "admin") for _ in range(6)]
    recipients = [{"kind": "user", "id": one.id} for one in people]
    made = await scheduled(client, recipients)
    await owner.execute(DUE, made["id"])
    for pause in (1.5, 2.0, 2.5):
        process = worker_process()
        await asyncio.sleep(pause)
        process.send_signal(signal.SIGKILL)
        process.wait()
        await owner.execute("UPDATE jobs SET lease_until = now() WHERE lease_until > now()")
    worker_process(), worker_process()
    found = await settled(client, made, len(people))
    assert {one["status"] for one in found} == {"sent"}
    for one in people:
        assert len(await told(one, 1)) == 1


async def alert(api, recipients, **more):
    body = {"name": "Companies", "metric": "new_deals", "recipients": recipients, **more}
    return await api.made("alerts", body)


async def looked_at(api, owner, id, **wanted):
    await owner.execute(_LOOK, id)
    found = {}
    async for _ in patiently():
        found = await api.read(f"alerts/{id}")
        if found["checked_at"] is not None:
            break
    assert found["last_error"] is None
    assert {name: found[name] for name in wanted} == wanted
    return found


async def test_an_alert_is_raised_and_cleared_as_its_owner_sees_it(client, owner, worker):
    watcher, reader = await member(client, "admin"), await member(client, "read_only")
    people = [{"kind": "user", "id": reader.id}]
    bound = {"comparison": "lt", "threshold": "2", "clear_at": "3", "cooldown_minutes": 0}
    made = (await alert(watcher.api, people, **bound))["id"]
    problem(await reader.api.get(f"/v1/alerts/{made}"), 404)
    seen = await looked_at(watcher.api, owner, made, state="raised", last_error=None)
    assert float(seen["last_value"]) == 0
    assert await told(reader, 1) == ["new_deals: 0"]
    where = await pipeline(client)
    for count, state, notes in ((2, "raised", 1), (3, "clear", 2)):
        while count > float(seen["last_value"] or 0):
            await deal(client, where)
            seen = await looked_at(watcher.api, owner, made)
        assert seen["state"] == state
        assert len(await told(reader, notes)) == notes
    events = (await watcher.api.read("events", types="alert.raised,alert.cleared"))["data"]
    assert Counter(one["type"] for one in events) == {"alert.raised": 1, "alert.cleared": 1}


async def test_what_stands_after_the_cool_down_is_told_then(client, owner, worker):
    reader = await member(client, "read_only")
    people = [{"kind": "user", "id": reader.id}]
    bound = {"comparison": "lt", "threshold": "1", "cooldown_minutes": 60}
    made = (await alert(client, people, **bound))["id"]
    await looked_at(client, owner, made, state="raised")
    await told(reader, 1)
    # Cleared behind its back, it is raised again within the hour, and nobody is told of that.
    await owner.execute("UPDATE alerts SET state = 'clear' WHERE id = $1", made)
    await looked_at(client, owner, made, state="raised")
    assert len(await notices(reader)) == 1
    await owner.execute(
        "UPDATE alerts SET told_at = told_at - interval '2 hours' WHERE id = $1", made
    )
    await looked_at(client, owner, made, state="raised")
    assert len(await told(reader, 2)) == 2
    await looked_at(client, owner, made, state="raised")
    assert len(await notices(reader)) == 2


async def test_anomalies_are_those_of_its_own_history(client, owner, worker):
    people = [{"kind": "team", "id": await team(client)}]
    usual, odd = [
        (await alert(client, people, method="anomaly", sensitivity="3.5"))["id"] for _ in range(2)
    ]
    await looked_at(client, owner, usual, state="clear")
    await owner.execute(_PAST, usual, [1, 0, 2, 1, 0, 0, 1, 2, 1, 0])
    await owner.execute(_PAST, odd, [31, 30, 32, 31, 30, 30, 31, 32, 31, 30])
    await looked_at(client, owner, usual, state="clear")
    await looked_at(client, owner, odd, state="raised")


async def test_what_is_measured_anew_has_no_history(client, owner, worker):
    people = [{"kind": "team", "id": await team(client)}]
    made = (await alert(client, people, method="anomaly"))["id"]
    await owner.execute(_PAST, made, [31, 30, 32, 31, 30, 30, 31, 32, 31, 30])
    counted = "SELECT count(*) FROM alert_values WHERE alert_id = $1"
    await client.changed(f"alerts/{made}", {"name": "Deals", "metric": "new_deals"})
    # It looks by itself, too.
    assert await owner.fetchval(counted, made) >= 10
    await client.changed(f"alerts/{made}", {"days": 7})
    assert await owner.fetchval(counted, made) < 3
    await looked_at(client, owner, made, state="clear")


async def test_an_alert_whose_owner_is_gone_says_so(client, owner, worker):
    gone = await leaver(client)
    made = (await alert(gone.api, [{"kind": "user", "id": gone.id}], method="anomaly"))["id"]
    assert (await client.delete(f"/v1/users/{gone.id}")).status_code == 204
    await owner.execute(_LOOK, made)
    async for _ in patiently():
        (row,) = await owner.fetch("SELECT state, last_error FROM alerts WHERE id = $1", made)
        if row["last_error"]:
            break
    assert tuple(row) == ("clear", "user_not_active")


async def test_nothing_is_told_while_the_module_is_off(client, owner, worker):
    made = await scheduled(client, [{"kind": "webhook"}])
    answer = await client.post("/v1/modules/report_watch/disable")
    assert answer.status_code == 200, answer.text
    await owner.execute(DUE, made["id"])
    async for _ in patiently():
        (row,) = await owner.fetch(
            "SELECT next_at > now() FROM report_schedules WHERE id = $1", made["id"]
        )
        if row[0]:
            break
    assert row[0]
    assert (await client.post("/v1/modules/report_watch/enable")).status_code == 200
    assert await settled(client, made, 0) == []
