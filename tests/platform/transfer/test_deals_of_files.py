"""Deals in files: what rows refer to, and the stages in which they come to stand."""

import pytest

from support.selling import pipeline, reason

pytestmark = pytest.mark.usefixtures("worker")
COLUMNS = [
    *("Deal ID", "Deal Name", "Company", "Contact Email", "Pipeline", "Deal Stage"),
    *("Amount", "Currency", "Close Date", "Closed Lost Reason"),
]


async def test_rows_become_deals_in_their_stages(files, client, csv_of):
    where, why = await pipeline(client), await reason(client)
    contact = await client.made("contacts", {"last_name": "Person", "email": "one@example.com"})
    rows = [
        ["1", "One", "Example Industries", "ONE@example.com", "partners", "offer", "1,200.50"],
        ["2", "Two", "Example Industries", "", "Partners", "Closed Won", "5", "EUR", "2024-05-01"],
        ["3", "Three", "", "", "Partners", "Lost", "5", "EUR", "2024-05-01", "price"],
        ["4", "Four", "", "", "Partners", ""],
        ["5", "Wrong", "", "", "No such", "New"],
        ["6", "Wrong", "", "", "Partners", "No such"],
        ["7", "Wrong", "", "", "Partners", "Lost"],
        ["8", "Wrong", "", "", "Partners", "Lost", "", "", "", "No such"],
        ["9", "Wrong", "", "nobody@example.com", "Partners", "New"],
        ["10", "Wrong", "", "", "", ""],
    ]
    rows = [[*row, *[""] * (len(COLUMNS) - len(row))] for row in rows]
    record = await files.imported(csv_of(COLUMNS, *rows), entity="deal")
    errors = await files.errors(record["id"])
    assert [(error["row"], error["code"], error["column"]) for error in errors] == [
        ("5", "unknown_pipeline", "Pipeline"),
        ("6", "unknown_stage", "Deal Stage"),
        ("7", "required", ""),
        ("8", "unknown_loss_reason", "Closed Lost Reason"),
        ("9", "unknown_contact", "Contact Email"),
        ("10", "unknown_stage", ""),
    ]
    found = {one["name"]: one for one in (await client.read("deals"))["data"]}
    assert found.keys() == {"One", "Two", "Three", "Four"}
    one, two, three, four = (found[name] for name in ("One", "Two", "Three", "Four"))
    assert (one["stage_id"], one["amount"], one["probability"]) == (where["Offer"], "1200.50", 40)
    assert (one["contact_id"], one["company_id"]) == (contact["id"], two["company_id"])
    assert one["company_id"] is not None
    assert (two["status"], two["closed_at"][:10] <= "2024-05-01") == ("won", True)
    assert (three["status"], three["loss_reason_id"]) == ("lost", why)
    assert (four["stage_id"], four["status"]) == (where["New"], "open")


async def test_a_row_moves_the_deal_of_its_id(files, client, csv_of):
    where = await pipeline(client, "strict", Offer={"required_fields": ["next_step"]})
    body = {"name": "Old", "stage_id": where["New"], "external_ids": {"import": "1"}}
    made = await client.made("deals", body)
    other = await client.made("deals", {**body, "external_ids": {"import": "2"}})
    columns = ["Deal ID", "Deal Name", "Pipeline", "Deal Stage", "Next Step"]
    rows = [["1", "New", "Partners", "Offer", "Call"], ["2", "New", "Partners", "Offer", ""]]
    record = await files.imported(csv_of(columns, *rows), entity="deal")
    after = await client.read(f"deals/{made['id']}")
    assert (after["name"], after["stage_id"]) == ("New", where["Offer"])
    assert len((await client.read(f"deals/{made['id']}/moves"))["data"]) == 1
    errors = await files.errors(record["id"])
    assert [(error["row"], error["code"]) for error in errors] == [("2", "required_field")]
    assert (await client.read(f"deals/{other['id']}"))["name"] == "Old"


async def test_a_row_tells_that_its_deal_cannot_be_decided_yet(files, client, csv_of):
    where = await pipeline(client)
    body = {"name": "Known", "stage_id": where["New"], "external_ids": {"import": "1"}}
    made = await client.made("deals", body)
    columns = ["Deal ID", "Deal Name", "Pipeline", "Deal Stage", "Close Date"]
    rows = [[id, "Late", "Partners", "Won", "2099-01-01"] for id in ("1", "2")]
    rows.append(["3", "Fine", "Partners", "Won", "2020-01-01"])
    record = await files.made(csv_of(columns, *rows), entity="deal")
    rehearsed = await files.done(record["id"], "validate")
    counts = await files.done(record["id"], "start")
    for found in (rehearsed, counts):
        assert (found["create"], found["update"], found["error"]) == (1, 0, 2)
    errors = await files.errors(record["id"])
    assert [(error["row"], error["code"]) for error in errors] == [
        ("1", "in_future"),
        ("2", "in_future"),
    ]
    assert (await client.read(f"deals/{made['id']}"))["status"] == "open"


async def test_a_rehearsal_counts_moves(files, client, csv_of):
    where = await pipeline(client)
    body = {"name": "Same", "stage_id": where["New"], "external_ids": {"import": "1"}}
    await client.made("deals", body)
    await client.made("deals", {**body, "external_ids": {"import": "2"}})
    columns = ["Deal ID", "Deal Name", "Pipeline", "Deal Stage"]
    rows = [["1", "Same", "Partners", "Offer"], ["2", "Same", "Partners", "New"]]
    record = await files.made(csv_of(columns, *rows), entity="deal")
    rehearsed = await files.done(record["id"], "validate")
    counts = await files.done(record["id"], "start")
    assert (rehearsed["update"], rehearsed["unchanged"]) == (1, 1)
    assert (counts["update"], counts["unchanged"]) == (1, 1)


async def test_an_undone_import_moves_deals_back(files, client, csv_of):
    """By a move of their own; out of a stage that is gone they stay where they are."""
    where = await pipeline(client)
    body = {"name": "Same", "stage_id": where["Offer"]}
    first, second = [
        await client.made("deals", {**body, "external_ids": {"import": str(n)}}) for n in (1, 2)
    ]
    columns = ["Deal ID", "Deal Name", "Pipeline", "Deal Stage"]
    rows = [[str(n), f"Moved {n}", "Partners", "Closed Won"] for n in (1, 2)]
    record = await files.imported(csv_of(columns, *rows), entity="deal")
    assert (await client.read(f"deals/{first['id']}"))["status"] == "won"
    await files.done(record["id"], "revert")
    for one in (first, second):
        found = await client.read(f"deals/{one['id']}")
        assert (found["name"], found["status"], found["stage_id"]) == (
            "Same",
            "open",
            where["Offer"],
        )
        assert (found["closed_at"], found["probability"]) == (None, 40)
        moves = (await client.read(f"deals/{one['id']}/moves"))["data"]
        assert sorted(move["verb"] for move in moves) == ["reopened", "won"]
    record = await files.imported(csv_of(columns, *rows), entity="deal")
    answer = await client.post(
        f"/v1/stages/{where['Offer']}/remove", json={"move_to": where["New"]}
    )
    assert answer.status_code == 204, answer.text
    await files.done(record["id"], "revert")
    found = await client.read(f"deals/{first['id']}")
    assert (found["name"], found["status"]) == ("Same", "won")
    assert (await client.read(f"deals/{first['id']}/transitions"))["allowed"]


async def test_an_archived_pipeline_takes_no_deals_of_files(files, client, csv_of):
    where = await pipeline(client)
    await client.changed(f"pipelines/{where.id}", {"is_archived": True})
    columns = ["Deal ID", "Deal Name", "Pipeline", "Deal Stage"]
    record = await files.imported(csv_of(columns, ["1", "New", "Partners", "Offer"]), entity="deal")
    assert [error["code"] for error in await files.errors(record["id"])] == ["archived"]
    assert (await client.read("deals"))["data"] == []
