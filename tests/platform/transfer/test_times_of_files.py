"""Time in files: whose and for what it is, and what closed and approved time refuses."""

import pytest

from support.members import custom_role, member

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = ["Entry ID", "Project", "User Email", "Date", "Hours", "Note"]
ALL = dict.fromkeys(("read", "create", "update", "delete"), "all")


async def tried(files, csv_of, *rows):
    return await files.tried(csv_of(COLUMNS, *rows), "time_entry")


async def test_rows_become_drafts_of_time_and_an_undo_takes_them_back(client, files, csv_of):
    project = await client.made("projects", {"name": "Büro", "external_ids": {"import": "P-7"}})
    await client.made("projects", {"name": "Annex"})
    await client.made("projects", {"name": "annex"})
    worker = await member(client)
    email = (await client.read(f"users/{worker.id}"))["email"]
    rows = [
        ["1", "P-7", email, "2026-03-02", "1.5", "Cables"],
        ["2", "buro", "", "2026-03-03", "0.33", ""],
        ["3", "Annex", "", "2026-03-03", "1", ""],
        ["4", "Nothing", "", "2026-03-03", "1", ""],
        ["5", "P-7", "nobody@example.com", "2026-03-03", "1", ""],
        ["6", "P-7", "", "2026-03-03", "25", ""],
    ]
    made, (dry, run) = await tried(files, csv_of, *rows)
    assert dry == run
    assert run[0] == {
        "3": ("ambiguous_project", "Project"),
        "4": ("unknown_project", "Project"),
        "5": ("unknown_user", "User Email"),
        "6": ("out_of_range", "Hours"),
    }
    found = (await client.read("time-entries", sort="day"))["data"]
    assert [(one["minutes"], one["status"], one["owner_id"]) for one in found] == [
        (90, "draft", worker.id),
        (20, "draft", None),
    ]
    assert {one["project_id"] for one in found} == {project["id"]}
    assert (await files.done(made["id"], "revert"))["removed"] == 2
    assert (await client.read("time-entries"))["data"] == []


async def test_closed_days_projects_and_what_is_submitted_refuse_rows(client, files, csv_of):
    project = await client.made("projects", {"name": "Office"})
    over = await client.made("projects", {"name": "Over"})
    answer = await client.post(f"/v1/projects/{over['id']}/cancel", json={"comment": "Not wanted"})
    assert answer.status_code == 200, answer.text
    entry = {"project_id": project["id"], "day": "2026-04-02", "minutes": 60}
    sent = await client.made("time-entries", {**entry, "external_ids": {"import": "sent"}})
    await client.post(f"/v1/time-entries/{sent['id']}/submit")
    settings = {"locked_until": "2026-03-31"}
    assert (await client.put("/v1/time-entries/settings", json=settings)).status_code == 200
    rows = [
        ["1", "Office", "", "2026-03-31", "1", ""],
        ["sent", "Office", "", "2026-04-02", "2", ""],
        ["3", "Over", "", "2026-04-02", "1", ""],
        ["4", "Office", "", "2026-04-01", "1", ""],
    ]
    made, (dry, run) = await tried(files, csv_of, *rows)
    assert dry[0] == {"1": ("period_closed", "Date")}
    assert {row: code for row, (code, _) in run[0].items()} == {
        "1": "period_closed",
        "2": "time_locked",
        "3": "project_closed",
    }
    assert (run[1]["create"], run[1]["error"]) == (1, 3)
    same = ["sent", "Office", "", "2026-04-02", "1", ""]
    _, (dry, run) = await tried(files, csv_of, same)
    assert dry == run
    assert (run[0], run[1]["unchanged"]) == ({}, 1)
    settings = {"locked_until": "2026-04-30"}
    assert (await client.put("/v1/time-entries/settings", json=settings)).status_code == 200
    assert (await files.done(made["id"], "revert"))["kept"] == 1
    assert len((await client.read("time-entries"))["data"]) == 2


async def test_nobody_writes_time_for_those_whom_their_right_does_not_reach(client, files, csv_of):
    await client.made("projects", {"name": "Office"})
    levels = {"*": ALL, "time_entries": dict.fromkeys(ALL, "own")}
    role = await custom_role(client, levels=levels, permissions=["import"])
    me, other = await member(client, role), await member(client, role)
    emails = [(await client.read(f"users/{one.id}"))["email"] for one in (me, other)]
    files.client = me.api
    rows = [[str(n), "Office", email, "2026-03-02", "1", ""] for n, email in enumerate(emails)]
    _, (dry, run) = await tried(files, csv_of, *rows)
    assert dry == run
    assert run[0] == {"2": ("owner_out_of_reach", "User Email")}
    found = (await client.read("time-entries"))["data"]
    assert [one["owner_id"] for one in found] == [me.id]
