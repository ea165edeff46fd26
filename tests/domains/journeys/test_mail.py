"""What the step `mail` of journeys writes: once at most to each, whatever dies."""

import asyncio
import json
import random
from collections import Counter

from support.journeys import END, node
from support.mailings import reader, sink
from support.sequences import did
from support.waiting import patiently

PEOPLE = 40
KILLS = 4
SEED = 11
MAIL = {"action": "mail", "purpose": "newsletter", "subject": "Hello", "text": "Welcome."}
_LEFT_BEHIND = "UPDATE jobs SET lease_until = now() WHERE kind = 'mail.send' AND status = 'running'"
_DUE = "UPDATE jobs SET run_at = now() WHERE kind = 'mail.send' AND status = 'queued'"
_LETTERS = """
    SELECT args ->> 'letter_id' AS id, status, result::text AS result FROM jobs
    WHERE organization_id = $1 AND kind = 'mail.send'
"""


async def ended(owner, org):
    """The letters of an organization, once none of them is to leave any more."""
    found = []
    async for _ in patiently():
        await owner.execute(_LEFT_BEHIND)
        await owner.execute(_DUE)
        found = await owner.fetch(_LETTERS, org.id)
        if len(found) == PEOPLE and all(one["status"] == "succeeded" for one in found):
            break
    return found


async def begun(client, people):
    """A journey that writes to some people."""
    nodes = [node("write", "action", step=MAIL, next="end"), END]
    made = await client.made("journeys", {"name": "Welcome", "nodes": nodes})
    await did(client, "journeys", made, "publish")
    body = {"contact_ids": [one["id"] for one in people]}
    answer = await client.post(f"/v1/journeys/{made['id']}/enter", json=body)
    assert answer.json()["entered"] == len(people)


async def test_workers_that_are_killed_write_to_each_once(client, org, worker_process, owner):
    people = await asyncio.gather(*(reader(client) for _ in range(PEOPLE)))
    await begun(client, people)
    chance = random.Random(SEED)
    async with sink() as server:
        # Long enough to die between the end of a mail and the answer to it.
        server.after_s = 0.2
        for _ in range(KILLS):
            wanted = len(server.taken) + chance.randint(1, 4)
            process = worker_process(CRM_SMTP_URL=server.url)
            async for _ in patiently(0.01):
                if len(server.taken) >= wanted:
                    break
            await asyncio.sleep(chance.random() * 0.1)
            process.kill()
            process.wait()
            await owner.execute(_LEFT_BEHIND)
        assert len(server.taken) < PEOPLE
        server.after_s = 0.0
        worker_process(CRM_SMTP_URL=server.url)
        letters = await ended(owner, org)
        taken = Counter({id.partition("@")[0]: number for id, number in server.ids.items()})
    assert set(taken.values()) == {1}
    own = {one["id"] for one in letters}
    sent = {one["id"] for one in letters if '"sent": true' in one["result"]}
    uncertain = {one["id"] for one in letters if "uncertain" in one["result"]}
    assert len(letters) == len(people) == len(sent) + len(uncertain)
    assert uncertain
    assert sent <= taken.keys()
    assert taken.keys() & own <= sent | uncertain
    assert all("\nList-Unsubscribe: <http" in one for one in server.taken)


async def test_what_could_not_leave_is_tried_again(client, org, worker_process, owner, tmp_path):
    """Where letters cannot be written, that is no letter that may have left."""
    outbox = tmp_path / "outbox"
    outbox.write_text("No directory.")
    await begun(client, [await reader(client)])
    worker_process(CRM_MAIL_OUTBOX=str(outbox))
    tried = []
    async for _ in patiently():
        tried = await owner.fetch(f"{_LETTERS} AND attempts > 0 AND status <> 'running'", org.id)
        if tried:
            break
    assert [one["status"] for one in tried] == ["queued"]
    outbox.unlink()
    async for _ in patiently():
        await owner.execute(_DUE)
        tried = await owner.fetch(_LETTERS, org.id)
        if tried[0]["status"] not in {"queued", "running"}:
            break
    assert [json.loads(one["result"]) for one in tried] == [{"sent": True}]
    assert len(list(outbox.glob("*.eml"))) == 1
