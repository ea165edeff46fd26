"""Whoever sees the record sees what is attached; whoever may change it may attach and detach."""

import pytest

from support.clients import problem
from support.members import custom_role, member

OWN = {"read": "own", "create": "own", "update": "own", "delete": "own"}
READS = {"read": "all", "create": "none", "update": "none", "delete": "none"}


@pytest.fixture
async def rep(client):
    return await member(client, await custom_role(client, levels={"*": OWN}))


@pytest.fixture
async def reader(client):
    return await member(client, await custom_role(client, levels={"contacts": READS}))


async def own(client, rep, contact):
    await client.changed(f"contacts/{contact['id']}", {"owner_id": rep.id})


async def test_it_is_seen_with_its_record(bench, client, rep):
    made = await bench.sent(b"x")
    at = f"/v1/attachments/{made['id']}"
    for path in (at, f"{at}/content", bench.at):
        problem(await rep.api.get(path), 404)
    assert (await rep.api.read("attachments", count="exact"))["total"] == 0
    await own(client, rep, bench.contact)
    for path in (at, f"{at}/content", bench.at):
        assert (await rep.api.get(path)).status_code == 200
    assert (await rep.api.patch(at, json={"filename": "b.txt"})).status_code == 200
    assert (await rep.api.delete(at)).status_code == 204
    assert (await rep.api.post(f"{at}/restore")).status_code == 200
    history = await rep.api.read(f"attachments/{made['id']}/history")
    assert [entry["type"].partition(".")[2] for entry in history["data"]] == [
        "restored",
        "deleted",
        "updated",
        "created",
    ]


async def test_who_only_reads_the_record_changes_nothing(bench, client, reader):
    made = await bench.sent(b"x")
    at = f"/v1/attachments/{made['id']}"
    assert (await reader.api.get(f"{at}/content")).status_code == 200
    problem(await reader.api.patch(at, json={"filename": "b.txt"}), 403, "missing_right")
    problem(await reader.api.delete(at), 403, "missing_right")
    problem(await reader.api.post(bench.at, content=b"y"), 403, "missing_right")
    body = {"file_id": made["file_id"], "target": "contact", "record_id": bench.contact["id"]}
    problem(await reader.api.post("/v1/attachments", json=body), 403, "missing_right")
    await client.delete(at)
    problem(await reader.api.post(f"{at}/restore"), 403, "missing_right")
    assert len(bench.kept()) == 1, "nothing was sent in vain"


async def test_a_share_of_the_record_is_one_of_its_files(bench, client, rep):
    made = await bench.sent(b"x")
    at = f"/v1/attachments/{made['id']}"
    share = {"target": "contact", "record_id": bench.contact["id"], "user_id": rep.id}
    given = await client.made("shares", share)
    assert (await rep.api.get(at)).status_code == 200
    problem(await rep.api.delete(at), 403)
    await client.changed(f"shares/{given['id']}", {"access": "write"})
    assert (await rep.api.delete(at)).status_code == 204


async def test_who_has_sent_it_keeps_it_in_sight(bench, client, rep):
    await own(client, rep, bench.contact)
    answer = await rep.api.post(f"{bench.at}?filename=mine.txt", content=b"x")
    made = answer.json()
    assert made["owner_id"] == rep.id
    await client.changed(f"contacts/{bench.contact['id']}", {"owner_id": None})
    problem(await rep.api.get(f"/v1/contacts/{bench.contact['id']}"), 404)
    assert (await rep.api.get(f"/v1/attachments/{made['id']}/content")).content == b"x"


async def test_a_file_is_attached_by_those_who_know_it(bench, client, rep):
    theirs = await client.made("contacts", {"last_name": "A", "owner_id": rep.id})
    secret = (await client.post("/v1/files", content=b"not theirs")).json()
    hidden = await bench.sent(b"of a record that they do not see")
    for file_id in (secret["id"], hidden["file_id"]):
        body = {"file_id": file_id, "target": "contact", "record_id": theirs["id"]}
        problem(await rep.api.post("/v1/attachments", json=body), 422, "validation")
    mine = (await rep.api.post("/v1/files", content=b"theirs")).json()
    body = {"file_id": mine["id"], "target": "contact", "record_id": theirs["id"]}
    await rep.api.made("attachments", body)
    await own(client, rep, bench.contact)
    body = {"file_id": hidden["file_id"], "target": "contact", "record_id": theirs["id"]}
    await rep.api.made("attachments", body)


async def test_scopes_count_as_everywhere(bench, keyed):
    made = await bench.sent(b"x")
    at = f"/v1/attachments/{made['id']}"
    contacts = await keyed("contacts:*")
    problem(await contacts.get(at), 403, "insufficient_scope")
    problem(await contacts.get(bench.at), 403, "insufficient_scope")
    problem(await contacts.post("/v1/files", content=b"x"), 403, "insufficient_scope")
    only = await keyed("attachments:*")
    assert (await only.get(f"{at}/content")).status_code == 200
    problem(await only.post(bench.at, content=b"x"), 403, "insufficient_scope")
    problem(await only.get(bench.at), 403, "insufficient_scope")
