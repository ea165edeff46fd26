"""Files of records: sent, attached, found, handed out, renamed, binned and gone for good."""

import hashlib
import os
from uuid import UUID

import pytest

from support.clients import pointers, problem

CONTENT = b"A letter of an example person.\n" * 100


async def chunks(content, size=65_536):
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_what_was_sent_is_what_is_handed_out(bench, client):
    content = os.urandom(3_000_000)
    digest = hashlib.sha256(content).hexdigest()
    made = await bench.sent(chunks(content), "offer.bin", sha256=digest.upper())
    text = await bench.sent(CONTENT)
    for path in (f"/v1/attachments/{text['id']}/content?inline=true",):
        plain = await client.get(path, headers={"Accept-Encoding": "gzip, br, zstd"})
        assert "content-encoding" not in plain.headers
        assert plain.headers["content-length"] == str(len(CONTENT))
    assert made["sha256"] == digest
    assert made["size_bytes"] == len(content)
    assert (made["target"], made["record_id"]) == ("contact", bench.contact["id"])
    at = f"/v1/attachments/{made['id']}"
    assert (await client.get(at)).json()["filename"] == "offer.bin"
    answer = await client.get(f"{at}/content")
    assert answer.content == content
    assert answer.headers["etag"] == f'"{digest}"'
    assert answer.headers["content-disposition"] == 'attachment; filename="offer.bin"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "content-encoding" not in answer.headers
    again = await client.get(f"{at}/content", headers={"If-None-Match": f'"{digest}"'})
    assert again.status_code == 304
    assert [row["id"] for row in await bench.listed()] == [text["id"], made["id"]]
    assert await bench.rows() == bench.kept()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("bytes=0-9", CONTENT[:10]),
        ("bytes=100-", CONTENT[100:]),
        ("bytes=-7", CONTENT[-7:]),
        (f"bytes=5-{10**15}", CONTENT[5:]),
        ("bytes=0-0", CONTENT[:1]),
    ],
)
async def test_a_range_is_a_part(bench, client, asked, expected):
    made = await bench.sent(CONTENT)
    at = f"/v1/attachments/{made['id']}/content"
    answer = await client.get(at, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.content == expected
    start = CONTENT.index(expected) if len(expected) > 40 else None
    told = answer.headers["content-range"]
    assert told.endswith(f"/{len(CONTENT)}")
    assert start is None or told.startswith(f"bytes {len(CONTENT) - len(expected)}-")
    head = await client.head(at, headers={"Range": asked})
    assert (head.status_code, head.content) == (206, b"")
    assert int(head.headers["content-length"]) == len(expected)


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,3-4", "lines=1-2", "bytes=9-3", "bytes=-", "bytes=" + "9" * 40 + "-"]
)
async def test_what_is_no_one_range_is_answered_with_all(bench, client, asked):
    made = await bench.sent(CONTENT)
    at = f"/v1/attachments/{made['id']}/content"
    answer = await client.get(at, headers={"Range": asked})
    assert (answer.status_code, answer.content) == (200, CONTENT)


async def test_ranges_beyond_and_of_another_version(bench, client):
    made = await bench.sent(CONTENT)
    at = f"/v1/attachments/{made['id']}/content"
    for asked in (f"bytes={len(CONTENT)}-", "bytes=-0"):
        beyond = await client.get(at, headers={"Range": asked})
        problem(beyond, 416, "range_not_satisfiable")
        assert beyond.headers["content-range"] == f"bytes */{len(CONTENT)}"
    other = await client.get(at, headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    assert other.status_code == 200
    same = {"Range": "bytes=0-1", "If-Range": f'"{made["sha256"]}"'}
    assert (await client.get(at, headers=same)).status_code == 206


async def test_an_empty_file_is_a_file(bench, client):
    made = await bench.sent(b"", "empty.txt")
    answer = await client.get(f"/v1/attachments/{made['id']}/content")
    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_form_is_as_good(bench, client):
    files = {"file": ("../..\\Ängebot \u202e.pdf", b"%PDF-1.7 and so on", "application/pdf")}
    answer = await client.post(bench.at, files=files)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert made["content_type"] == "application/pdf"
    assert made["filename"] == "Ängebot .pdf"
    content = await client.get(f"/v1/attachments/{made['id']}/content")
    assert content.content == b"%PDF-1.7 and so on"
    assert "filename*=UTF-8''%C3%84ngebot%20.pdf" in content.headers["content-disposition"]


@pytest.mark.parametrize(
    ("given", "status", "code", "pointer"),
    [
        ({"files": {"file": ("a", b"x"), "other": ("b", b"y")}}, 422, "validation", "/other"),
        ({"files": {"other": ("b", b"y")}}, 422, "validation", "/other"),
        ({"files": [("file", ("a", b"x")), ("file", ("b", b"y"))]}, 422, "validation", "/file"),
        (
            {"files": {"file": ("a", b"x")}, "data": {"target": "invoice"}},
            422,
            "validation",
            "/target",
        ),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
            400,
            "malformed_form",
            None,
        ),
        (
            {"content": b"x", "headers": {"Content-Type": "multipart/form-data; boundary=a"}},
            400,
            "malformed_form",
            None,
        ),
        (
            {
                "content": b'--a\r\nContent-Disposition: form-data; name="file"\r\n\r\nhalf',
                "headers": {"Content-Type": "multipart/form-data; boundary=a"},
            },
            400,
            "body_ended_early",
            None,
        ),
        (
            {
                "content": b"--a\r\nX-Long: " + b"x" * 20_000,
                "headers": {"Content-Type": "multipart/form-data; boundary=a"},
            },
            400,
            "malformed_form",
            None,
        ),
        ({"content": b"x", "params": {"sha256": "0" * 64}}, 422, "checksum_mismatch", "sha256"),
        ({"content": b"x", "params": {"sha256": "0"}}, 422, "validation", "sha256"),
        ({"content": b"x", "params": {"filename": "a/b"}}, 422, "validation", "filename"),
        ({"content": b"x", "params": {"other": "a"}}, 422, "unknown_parameter", "other"),
        ({"content": b"MZ" + bytes(100)}, 415, "type_refused", None),
        ({"content": b"#!/bin/sh\n"}, 415, "type_refused", None),
        (
            {"content": b"<html>", "headers": {"Content-Type": "image/png"}},
            415,
            "type_mismatch",
            None,
        ),
    ],
    ids=str,
)
async def test_bad_uploads_are_refused_and_leave_nothing(
    bench, client, given, status, code, pointer
):
    for at in (bench.at, "/v1/files"):
        found = problem(await client.post(at, **given), status, code)
        if pointer:
            assert pointers(found) == [pointer]
    assert await bench.listed() == []
    await bench.sweep()
    assert await bench.rows() == set()
    assert bench.kept() == set()


async def test_files_are_as_large_as_the_installation_takes(bench, client, app):
    services = app.state.services
    before = services.settings
    services.settings = before.model_copy(update={"max_upload_bytes": 1_000})
    try:
        problem(await bench.send(chunks(bytes(200_000), 500)), 413, "too_large")
        assert (await bench.send(bytes(1_000))).status_code == 201
    finally:
        services.settings = before


async def test_types_may_be_narrowed(bench, app):
    services = app.state.services
    before = services.settings
    services.settings = before.model_copy(update={"files_types": ("image/*", "text/plain")})
    try:
        problem(await bench.send(b"%PDF-1.7", "a.pdf"), 415, "type_refused")
        assert (await bench.send(b"\x89PNG\r\n\x1a\n", "a.png")).status_code == 201
        assert (await bench.send(b"plain")).status_code == 201
    finally:
        services.settings = before


@pytest.mark.parametrize(
    ("content", "declared", "kind", "shown"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png", "image/png", True),
        (b"\x89PNG\r\n\x1a\n....", None, "image/png", True),
        (b"<svg onload=alert(1)>", "image/svg+xml", "image/svg+xml", False),
        (b"<html><script>", "text/html; charset=utf-8", "text/html", False),
        (b"plain words", "application/x-www-form-urlencoded", "text/plain", True),
        (b'{"a": 1}', "application/json", "application/json", False),
        (b"PK\x03\x04" + bytes(30), "application/vnd.oasis.opendocument.text",
         "application/vnd.oasis.opendocument.text", False),
        (b"\x00\x01\x02", "application/x-made-up", "application/x-made-up", False),
        (b"\x00\x01\x02", "not a type", "application/octet-stream", False),
    ],
)  # fmt: skip
async def test_a_browser_shows_only_what_does_no_harm(
    bench, client, content, declared, kind, shown
):
    made = await bench.sent(content, "file", type=declared)
    assert made["content_type"] == kind
    at = f"/v1/attachments/{made['id']}"
    plain = await client.get(f"{at}/content")
    assert plain.headers["content-disposition"].startswith("attachment;")
    inline = await client.get(f"{at}/content?inline=true")
    assert inline.headers["content-disposition"].startswith("inline;" if shown else "attachment;")
    assert inline.headers["content-type"].partition(";")[0] == kind
    assert "sandbox" in inline.headers["content-security-policy"]


async def test_a_file_may_belong_to_several_records(bench, client):
    first = await bench.sent(CONTENT)
    company = await client.made("companies", {"name": "Example Industries"})
    wanted = {"file_id": first["file_id"], "target": "company", "record_id": company["id"]}
    second = await client.made("attachments", {**wanted, "filename": "same.txt"})
    assert second["sha256"] == first["sha256"]
    found = problem(await client.post("/v1/attachments", json=wanted), 409, "duplicate")
    assert pointers(found) == ["/file_id"]
    for made in (first, second):
        assert (await client.delete(f"/v1/attachments/{made['id']}?purge=true")).status_code == 204
        await bench.sweep()
        assert len(bench.kept()) == (1 if made is first else 0)
    assert await bench.rows() == set()


async def test_a_sent_file_waits_a_day_to_be_attached(bench, client):
    answer = await client.post("/v1/files?filename=a.txt", content=CONTENT)
    file = answer.json()
    await bench.sweep()
    assert len(bench.kept()) == 1
    await bench.hurry()
    await bench.sweep()
    assert (bench.kept(), await bench.rows()) == (set(), set())
    wanted = {"file_id": file["id"], "target": "contact", "record_id": bench.contact["id"]}
    found = problem(await client.post("/v1/attachments", json=wanted), 422, "validation")
    assert pointers(found) == ["/file_id"]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"target": "invoice"}, "/target"),
        ({"record_id": "01990000-0000-7000-8000-00000000beef"}, "/record_id"),
        ({"file_id": "01990000-0000-7000-8000-00000000beef"}, "/file_id"),
        ({"filename": "a\\b"}, "/filename"),
        ({"filename": ".."}, "/filename"),
        ({"size_bytes": 1}, "/size_bytes"),
    ],
)
async def test_what_does_not_fit_is_named(bench, client, wrong, pointer):
    file = (await client.post("/v1/files", content=CONTENT)).json()
    body = {"file_id": file["id"], "target": "contact", "record_id": bench.contact["id"], **wrong}
    assert pointers(problem(await client.post("/v1/attachments", json=body), 422)) == [pointer]


async def test_others_have_nothing_to_do_with_it(bench, client, other):
    made = await bench.sent(CONTENT)
    at = f"/v1/attachments/{made['id']}"
    for path in (at, f"{at}/content", bench.at):
        problem(await other.get(path), 404)
    problem(await other.post(bench.at, content=b"x"), 404)
    problem(await other.post(f"{at}/link", json={}), 404)
    theirs = await other.made("contacts", {"last_name": "Other"})
    body = {"file_id": made["file_id"], "target": "contact", "record_id": theirs["id"]}
    assert pointers(problem(await other.post("/v1/attachments", json=body), 422)) == ["/file_id"]


async def test_the_bin_keeps_it_and_a_purge_does_not(bench, client):
    made = await bench.sent(CONTENT)
    at = f"/v1/attachments/{made['id']}"
    assert (await client.delete(at)).status_code == 204
    problem(await client.get(f"{at}/content"), 404)
    await bench.sweep()
    assert (await client.post(f"{at}/restore")).status_code == 200
    assert (await client.get(f"{at}/content")).content == CONTENT
    assert (await client.delete(f"{at}?purge=true")).status_code == 204
    await bench.sweep()
    assert (bench.kept(), await bench.rows()) == (set(), set())


async def test_it_goes_with_its_record(bench, client):
    made = await bench.sent(CONTENT, "secret-name.txt")
    at = f"/v1/contacts/{bench.contact['id']}"
    await client.delete(at)
    assert [row["id"] for row in await bench.listed()] == [made["id"]]
    assert (await client.delete(f"{at}?purge=true")).status_code == 204
    problem(await client.get(f"/v1/attachments/{made['id']}"), 404)
    await bench.sweep()
    assert (bench.kept(), await bench.rows()) == (set(), set())
    sql = (
        "SELECT data::text || coalesce(previous::text, '') AS told FROM events WHERE record_id = $1"
    )
    told = [row["told"] for row in await bench.owner.fetch(sql, UUID(made["id"]))]
    assert told
    assert not any("secret-name" in text for text in told)


async def test_a_rehearsal_keeps_nothing(bench, client):
    answer = await client.post(f"{bench.at}?dry_run=true", content=CONTENT)
    assert answer.status_code == 201, answer.text
    assert await bench.listed() == []
    await bench.sweep()
    assert (bench.kept(), await bench.rows()) == (set(), set())


async def test_a_repeated_upload_is_carried_out_once(bench, client):
    headers = {"Idempotency-Key": "the-same"}
    first = await bench.sent(CONTENT, headers=headers)
    again = await bench.send(CONTENT, headers=headers)
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["id"] == first["id"]
    problem(await bench.send(b"something else", headers=headers), 422, "idempotency_key_reused")
    await bench.sweep()
    assert len(bench.kept()) == 1
    assert len(await bench.listed()) == 1


async def test_custom_objects_have_them_too(bench, client):
    await client.made(
        "custom-objects", {"key": "vehicle", "label": "Vehicle", "plural_label": "Vehicles"}
    )
    vehicle = await client.made("objects/vehicle", {"name": "Van"})
    at = f"/v1/objects/vehicle/{vehicle['id']}/attachments"
    answer = await client.post(f"{at}?filename=papers.txt", content=CONTENT)
    assert answer.status_code == 201, answer.text
    assert answer.json()["target"] == "vehicle"
    assert len((await client.get(at)).json()["data"]) == 1
    problem(await client.get(f"/v1/objects/boat/{vehicle['id']}/attachments"), 404)


async def test_graphql_reaches_the_same(bench, client):
    first = await bench.sent(CONTENT)
    query = """query($id: UUID!) { recordAttachments(entity: "contact", id: $id) {
        totalCount nodes { id filename sizeBytes } } }"""
    found = await client.data(query, id=bench.contact["id"])
    assert found["recordAttachments"]["totalCount"] == 1
    assert found["recordAttachments"]["nodes"][0]["sizeBytes"] == len(CONTENT)
    document = "mutation($id: UUID!) { linkAttachment(id: $id, expiresIn: 60) { url expiresAt } }"
    link = (await client.data(document, id=first["id"]))["linkAttachment"]["url"]
    assert (await client.get(link)).content == CONTENT
    document = (
        """mutation($input: AttachmentCreateInput!) { createAttachment(input: $input) { id } }"""
    )
    company = await client.made("companies", {"name": "Example Industries"})
    wanted = {"fileId": first["file_id"], "target": "company", "recordId": company["id"]}
    answer = await client.gql(document, input=wanted)
    assert "errors" not in answer, answer
    answer = await client.gql(query, id="01990000-0000-7000-8000-00000000beef")
    assert answer["errors"][0]["extensions"]["code"] == "not_found"
