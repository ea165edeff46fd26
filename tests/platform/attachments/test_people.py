"""What is attached to people goes with them: into one, apart, into archives, and away."""

import io
import zipfile

from support.clients import problem


async def names_of(bench, client, contact):
    answer = await client.get(f"/v1/contacts/{contact['id']}/attachments")
    assert answer.status_code == 200, answer.text
    return sorted(row["filename"] for row in answer.json()["data"])


async def merged(client, winner, *losers):
    body = {"winner_id": winner["id"], "loser_ids": [loser["id"] for loser in losers]}
    answer = await client.post("/v1/contacts/merge", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_a_merge_brings_them_along_and_its_undoing_back(bench, client):
    winner = await client.made("contacts", {"last_name": "Winner"})
    both = await bench.sent(b"the same", "both.txt")
    await bench.sent(b"another", "loser.txt")
    body = {"file_id": both["file_id"], "target": "contact", "record_id": winner["id"]}
    await client.made("attachments", {**body, "filename": "winner.txt"})
    merge = await merged(client, winner, bench.contact)
    assert await names_of(bench, client, winner) == ["loser.txt", "winner.txt"]
    problem(await client.get(f"/v1/attachments/{both['id']}"), 404)
    answer = await client.post(f"/v1/merges/{merge}/undo")
    assert answer.status_code == 200, answer.text
    assert await names_of(bench, client, winner) == ["winner.txt"]
    assert await names_of(bench, client, bench.contact) == ["both.txt", "loser.txt"]
    await bench.sweep()
    assert len(bench.kept()) == 2


async def test_what_comes_back_after_a_merge_is_of_what_is_left(bench, client):
    winner = await client.made("contacts", {"last_name": "Winner"})
    made = await bench.sent(b"x", "binned.txt")
    await client.delete(f"/v1/attachments/{made['id']}")
    await merged(client, winner, bench.contact)
    restored = await client.post(f"/v1/attachments/{made['id']}/restore")
    assert restored.status_code == 200, restored.text
    assert await names_of(bench, client, winner) == ["binned.txt"]


async def started(client, contact, kind):
    made = await client.made("subject-requests", {"kind": kind, "record_id": contact["id"]})
    at = f"/v1/subject-requests/{made['id']}"
    await client.post(f"{at}/verify", json={"verification": "Called back."})
    answer = await client.post(f"{at}/start")
    assert answer.status_code == 202, answer.text
    return at, await client.ended(answer.json()["job_id"])


async def test_an_archive_has_the_files(bench, client, worker):
    made = await bench.sent(b"An offer.", "offer.txt")
    same = await bench.sent(b"Another.", "offer.txt")
    await client.delete(f"/v1/attachments/{same['id']}")
    at, _ = await started(client, bench.contact, "access")
    answer = await client.get(f"{at}/archive")
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.read(f"attachments/{made['id']}/offer.txt") == b"An offer."
        assert archive.read(f"attachments/{same['id']}/offer.txt") == b"Another."
        assert archive.read("attachment.ndjson").count(b"\n") == 2


async def test_an_erasure_takes_the_files(bench, client, worker):
    binned = await bench.sent(b"binned", "binned-name.txt")
    await bench.sent(b"kept", "kept-name.txt")
    await client.delete(f"/v1/attachments/{binned['id']}")
    company = await client.made("companies", {"name": "Example Industries"})
    answer = await client.post(f"/v1/companies/{company['id']}/attachments", content=b"stays")
    stays = answer.json()
    made = await client.made(
        "subject-requests", {"kind": "erasure", "record_id": bench.contact["id"]}
    )
    preview = await client.post(f"/v1/subject-requests/{made['id']}/preview")
    assert preview.json()["records"]["attachment"] == 2
    assert len(await bench.listed()) == 1, "a preview takes nothing"
    await started(client, bench.contact, "erasure")
    await bench.sweep()
    assert bench.kept() == await bench.rows() == {stays["file_id"].replace("-", "")}
    sql = "SELECT count(*) FROM events WHERE data::text || coalesce(previous::text, '') LIKE $1 AND organization_id = $2"
    assert await bench.owner.fetchval(sql, "%-name.txt%", bench.org.id) == 0


async def test_retention_takes_them_too(bench, client):
    await bench.sent(b"x")
    at = f"/v1/contacts/{bench.contact['id']}"
    hold = await client.made(
        "legal-holds", {"record_id": bench.contact["id"], "reason": "Pending litigation"}
    )
    problem(await client.delete(f"{at}?purge=true"), 409)
    await bench.sweep()
    assert len(bench.kept()) == 1
    await client.delete(f"/v1/legal-holds/{hold['id']}")
    assert (await client.delete(f"{at}?purge=true")).status_code == 204
    await bench.sweep()
    assert bench.kept() == set()
