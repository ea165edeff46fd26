"""Whatever the owner of the database does to what was sealed is found."""

import asyncio
import json
from hashlib import sha256
from itertools import count

import pytest

from crm_api.platform.audit import chain
from crm_api.platform.audit.verifying import verify_stored
from support.clients import problem
from support.exports import exported

THIRD = "organization_id = $1 AND id = (SELECT event_id FROM event_seals WHERE organization_id = $1 AND position = 3)"
AT_THIRD = "organization_id = $1 AND position = 3"
# By way of a third id, since none may stand twice.
SWAP = """
    CREATE TEMP TABLE pair AS SELECT position, event_id FROM event_seals
        WHERE organization_id = $1 AND position IN (3, 4);
    UPDATE event_seals SET event_id = gen_random_uuid() WHERE organization_id = $1 AND position = 3;
    UPDATE event_seals SET event_id = (SELECT event_id FROM pair WHERE position = 3)
        WHERE organization_id = $1 AND position = 4;
    UPDATE event_seals SET event_id = (SELECT event_id FROM pair WHERE position = 4)
        WHERE organization_id = $1 AND position = 3;
    DROP TABLE pair
"""
INSERT = """
    INSERT INTO events (organization_id, id, seq, tx, type, entity, record_id, version, data,
        actor_kind, occurred_at) OVERRIDING SYSTEM VALUE
    SELECT $1, gen_random_uuid(), seq, tx, type, entity, record_id, version, data, actor_kind,
        occurred_at FROM events WHERE organization_id = $1 ORDER BY tx, seq LIMIT 1
"""
TAMPERING = {
    "values": (
        f'UPDATE events SET data = data || \'{{"name": "X"}}\' WHERE {THIRD}',
        "values_changed",
    ),
    "previous": (f"UPDATE events SET previous = '{{\"a\": 1}}' WHERE {THIRD}", "values_changed"),
    "emptied": (f"UPDATE events SET data = '{{}}' WHERE {THIRD}", "values_changed"),
    "actor": (f"UPDATE events SET actor_id = gen_random_uuid() WHERE {THIRD}", "event_changed"),
    "time": (
        f"UPDATE events SET occurred_at = occurred_at - interval '1us' WHERE {THIRD}",
        "event_changed",
    ),
    "type": (f"UPDATE events SET type = 'company.updated' WHERE {THIRD}", "event_changed"),
    "record": (f"UPDATE events SET record_id = gen_random_uuid() WHERE {THIRD}", "event_changed"),
    "order": (f"UPDATE events SET tx = tx - 1 WHERE {THIRD}", "event_changed"),
    "id": (f"UPDATE events SET id = gen_random_uuid() WHERE {THIRD}", "event_deleted"),
    "deleted": (f"DELETE FROM events WHERE {THIRD}", "event_deleted"),
    "inserted": (INSERT, "event_inserted"),
    "swapped": (SWAP, "event_changed"),
    "seal deleted": (f"DELETE FROM event_seals WHERE {AT_THIRD}", "gap"),
    "hash": (f"UPDATE event_seals SET hash = sha256('x') WHERE {AT_THIRD}", "event_changed"),
    "content": (f"UPDATE event_seals SET content = sha256('x') WHERE {AT_THIRD}", "event_changed"),
    "salt": (f"UPDATE event_seals SET salt = 'other salt here' WHERE {AT_THIRD}", "values_changed"),
    "anchor": (
        "UPDATE audit_anchors SET hash = sha256('x') WHERE organization_id = $1",
        "anchor_changed",
    ),
    "anchor moved": (
        "UPDATE audit_anchors SET first = 2 WHERE organization_id = $1 AND number = 1",
        "anchor_changed",
    ),
    "signature": (
        "UPDATE audit_anchors SET signature = sha256('x') WHERE organization_id = $1",
        "anchor_unsigned",
    ),
    "anchor time": (
        "UPDATE audit_anchors SET sealed_at = now() WHERE organization_id = $1",
        "anchor_unsigned",
    ),
    "anchor deleted": ("DELETE FROM audit_anchors WHERE organization_id = $1", "anchor_missing"),
    "head": (
        "UPDATE audit_chains SET hash = sha256('x') WHERE organization_id = $1",
        "head_changed",
    ),
    "head moved": (
        "UPDATE audit_chains SET position = position - 1 WHERE organization_id = $1",
        "head_changed",
    ),
    "head deleted": ("DELETE FROM audit_chains WHERE organization_id = $1", "head_changed"),
    "nothing left": ("DELETE FROM event_seals WHERE organization_id = $1", "head_changed"),
}


@pytest.fixture
async def sealed(client, trail):
    """A trail of a dozen events and two anchors."""
    for number in range(5):
        made = await client.made("companies", {"name": f"Example {number}"})
    await trail.seal()
    await client.changed(f"companies/{made['id']}", {"name": "Renamed"})
    await trail.seal()
    assert await kinds(trail) == set()
    return trail


async def kinds(trail, **options):
    report = await verify_stored(trail.shared, trail.org.id, **options)
    assert report.is_whole == (not report.findings.breaks)
    return {found.kind for found in report.findings.breaks}


@pytest.mark.parametrize("way", TAMPERING)
async def test_tampering_is_found(sealed, owner, way):
    statement, kind = TAMPERING[way]
    await owner.execute(statement.replace("$1", f"'{sealed.org.id}'"))
    assert kind in await kinds(sealed)


async def test_one_change_is_told_once(sealed, owner):
    statement, _ = TAMPERING["actor"]
    await owner.execute(statement, sealed.org.id)
    report = await verify_stored(sealed.shared, sealed.org.id)
    assert [(found.kind, found.position) for found in report.findings.breaks] == [
        ("event_changed", 3)
    ]


async def test_a_chain_made_anew_lacks_the_signature(sealed, owner):
    """The owner of the database can compute every hash, but has not the key of the service."""
    await owner.execute(TAMPERING["values"][0], sealed.org.id)
    hash, position = chain.genesis(sealed.org.id), count(1)
    events = await owner.fetch(
        "SELECT e.*, s.salt FROM events e JOIN event_seals s ON s.organization_id = $1 "
        "AND s.event_id = e.id WHERE e.organization_id = $1 ORDER BY s.position",
        sealed.org.id,
    )
    hashes = {}
    for event in events:
        at = next(position)
        content = chain.content_digest(event["salt"], *chain.values_of(event))
        hash = hashes[at] = chain.link(hash, at, chain.plain_header(event), content)
        await owner.execute(
            "UPDATE event_seals SET content = $3, hash = $4 WHERE organization_id = $1 AND position = $2",
            sealed.org.id,
            at,
            content,
            hash,
        )
    for at, made in hashes.items():
        await owner.execute(
            "UPDATE audit_anchors SET hash = $3 WHERE organization_id = $1 AND last = $2",
            sealed.org.id,
            at,
            made,
        )
    await owner.execute(
        "UPDATE audit_chains SET hash = $2 WHERE organization_id = $1", sealed.org.id, hash
    )
    assert await kinds(sealed) == {"anchor_unsigned"}


async def test_a_tail_that_was_cut_off_is_found_by_a_head_kept_elsewhere(sealed, owner):
    seals = await sealed.seals()
    kept = {seals[-1]["position"]: seals[-1]["hash"]}
    assert await kinds(sealed, heads=kept) == set()
    await owner.execute(
        "DELETE FROM events WHERE organization_id = $1 AND id = ANY($2)",
        sealed.org.id,
        [seal["event_id"] for seal in seals[-1:]],
    )
    await owner.execute(
        "DELETE FROM event_seals WHERE organization_id = $1 AND position >= $2",
        sealed.org.id,
        seals[-1]["position"],
    )
    await owner.execute(
        "DELETE FROM audit_anchors WHERE organization_id = $1 AND number = 2", sealed.org.id
    )
    await owner.execute(
        "UPDATE audit_chains SET (position, hash, anchors) = ($2, $3, 1) WHERE organization_id = $1",
        sealed.org.id,
        seals[-2]["position"],
        seals[-2]["hash"],
    )
    assert await kinds(sealed) == set()
    assert await kinds(sealed, heads=kept) == {"head_changed"}


async def test_erasure_leaves_the_chain_whole(client, sealed, owner):
    made = await client.made("contacts", {"last_name": "Erased", "birth_date": "1980-01-01"})
    await sealed.seal()
    gone = await client.delete(f"/v1/contacts/{made['id']}", params={"purge": "true"})
    assert gone.status_code == 204
    # Before the witness is sealed, and after.
    assert await kinds(sealed) == set()
    await sealed.seal()
    report = await verify_stored(sealed.shared, sealed.org.id)
    assert report.is_whole
    assert report.findings.erased >= 1
    salts = await owner.fetch(
        "SELECT s.salt FROM event_seals s JOIN events e ON e.organization_id = $1 "
        "AND e.id = s.event_id WHERE s.organization_id = $1 AND e.type = 'contact.created' "
        "AND e.record_id = $2",
        sealed.org.id,
        made["id"],
    )
    assert [row["salt"] for row in salts] == [None]
    (told,) = (await client.read("audit", **{"filter[type]": "audit.erased"}))["data"]
    assert told["data"]["record_ids"] == [made["id"]]
    assert (told["actor_kind"], told["actor_id"]) == ("key", (await client.read("me"))["id"])
    # Without its witness an emptied event is a changed one.
    await owner.execute(
        "UPDATE event_seals SET salt = NULL WHERE organization_id = $1 AND position = 3",
        sealed.org.id,
    )
    await owner.execute(
        TAMPERING["emptied"][0],
        sealed.org.id,
    )
    assert await kinds(sealed) == {"values_changed"}


async def test_erasing_and_sealing_at_once(client, trail):
    """Whichever comes first, no salt is left of what is gone."""
    made = [await client.made("contacts", {"last_name": f"Person {n}"}) for n in range(12)]

    async def purge(contact):
        answer = await client.delete(f"/v1/contacts/{contact['id']}", params={"purge": "true"})
        assert answer.status_code == 204, answer.text

    async def seal():
        for _ in range(15):
            await trail.seal()

    await asyncio.gather(seal(), *map(purge, made))
    await trail.seal()
    assert await kinds(trail) == set()


async def test_a_file_is_verified_without_the_database(client, sealed, worker, tmp_path):
    file = tmp_path / "trail.ndjson"
    file.write_bytes((await exported(client, "audit")).content)
    lines = file.read_bytes().splitlines(keepends=True)
    own, position, hash, found = chain.verify_lines(iter(lines))
    assert (own, found.number_of_breaks) == (sealed.org.id, 0)
    assert position == found.events >= 6
    middle = next(n for n, line in enumerate(lines) if b'"position":3' in line)
    event = json.loads(lines[middle])
    changed = json.dumps({**event, "event": {**event["event"], "actor_kind": "system"}}).encode()
    other = json.dumps({**event, "event": {**event["event"], "data": {"name": "X"}}}).encode()
    for number, (edited, kind) in enumerate(
        (
            ([*lines[:middle], changed, *lines[middle + 1 :]], "event_changed"),
            ([*lines[:middle], other, *lines[middle + 1 :]], "values_changed"),
            ([*lines[:middle], *lines[middle + 1 :]], "gap"),
            ([*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2 :]], "gap"),
            ([*lines[:middle], lines[middle], *lines[middle:]], "gap"),
            ([*lines[:-3], lines[-1]], "head_changed"),
        )
    ):
        *_, found = chain.verify_lines(iter(edited))
        assert kind in {each.kind for each in found.breaks}, number
    *_, found = chain.verify_lines(iter(lines), {position: hash})
    assert found.number_of_breaks == 0
    for broken in (lines[:-1], lines[1:], [], [b"{}\n"], [*lines[:3], b"not JSON\n"]):
        with pytest.raises(ValueError):
            chain.verify_lines(iter(broken))


async def test_a_stretch_of_the_chain_is_a_chain(client, sealed, worker, keyed):
    whole = (await exported(client, "audit")).content
    part = (await exported(client, "audit", after=2, until=4)).content.splitlines()
    own, position, _, found = chain.verify_lines(iter(part))
    assert (own, position, found.events, found.number_of_breaks) == (sealed.org.id, 4, 2, 0)
    assert set(part[1:3]) <= set(whole.splitlines())
    wrong = await client.post("/v1/audit/export", json={"after": 10_000})
    assert wrong.status_code == 422
    reader = await keyed("audit:read", "audit:export", "exports:read", "jobs:read")
    weak = (await exported(reader, "audit")).content.splitlines()
    *_, found = chain.verify_lines(iter(weak))
    assert found.number_of_breaks == 0
    assert found.withheld > 0
    assert b"Example 1" not in b"".join(weak)


async def test_exports_over_graphql_are_the_same(client, sealed, worker):
    document = (
        "mutation($input: AuditExportInput!) { exportAudit(input: $input) "
        "{ jobId export { id target filters } } }"
    )
    begun = (await client.data(document, input={"after": 2}))["exportAudit"]
    assert begun["export"]["target"] == "audit_event"
    assert begun["export"]["filters"] == [{"after": 2, "until": None}]
    job = await client.ended(begun["jobId"])
    assert job["result"]["rows"] > 3
    wrong = await client.gql(document, input={"after": 10_000})
    assert wrong["errors"][0]["extensions"]["code"] == "validation"


async def test_an_export_takes_its_scope(client, keyed):
    reader = await keyed("audit:read")
    answer = await reader.post("/v1/audit/export", json={})
    assert problem(answer, 403, "insufficient_scope")["scope"] == "audit:export"


async def test_numbers_keep_their_digits(client, trail, owner):
    body = '{"b": 1.50, "a": 123456789012345678901234567890, "c": 0.0000001, "\U0001f600": -0.0}'
    await owner.execute(
        "INSERT INTO events (organization_id, id, type, entity, record_id, version, data, "
        "actor_kind, occurred_at) VALUES ($1, gen_random_uuid(), 'thing.happened', 'thing', "
        "gen_random_uuid(), 1, $2::text::jsonb, 'system', now())",
        trail.org.id,
        body,
    )
    await trail.seal()
    assert await kinds(trail) == set()
    assert chain.canonical(chain.exactly(b'{"b":1.50,"a":[2,1.0]}')) == b'{"a":[2,1.0],"b":1.50}'


def test_the_form_is_what_the_documents_say():
    """Another program must come to the same hashes: these must never change."""
    assert (
        chain.canonical({"b": "ü", "a": [1, None, True]}) == '{"a":[1,null,true],"b":"ü"}'.encode()
    )
    content = chain.content_digest(b"salt", {"name": "A"}, None)
    assert content == sha256(b'salt{"data":{"name":"A"},"previous":null}').digest()
    first = chain.link(bytes(32), 1, {"id": "1", "type": "contact.created"}, content)
    text = (
        f'{{"before":"{"00" * 32}","content":"{content.hex()}","id":"1","position":1,'
        '"type":"contact.created"}'
    )
    assert first == sha256(text.encode()).digest()
