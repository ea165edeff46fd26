"""How messages of somebody who is erased are found among many others."""

import json
from uuid import UUID

from crm_api.domains.conversations.repository import THEIRS
from support.mails import channel, mail, take

MESSAGES = 20_000
# Copies of one message, each of another sender to another recipient.
_COPIES = """
    INSERT INTO messages SELECT made.*
    FROM messages m, generate_series(1, $2::int) n, LATERAL jsonb_populate_record(m,
        jsonb_build_object('id', gen_random_uuid(), 'identity', 'copy ' || n, 'contact_id', NULL,
            'from_key', 'f' || n || '@example.net', 'recipients', jsonb_build_array(
                jsonb_build_object('kind', 'to', 'name', NULL, 'address', 'info@example.com'),
                jsonb_build_object('kind', 'cc', 'address', 'Person.' || n || '@example.com')
            ))) made
    WHERE m.id = $1
"""
_BODY = "SELECT prosrc FROM pg_proc WHERE proname = 'crm_messages_sent_to'"
_BIND = "SELECT set_config('app.organization_id', $1, true)"


async def test_messages_of_a_person_are_found_by_indexes(client, org, owner):
    """Also those that went to them: of all that are kept only theirs are read."""
    await channel(client)
    first = await take(client, mail("Hello"))
    async with owner.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(_COPIES, UUID(first["id"]), MESSAGES)
        await connection.execute("SELECT gin_clean_pending_list('ix_messages_recipients')")
        await connection.execute("ANALYZE messages")
        body = (await connection.fetchval(_BODY)).replace("addresses", "$1::text[]")
        await connection.execute(_BIND, str(org.id))
        whose = [UUID(int=1)], ["f7@example.net", "person.8@example.com", "+4912345"]
        await connection.execute("SET LOCAL ROLE crm_app")
        found = await connection.fetch(THEIRS, org.id, *whose)
        senders = await connection.fetch(
            "SELECT from_key FROM messages WHERE id = ANY($1)", [row["id"] for row in found]
        )
        plan = await plan_of(connection, THEIRS, org.id, *whose)
        await connection.execute("SET LOCAL ROLE crm_definer")
        within = await plan_of(connection, body, whose[1])
        await transaction.rollback()
    assert sorted(row["from_key"] for row in senders) == ["f7@example.net", "f8@example.net"]
    read = [*nodes(plan), *nodes(within)]
    assert not [node for node in read if node["Node Type"] in {"Seq Scan", "Parallel Seq Scan"}]
    indexes = {node["Index Name"] for node in read if "Index Name" in node}
    assert indexes >= {"ix_messages_contact", "ix_messages_from", "ix_messages_recipients"}
    assert max(node["Actual Rows"] for node in nodes(within)) <= 1


async def plan_of(connection, sql, *args):
    """How PostgreSQL went about it."""
    rows = await connection.fetch(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *args)
    return json.loads(rows[0][0])[0]["Plan"]


def nodes(plan):
    """A part of a plan with all below it."""
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)
