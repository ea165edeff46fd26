"""Activities and tasks from files."""

import pytest

pytestmark = pytest.mark.usefixtures("worker")


async def test_rows_of_a_file_are_activities_and_change_none_that_happened(client, files):
    await client.made("contacts", {"last_name": "Person", "emails": [{"value": "p@example.com"}]})
    text = """Activity ID,Type,Subject,Start,End,Company,Email
1,Call,First,2026-01-02T09:00:00Z,2026-01-02T09:30:00Z,Example,p@example.com
2,Meeting,Second,2026-01-02T09:00:00Z,2026-01-02T08:00:00Z,,
3,Note,Third,,,,nobody@example.com
4,Note,Fourth,,,,
"""
    done = await files.imported(text, entity="activity")
    assert (done["counts"]["create"], done["counts"]["error"]) == (2, 2), done
    found = (await client.get("/v1/activities?sort=subject")).json()["data"]
    assert [(row["subject"], row["status"], row["is_internal"]) for row in found] == [
        ("First", "completed", False),
        ("Fourth", "completed", True),
    ]
    assert (found[0]["duration"], found[0]["company_id"] is not None) == (1800, True)
    again = await files.imported(text.replace("First", "Another"), entity="activity")
    assert again["counts"]["error"] == 3, again


async def test_rows_of_a_file_are_tasks(client, files):
    text = """Task ID,Subject,Priority,Due Date,RRULE,Company
1,First,High,2031-03-31,FREQ=MONTHLY,Example
2,Second,,2031-03-31,FREQ=SECONDLY,
"""
    done = await files.imported(text, entity="task")
    assert (done["counts"]["create"], done["counts"]["error"]) == (1, 1), done
    (row,) = (await client.get("/v1/tasks")).json()["data"]
    assert (row["priority"], row["recurrence"], row["status"]) == ("high", "FREQ=MONTHLY", "open")
    assert row["occurs_at"] == "2031-03-31T00:00:00"
