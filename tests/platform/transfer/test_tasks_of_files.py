"""Tasks in files: their phases, predecessors and users, and what cannot be planned."""

import pytest

from support.members import custom_role, member

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Task ID", "Project", "Task Name", "Kind", "Phase", "Hours", "Predecessors", "Assignee"]


async def tried(files, csv_of, *rows):
    return await files.tried(csv_of(COLUMNS, *rows), "project_task")


async def tasks(client):
    return {one["name"]: one for one in (await client.read("project-tasks"))["data"]}


async def test_rows_become_a_plan_and_an_undo_takes_it_back(client, files, csv_of):
    body = {"name": "Office", "starts_on": "2026-03-02", "external_ids": {"import": "P-7"}}
    await client.made("projects", body)
    worker = await member(client)
    email = (await client.read(f"users/{worker.id}"))["email"]
    rows = [
        ["1", "P-7", "Building", "phase", "", "", "", ""],
        ["2", "office", "Lay cables", "", "1", "16", "", email],
        ["3", "P-7", "Paint", "", "building", "4", "2FS+2h; lay cables", ""],
        ["4", "P-7", "Paint", "", "Building", "4", "2FS+2h", ""],
        ["5", "P-7", "Handed over", "milestone", "", "", "4; 2 SS+1d", ""],
        ["6", "P-7", "Lost", "", "", "1", "99FS", ""],
        ["7", "Nothing", "Lost", "", "", "1", "", ""],
        ["8", "P-7", "Lost", "", "Cellar", "1", "", "nobody@example.com"],
    ]
    made, (dry, run) = await tried(files, csv_of, *rows)
    assert {row: code for row, (code, _) in run[0].items()} == {
        "3": "duplicate_predecessor",
        "6": "unknown_predecessor",
        "7": "unknown_project",
        "8": "unknown_user",
    }
    assert dry == run
    found = await tasks(client)
    cables, paint, over = found["Lay cables"], found["Paint"], found["Handed over"]
    assert cables["owner_id"] == worker.id
    assert cables["parent_id"] == paint["parent_id"] == found["Building"]["id"]
    assert paint["dependencies"] == [{"task_id": cables["id"], "kind": "fs", "lag": 120}]
    assert over["dependencies"] == [
        {"task_id": paint["id"], "kind": "fs", "lag": 0},
        {"task_id": cables["id"], "kind": "ss", "lag": 480},
    ]
    assert over["finishes_at"] == paint["finishes_at"] > cables["finishes_at"]
    _, (dry, run) = await tried(files, csv_of, *rows[:2], *rows[3:5])
    assert dry == run
    assert run[1]["unchanged"] == 4
    assert (await files.done(made["id"], "revert"))["removed"] == 4
    assert await tasks(client) == {}


async def test_circles_are_refused_and_what_is_waited_for_stays(client, files, csv_of):
    await client.made("projects", {"name": "Office"})
    rows = [
        ["1", "Office", "Lay cables", "", "", "16", "", ""],
        ["2", "Office", "Paint", "", "", "4", "1", ""],
    ]
    made, _ = await tried(files, csv_of, *rows)
    circle = ["1", "Office", "Lay cables", "", "", "16", "2", ""]
    _, (_, run) = await tried(files, csv_of, circle, ["3", "Office", "Clean", "", "", "1", "", ""])
    assert run[0] == {"1": ("dependency_cycle", "Predecessors")}
    assert run[1]["create"] == 1
    paint = (await tasks(client))["Paint"]
    answer = await client.patch(f"/v1/project-tasks/{paint['id']}", json={"percent": 50})
    assert answer.status_code == 200, answer.text
    # What was changed since stays, and so does what it waits for.
    undone = await files.done(made["id"], "revert")
    assert (undone["removed"], undone["kept"]) == (0, 2)


async def test_closed_projects_take_no_tasks_and_keep_theirs(client, files, csv_of):
    project = await client.made("projects", {"name": "Office"})
    made, (_, run) = await tried(files, csv_of, ["1", "Office", "Paint", "", "", "4", "", ""])
    assert run[1]["create"] == 1
    answer = await client.post(f"/v1/projects/{project['id']}/cancel", json={"comment": "Off"})
    assert answer.status_code == 200, answer.text
    _, (_, run) = await tried(files, csv_of, ["2", "Office", "Clean", "", "", "4", "", ""])
    assert run[0] == {"1": ("project_closed", "Project")}
    assert (await files.done(made["id"], "revert"))["kept"] == 1


async def test_what_a_role_keeps_closed_of_tasks_is_not_filled(client, files, csv_of):
    await client.made("projects", {"name": "Office"})
    all_ = dict.fromkeys(("read", "create", "update", "delete"), "all")
    masks = {"project_task": {"hidden": [], "read_only": ["dependencies", "parent_id"]}}
    role = await custom_role(client, levels={"*": all_}, permissions=["import"], masks=masks)
    files.client = (await member(client, role)).api
    rows = [
        ["1", "Office", "Building", "phase", "", "", "", ""],
        ["2", "Office", "Paint", "", "", "4", "", ""],
        ["3", "Office", "Clean", "", "Building", "1", "", ""],
        ["4", "Office", "Lay cables", "", "", "1", "2", ""],
    ]
    _, told = await tried(files, csv_of, *rows)
    for faults, counts in told:
        assert faults == {
            "3": ("read_only_field", "Phase"),
            "4": ("read_only_field", "Predecessors"),
        }
        assert counts["create"] == 2


async def test_lags_have_the_units_of_working_time(client, files, csv_of):
    await client.made("projects", {"name": "Office"})
    lags = {"A": "1FS+1.5h", "B": "1FS+2days", "C": "1SS-30min", "D": "1FS+1wk"}
    rows = [
        ["1", "Office", "Paint", "", "", "0.33", "", ""],
        *([name, "Office", name, "", "", "1", text, ""] for name, text in lags.items()),
        ["E", "Office", "E", "", "", "1", "1FS+1mo", ""],
    ]
    _, (_, run) = await tried(files, csv_of, *rows)
    assert run[0] == {"6": ("unknown_predecessor", "Predecessors")}
    found = await tasks(client)
    assert found["Paint"]["minutes"] == 20
    told = {name: found[name]["dependencies"][0]["lag"] for name in lags}
    assert told == {"A": 90, "B": 960, "C": -30, "D": 2400}


async def test_an_undo_leaves_tasks_of_a_project_in_the_bin(client, files, csv_of):
    project = await client.made("projects", {"name": "Office"})
    made, _ = await tried(files, csv_of, ["1", "Office", "Paint", "", "", "4", "", ""])
    assert (await client.delete(f"/v1/projects/{project['id']}")).status_code == 204
    undone = await files.done(made["id"], "revert")
    assert (undone["removed"], undone["kept"]) == (0, 1)
