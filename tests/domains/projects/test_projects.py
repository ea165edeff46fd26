"""Projects as they are planned, moved, held on to and closed."""

import asyncio
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from crm_api.domains.projects.repository import Projects, ProjectTasks
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.query.filters import parse
from support.clients import pointers, problem, tx_of
from support.json_schema import errors
from support.members import custom_role, member

MONDAY = "2026-11-23"


async def office(api, **more):
    """The calendar of the vectors: weekdays from nine to six in Moscow."""
    hours = [{"start": "09:00", "end": "18:00"}]
    days = ("monday", "tuesday", "wednesday", "thursday", "friday")
    body = {"name": "Office", "time_zone": "Europe/Moscow", "week": dict.fromkeys(days, hours)}
    return await api.made("working-calendars", {**body, **more})


async def project(api, **more):
    calendar = await office(api)
    body = {"name": "Office", "starts_on": MONDAY, "calendar_id": calendar["id"]}
    return await api.made("projects", {**body, **more})


async def task(api, of, name, days=1, *behind, **more):
    links = [{"task_id": one["id"]} for one in behind]
    body = {"name": name, "project_id": of["id"], "minutes": days * 540, "dependencies": links}
    if not days:
        body["kind"] = "milestone"
    return await api.made("project-tasks", {**body, **more})


async def network(api, of):
    """The network of the design: 19 days, of which A, B, D, G and H decide."""
    made = {}
    text = "A3 B4(A) C2(A) D5(B) E1(C) F2(C) G4(D,E) H3(F,G)"
    for part in text.split():
        head, _, links = part.removesuffix(")").partition("(")
        behind = [made[name] for name in links.split(",") if name]
        made[head[0]] = await task(api, of, head[0], int(head[1:]), *behind)
    return made


async def act(api, path, status=200, **body):
    answer = await api.post(f"/v1/{path}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_plan_has_its_critical_path(client):
    made = await project(client)
    tasks = await network(client, made)
    names = {one["id"]: name for name, one in tasks.items()}
    plan = await client.read(f"projects/{made['id']}/schedule")
    assert "".join(names[id] for id in plan["critical_path"]) == "ABDGH"
    floats = {names[one["id"]]: one["total_float"] / 540 for one in plan["tasks"]}
    assert floats == {**dict.fromkeys("ABDGH", 0), "C": 6, "E": 6, "F": 9}
    # Nineteen working days from a Monday: the Thursday of the fourth week, at closing time.
    assert plan["finishes_at"] == "2026-12-17T15:00:00Z"
    stored = await client.read(f"projects/{made['id']}")
    assert stored["finishes_at"] == plan["finishes_at"]
    listed = await client.read("project-tasks", **{"filter[is_critical]": "true", "sort": "name"})
    assert [one["name"] for one in listed["data"]] == list("ABDGH")
    document = "query($id: UUID!) { projectSchedule(id: $id) { criticalPath finishesAt } }"
    found = (await client.data(document, id=made["id"]))["projectSchedule"]
    assert found["criticalPath"] == plan["critical_path"]


async def test_moving_the_start_moves_all_that_follows(client):
    made = await project(client)
    tasks = await network(client, made)
    plan = await act(client, f"projects/{made['id']}/baseline")
    assert plan["slip"] == 0
    moved = await client.changed(f"projects/{made['id']}", {"starts_on": "2026-11-24"})
    assert moved["finishes_at"] == "2026-12-18T15:00:00Z"
    last = await client.read(f"project-tasks/{tasks['H']['id']}")
    assert last["finishes_at"] == "2026-12-18T15:00:00Z"
    plan = await client.read(f"projects/{made['id']}/schedule")
    assert plan["slip"] == 540
    assert {one["slip"] for one in plan["tasks"]} == {540}
    # One that is longer by a day moves what is behind it, and nothing else.
    await client.changed(f"project-tasks/{tasks['G']['id']}", {"minutes": 5 * 540})
    plan = await client.read(f"projects/{made['id']}/schedule")
    slips = {one["name"]: one["slip"] for one in plan["tasks"]}
    assert slips == {**dict.fromkeys("ABCDEF", 540), "G": 1080, "H": 1080}


async def test_a_ring_is_refused_and_named(client):
    made = await project(client)
    tasks = await network(client, made)
    link = {"task_id": tasks["H"]["id"]}
    path = f"/v1/project-tasks/{tasks['A']['id']}"
    answer = await client.patch(path, json={"dependencies": [link]})
    found = problem(answer, 409, "dependency_cycle")
    assert pointers(found) == ["/dependencies"]
    ring = [one["name"] for one in found["ring"]]
    assert {"A", "H"} <= set(ring)
    assert (await client.read(path.removeprefix("/v1/")))["dependencies"] == []


async def test_of_two_that_would_make_a_ring_together_one_is_refused(client):
    made = await project(client)
    for _ in range(5):
        one, two = await task(client, made, "One"), await task(client, made, "Two")
        answers = await asyncio.gather(
            *(
                client.patch(f"/v1/project-tasks/{a['id']}", json={"dependencies": [link]})
                for a, link in (
                    (one, {"task_id": two["id"]}),
                    (two, {"task_id": one["id"]}),
                )
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_tasks_at_once_all_count(client):
    made = await project(client)
    first = await task(client, made, "First")
    await asyncio.gather(*(task(client, made, f"T{n}", n + 1, first) for n in range(6)))
    plan = await client.read(f"projects/{made['id']}/schedule")
    assert (await client.read(f"projects/{made['id']}"))["finishes_at"] == plan["finishes_at"]
    stored = (await client.read("project-tasks", limit=50))["data"]
    kept = {one["id"]: one["total_float"] for one in stored}
    assert kept == {one["id"]: one["total_float"] for one in plan["tasks"]}
    assert sorted(kept.values()) == [0, 0, 540, 1080, 1620, 2160, 2700]


@pytest.mark.parametrize(
    ("more", "at", "code"),
    [
        ({"minutes": 0}, "/minutes", "not_for_its_kind"),
        ({"kind": "milestone", "minutes": 60}, "/minutes", "not_for_its_kind"),
        ({"constraint_kind": "snet"}, "/constraint_at", "constraint_at"),
        ({"billing_percent": "10"}, "/billing_percent", "not_for_its_kind"),
        (
            {"dependencies": [{"task_id": "01912345-0000-7000-8000-000000000000"}]},
            "/dependencies/0/task_id",
            "unknown_reference",
        ),
        (
            {"parent_id": "01912345-0000-7000-8000-000000000000"},
            "/parent_id",
            "unknown_reference",
        ),
    ],
)
async def test_what_cannot_be_planned_is_refused(client, more, at, code):
    made = await project(client)
    body = {"name": "Cables", "project_id": made["id"], **more}
    found = problem(await client.post("/v1/project-tasks", json=body), 422, "validation")
    assert [(one["pointer"], one["code"]) for one in found["errors"]] == [(at, code)]


async def test_what_others_need_stays(client):
    made = await project(client)
    phase = await task(client, made, "Phase", 0, kind="phase")
    one = await task(client, made, "One", 1, parent_id=phase["id"])
    two = await task(client, made, "Two", 1, one)
    assert (await client.read(f"project-tasks/{phase['id']}"))["finishes_at"] == one["finishes_at"]
    for id, code in ((phase["id"], "has_tasks"), (one["id"], "has_successors")):
        found = problem(await client.delete(f"/v1/project-tasks/{id}"), 409, "needed")
        assert [fault["code"] for fault in found["errors"]] == [code]
    assert (await client.delete(f"/v1/project-tasks/{two['id']}")).status_code == 204
    assert (await client.read(f"projects/{made['id']}"))["finishes_at"] == one["finishes_at"]
    assert (await client.delete(f"/v1/project-tasks/{one['id']}")).status_code == 204
    # What it waits for is in the bin as well.
    answer = await client.post(f"/v1/project-tasks/{two['id']}/restore")
    assert problem(answer, 409, "in_bin")


async def test_a_project_begins_with_its_templates(client):
    calendar = await office(client)
    tasks = [
        {"key": "site", "name": "On site", "kind": "phase"},
        {"key": "lay", "name": "Lay", "minutes": 1080, "parent": "site"},
        {
            "key": "test",
            "name": "Test",
            "minutes": 540,
            "dependencies": [{"key": "lay", "kind": "fs", "lag": 540}],
        },
        {
            "key": "done",
            "name": "Done",
            "kind": "milestone",
            "billing_percent": "40",
            "dependencies": [{"key": "test"}],
        },
    ]
    other = [
        {"key": "test", "name": "Not this", "minutes": 60},
        {"key": "train", "name": "Train", "minutes": 540, "offset_minutes": 5400},
    ]
    first = await client.made("project-templates", {"name": "One", "tasks": tasks})
    second = await client.made("project-templates", {"name": "Two", "tasks": other})
    body = {"name": "Office", "starts_on": MONDAY, "calendar_id": calendar["id"]}
    ids = [first["id"], second["id"]]
    made = await client.made("projects", {**body, "template_ids": ids})
    plan = await client.read(f"projects/{made['id']}/schedule")
    assert made["finishes_at"] == plan["finishes_at"] == "2026-12-07T15:00:00Z"
    starts = {one["name"]: one["early_start"] for one in plan["tasks"]}
    assert starts == {
        "On site": "2026-11-23T06:00:00Z",
        "Lay": "2026-11-23T06:00:00Z",
        "Test": "2026-11-26T06:00:00Z",
        "Done": "2026-11-26T15:00:00Z",
        "Train": "2026-12-07T06:00:00Z",
    }
    ring = [{**tasks[1], "dependencies": [{"key": "test"}]}, tasks[2], tasks[0]]
    answer = await client.post("/v1/project-templates", json={"name": "Ring", "tasks": ring})
    assert problem(answer, 422)["errors"][0]["code"] == "dependency_cycle"


async def test_closing_takes_all_and_tells_all(client):
    made = await project(client, revenue="1000.00")
    work = await task(client, made, "Work")
    mark = await task(client, made, "Handover", 0, work, billing_percent="33.3")
    body = {"name": "Manual", "project_id": made["id"], "milestone_id": mark["id"]}
    promised = await client.made("deliverables", body)
    await act(client, f"projects/{made['id']}/start")
    answer = await client.post(f"/v1/projects/{made['id']}/complete")
    found = problem(answer, 409, "blocked_transition")
    assert [one["code"] for one in found["errors"]] == [
        "open_task",
        "not_accepted",
        "open_billing",
    ]
    answer = await client.post(f"/v1/project-tasks/{mark['id']}/accept")
    assert problem(answer, 409, "blocked_transition")["errors"][0]["code"] == "not_accepted"
    await act(client, f"deliverables/{promised['id']}/submit")
    await act(client, f"deliverables/{promised['id']}/reject", reasons=["A page is missing."])
    await act(client, f"deliverables/{promised['id']}/submit")
    await act(client, f"deliverables/{promised['id']}/accept", decided_by="Example Person")
    due = await act(client, f"project-tasks/{mark['id']}/accept")
    assert (due["billing_amount"], due["percent"]) == ("333.00", 100)
    problem(await client.post(f"/v1/project-tasks/{mark['id']}/accept"), 409, "illegal_transition")
    path = f"/v1/project-tasks/{mark['id']}"
    problem(await client.patch(path, json={"billing_percent": "50"}), 409, "accepted")
    problem(await client.delete(path), 409, "accepted")
    await client.changed(f"project-tasks/{work['id']}", {"percent": 100})
    ways = await client.read(f"projects/{made['id']}/transitions")
    blockers = {one["verb"]: [b["code"] for b in one["blockers"]] for one in ways["allowed"]}
    assert blockers == {"hold": [], "complete": ["open_billing"], "cancel": []}
    await act(client, f"project-tasks/{mark['id']}/bill", reference="2026-17")
    assert (await act(client, f"projects/{made['id']}/complete"))["status"] == "completed"
    answer = await client.patch(f"/v1/project-tasks/{work['id']}", json={"percent": 50})
    problem(answer, 409, "project_closed")
    assert (await act(client, f"projects/{made['id']}/accept"))["status"] == "accepted"
    told = [
        event
        for event in (await client.read("events", limit=200))["data"]
        if event["type"] == "billing.due"
    ]
    assert [event["data"]["billing_amount"] for event in told] == ["333.00"]
    types = {one["type"]: one for one in (await client.read("event-types"))["data"]}
    said = types["billing.due"]["schema"]["properties"]
    assert said["entity"]["const"] == types["billing.due"]["entity"] == told[0]["entity"]
    assert errors(told[0]["data"], said["data"], said) == []
    assert told[0]["data"].keys() == said["data"]["properties"].keys()


async def test_a_milestone_falls_due_once(client):
    made = await project(client, revenue="1000.00")
    mark = await task(client, made, "Handover", 0, billing_percent="50")
    answers = await asyncio.gather(
        *(client.post(f"/v1/project-tasks/{mark['id']}/accept") for _ in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]
    answers = await asyncio.gather(
        *(
            client.post(f"/v1/project-tasks/{mark['id']}/bill", json={"reference": str(n)})
            for n in range(6)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200, *[409] * 5]


async def test_shares_are_a_hundred_percent_at_the_most(client):
    made = await project(client)
    body = {"project_id": made["id"], "kind": "milestone", "billing_percent": "40"}
    answers = await asyncio.gather(
        *(client.post("/v1/project-tasks", json={**body, "name": str(n)}) for n in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 201, *[422] * 4]
    refused = next(answer for answer in answers if answer.status_code == 422)
    assert problem(refused, 422)["errors"][0]["code"] == "over_100_percent"


async def test_all_shares_come_to_the_revenue(client):
    """Each rounded by itself would be 50.01 twice."""
    made = await project(client, revenue="100.01", currency="EUR")
    marks = [await task(client, made, n, 0, billing_percent="50") for n in ("One", "Two")]
    due = [await act(client, f"project-tasks/{mark['id']}/accept") for mark in marks]
    assert [one["billing_amount"] for one in due] == ["50.01", "50.00"]


async def test_a_share_comes_back_where_it_fits(client):
    made = await project(client)
    first = await task(client, made, "One", 0, billing_percent="60")
    path = f"/v1/project-tasks/{first['id']}"
    assert (await client.delete(path)).status_code == 204
    await task(client, made, "Two", 0, billing_percent="60")
    found = problem(await client.post(f"{path}/restore"), 409, "in_bin")
    assert [one["code"] for one in found["errors"]] == ["over_100_percent"]


async def test_a_plan_is_not_told_where_it_is_hidden(client):
    made = await project(client)
    await task(client, made, "One")
    masks = {"project_task": {"hidden": ["total_float", "billing_amount"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    blind = (await member(client, role)).api
    for what in ("schedule", "figures"):
        answer = await blind.get(f"/v1/projects/{made['id']}/{what}")
        problem(answer, 403, "hidden_field")


async def test_tasks_changed_by_a_filter_lock_their_project_first(client, database, org):
    """So none of them waits for whoever holds the project and goes on to its tasks."""
    made = await project(client)
    tasks = [UUID((await task(client, made, f"T{n}"))["id"]) for n in range(2)]
    async with unit_of_work(tx_of(database, org)) as two:
        records = ProjectTasks(two)
        matching = parse({"project_id": {"eq": made["id"]}}, records.listing, two)
        async with unit_of_work(tx_of(database, org)) as one:
            await Projects(one).locked([UUID(made["id"])])
            waiting = asyncio.create_task(
                records.hold_matching(matching, after=None, until=max(tasks), limit=100)
            )
            done, _ = await asyncio.wait([waiting], timeout=0.5)
            assert not done
            assert len(await ProjectTasks(one).locked(tasks, everywhere=True)) == 2
        assert len(await waiting) == 2


async def test_what_an_undo_takes_back_is_planned_anew(client, database, org):
    made = await project(client)
    one = await task(client, made, "One", 3)
    two = await task(client, made, "Two", 1, one)
    async with unit_of_work(tx_of(database, org)) as tx:
        service = ProjectTaskService(tx)
        (record,) = await service.records.locked([UUID(one["id"])])
        await service.put_back(record, {"minutes": 540, "percent": 10, "accepted_at": None})
    plan = await client.read(f"projects/{made['id']}/schedule")
    after = await client.read(f"project-tasks/{two['id']}")
    assert after["finishes_at"] == plan["finishes_at"] == "2026-11-24T15:00:00Z"
    assert (await client.read(f"projects/{made['id']}"))["finishes_at"] == plan["finishes_at"]


async def test_an_undo_moves_the_tasks_of_a_project_along(client, database, org):
    made = await project(client)
    one = await task(client, made, "One", 3)
    path = f"projects/{made['id']}"
    before = await client.read(path)
    await client.changed(path, {"starts_on": "2026-12-07", "name": "Later"})
    async with unit_of_work(tx_of(database, org)) as tx:
        service = ProjectService(tx)
        (record,) = await service.records.locked([UUID(made["id"])])
        back = {"starts_on": date.fromisoformat(MONDAY), "name": "Office", "status": "accepted"}
        await service.put_back(record, {**back, "finishes_at": None})
    after = await client.read(path)
    names = ("starts_on", "name", "status", "finishes_at")
    assert [after[name] for name in names] == [before[name] for name in names]
    assert await client.read(f"project-tasks/{one['id']}") == {
        **one,
        "version": 3,
        "updated_at": after["updated_at"],
    }
    assert (await client.read(f"{path}/schedule"))["finishes_at"] == after["finishes_at"]


async def test_an_undo_leaves_what_may_not_change(client, database, org):
    """What is closed, and the currency in which amounts were written down since."""
    closed = await client.made("projects", {"name": "Closed", "currency": "EUR"})
    await act(client, f"projects/{closed['id']}/cancel")
    used = await client.made("projects", {"name": "Used", "currency": "EUR", "revenue": "100.00"})
    mark = await task(client, used, "Handover", 0, billing_percent="50")
    await act(client, f"project-tasks/{mark['id']}/accept")
    ids = [UUID(one["id"]) for one in (closed, used)]
    async with unit_of_work(tx_of(database, org)) as tx:
        service = ProjectService(tx)
        for record in await service.records.locked(ids):
            await service.put_back(record, {"currency": "USD", "revenue": Decimal("7.00")})
    found = [await client.read(f"projects/{id}") for id in ids]
    assert [(one["currency"], one["revenue"]) for one in found] == [
        ("EUR", None),
        ("EUR", "100.00"),
    ]
