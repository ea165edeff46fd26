"""What happens at once, and what dies halfway: no row without its bytes, no bytes for ever."""

import asyncio
import hashlib
import os
import random
from contextlib import suppress
from uuid import UUID

import httpx
import pytest

from support.clients import problem
from support.processes import Server
from support.waiting import patiently


@pytest.fixture
def server(settings):
    started = Server(settings)
    started.wait()
    yield started
    started.kill()


async def slowly(content, *, then=None, size=262_144):
    for start in range(0, len(content), size):
        yield content[start : start + size]
        await asyncio.sleep(0.005)
    if then is not None:
        await then.wait()


async def whole(bench):
    """Every attachment has its bytes, and after a sweep there are no others."""
    rows = await bench.owner.fetch(
        "SELECT file_id, size_bytes, sha256 FROM attachments WHERE organization_id = $1",
        bench.org.id,
    )
    await bench.hurry()
    await bench.sweep()
    known = {row["file_id"].hex for row in rows}
    assert bench.kept() == await bench.rows() == known
    for row in rows:
        content = (bench.folder / row["file_id"].hex).read_bytes()
        assert len(content) == row["size_bytes"]
        assert hashlib.sha256(content).hexdigest() == row["sha256"]
    return len(rows)


async def test_two_at_once_do_not_pass_the_quota_together(bench):
    await bench.quota(1_500_000)
    go = asyncio.Event()
    both = [
        asyncio.create_task(bench.send(slowly(os.urandom(1_000_000), then=go), f"{n}.bin"))
        for n in range(2)
    ]
    await asyncio.sleep(0.5)
    go.set()
    answers = await asyncio.gather(*both)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    found = problem(refused, 409, "quota_exceeded")
    assert (found["quota"], found["limit"]) == ("file_bytes", 1_500_000)
    assert await whole(bench) == 1
    usage = await bench.client.read("usage")
    assert usage["file_bytes"] == {"limit": 1_500_000, "used": 1_000_000}


async def test_what_is_over_the_quota_is_refused_before_it_has_come(bench):
    await bench.quota(100_000)
    came = 0

    async def counted():
        nonlocal came
        for _ in range(200):
            came += 50_000
            yield bytes(50_000)
            await asyncio.sleep(0)

    problem(await bench.send(counted(), "a.bin"), 409, "quota_exceeded")
    assert came < 5_000_000
    assert await whole(bench) == 0


async def test_a_file_is_attached_or_removed_never_both(bench, client):
    kept = 0
    for _ in range(15):
        file = (await client.post("/v1/files", content=os.urandom(100))).json()
        await bench.hurry()
        body = {"file_id": file["id"], "target": "contact", "record_id": bench.contact["id"]}

        async def attach(body=body):
            await asyncio.sleep(random.random() * 0.03)
            return await client.post("/v1/attachments", json=body)

        answer, _ = await asyncio.gather(attach(), bench.sweep())
        there = file["id"].replace("-", "") in bench.kept()
        assert there == (answer.status_code == 201), answer.text
        assert answer.status_code in {201, 422}
        kept += there
    assert await whole(bench) == kept


async def test_the_last_of_several_takes_the_bytes_with_it(bench, client):
    for _ in range(5):
        first = await bench.sent(os.urandom(50))
        company = await client.made("companies", {"name": "Example"})
        other = {"target": "company", "record_id": company["id"]}
        paths = [f"/v1/attachments/{first['id']}?purge=true"]
        gone, copied, *_ = await asyncio.gather(
            client.delete(paths[0]),
            client.post("/v1/attachments", json={"file_id": first["file_id"], **other}),
            bench.sweep(),
        )
        assert gone.status_code == 204
        assert copied.status_code in {201, 422}
    await whole(bench)


async def test_nothing_stays_with_a_record_that_was_destroyed(bench, client):
    for _ in range(8):
        contact = await client.made("contacts", {"last_name": "Person"})
        at = f"/v1/contacts/{contact['id']}"
        sent, gone = await asyncio.gather(
            client.post(f"{at}/attachments", content=b"x"), client.delete(f"{at}?purge=true")
        )
        assert gone.status_code in {204, 503}, gone.text
        assert sent.status_code in {201, 404, 422, 503}, sent.text
        if gone.status_code == 204:
            sql = "SELECT count(*) FROM attachments WHERE record_id = $1"
            assert await bench.owner.fetchval(sql, UUID(contact["id"])) == 0
    await whole(bench)


async def test_who_downloads_comes_to_the_end_though_it_is_deleted(bench, server):
    content = os.urandom(24 << 20)
    made = await bench.sent(slowly(content, size=1 << 20), "large.bin")
    at = f"/v1/attachments/{made['id']}"
    async with (
        server.client(bench.org) as api,
        api.stream("GET", f"{at}/content", headers={"Accept-Encoding": "identity"}) as answer,
    ):
        assert answer.status_code == 200
        assert answer.headers["content-length"] == str(len(content))
        blocks = answer.aiter_raw(65_536)
        got = [await anext(blocks)]
        assert (await bench.client.delete(f"{at}?purge=true")).status_code == 204
        await bench.sweep()
        assert bench.kept() == set()
        got += [block async for block in blocks]
    assert b"".join(got) == content


async def test_who_hangs_up_leaves_nothing(bench, server):
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    head = (
        f"POST {bench.at}?filename=a.bin HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {bench.org.token}\r\nContent-Length: 5000000\r\n\r\n"
    )
    writer.write(head.encode() + bytes(2_000_000))
    await writer.drain()
    async for _ in patiently():
        if await bench.rows():
            break
    assert len(await bench.rows()) == 1
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
    del reader
    async for _ in patiently():
        await bench.sweep()
        if not await bench.rows():
            break
    assert await bench.listed() == []
    assert (bench.kept(), await bench.rows()) == (set(), set())


@pytest.mark.parametrize("patience_s", [0.05, 0.15, 0.3, 0.45, 0.6])
async def test_a_server_that_is_killed_leaves_no_half_of_anything(bench, server, patience_s):
    """Wherever it dies: while bytes come, between bytes and row, or after the answer."""
    async with server.client(bench.org) as api:
        sending = [
            asyncio.create_task(
                api.post(f"{bench.at}?filename={n}.bin", content=slowly(os.urandom(size)))
            )
            for n, size in enumerate([100_000, 2_000_000, 8_000_000])
        ]
        await asyncio.sleep(patience_s)
        server.kill()
        answers = await asyncio.gather(*sending, return_exceptions=True)
    told = sum(not isinstance(answer, BaseException) for answer in answers)
    assert all(isinstance(a, httpx.HTTPError) or a.status_code == 201 for a in answers)
    assert await whole(bench) >= told, "what was answered is there"
