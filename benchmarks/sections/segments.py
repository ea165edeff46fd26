"""A segment of ten conditions over 1,000,000 contacts and five times as many tracked events."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID, uuid4

from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import WrongAnswer, asked, serving
from benchmarks.stage import Stage
from crm_api import registry
from crm_api.api.services import open_database
from crm_api.domains.segments.membership import Membership, stored
from crm_api.domains.segments.previewing import Preview
from crm_api.domains.segments.schemas import PreviewInput
from crm_api.kit.actor import Actor
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work

CONTACTS, EVENTS_OF_EACH, CHANGED = 1_000_000, 5, 1_000
PREVIEW_S, BUILT_S, CHANGED_S = 1.0, 5.0, 0.1
ROUNDS = 5
_EVENTS = """
    INSERT INTO behaviour_events (organization_id, id, contact_id, name, occurred_at, properties,
        version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), c.id,
        (ARRAY['page.viewed', 'cart.filled', 'order.placed', 'mail.opened', 'fair.visited'])
            [1 + (hashint8(c.place * 16 + n) & 2147483647) % 5],
        now() - make_interval(mins => (hashint8(c.place * 16 + n + 8) & 2147483647) % 525600),
        jsonb_build_object('n', n), 1, now(), now()
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM contacts
        WHERE organization_id = $1) c, generate_series(1, $2::int) n
"""
_DEALS = """
    INSERT INTO deals (organization_id, id, name, sort_name, pipeline_id, stage_id, status, amount,
        currency, expected_amount, base_amount, base_currency, closes_on, probability,
        forecast_category, checked, tags, stage_entered_at, rank, version, created_at, updated_at,
        amount_mode, lines, push_count, competitors, competitor_ids, splits, promises, contact_id)
    SELECT $1, gen_random_uuid(), 'Deal', 'deal', p.pipeline_id, p.id, 'open', 10000, 'EUR', 1000,
        10000, 'EUR', current_date, 10, 'pipeline', '[]', '[]', now(), c.id::text, 1, now(), now(),
        'manual', '[]', 0, '[]', '[]', '[]', '[]', c.id
    FROM contacts c, LATERAL (SELECT id, pipeline_id FROM stages WHERE organization_id = $1
        ORDER BY id LIMIT 1) p
    WHERE c.organization_id = $1 AND get_byte(uuid_send(c.id), 15) < 64
"""
_SEGMENT = """
    INSERT INTO segments (organization_id, id, name, sort_name, kind, target, filter, is_active,
        tags, version, created_at, updated_at)
    VALUES ($1, $2, 'S', 's', 'dynamic', 'contact', $3::jsonb, true, '[]', 1, now(), now())
"""
# Some have to do with nothing any more, and others with something: both come and go.
_CHANGE = """
    UPDATE contacts SET lifecycle = CASE lifecycle WHEN 'former' THEN 'lead' ELSE 'former' END
    WHERE organization_id = $1 AND id = ANY($2)
"""
_SOME = "SELECT id FROM contacts WHERE organization_id = $1 ORDER BY random() LIMIT $2"
FILTER: dict[str, Any] = {
    "lifecycle": {"ne": "former"},
    "not": {"title": {"eq": "Nobody"}},
    "first_name": {"ne": "Nobody"},
    "or": [
        {"deals": {"count": {"where": {"status": "open"}, "gte": 1}}},
        {"company": {"name": {"is_null": False}}},
    ],
    "and": [
        {"behaviour": {"did": "page.viewed", "within": "90d"}},
        {"behaviour": {"did_not": "fair.visited", "within": "30d"}},
        {"behaviour": {"did": "mail.opened", "count": {"lte": 4}, "within": "365d"}},
        {"behaviour": {"did": "page.viewed", "then": {"did": "order.placed", "within": "60d"}}},
        {"cases": {"none": {"status": {"ne": "closed"}}}},
        {"last_name": {"is_null": False}},
    ],
}


def run(setting: Setting) -> Outcome:
    """Previewed, filled once, and 1,000 contacts of it looked at again."""
    contacts = setting.size(CONTACTS)
    with setting.stage(contacts) as stage:
        own = stage.organization_id
        with serving(stage, "ours") as server:
            # Its pipeline is what the others are in.
            asked(stage, server, "POST", "/v1/deals", b'{"name": "Office"}')
        stage.query(_EVENTS, own, EVENTS_OF_EACH)
        stage.query(_DEALS, own)
        segment = uuid4()
        stage.query(_SEGMENT, own, segment, json.dumps(FILTER))
        stage.tidy("behaviour_events", "deals", "contacts", "segments", "cases")
        times, size = asyncio.run(_measured(stage, segment))
    shown = table(f"{contacts:,} contacts, {contacts * EVENTS_OF_EACH:,} events", "s")
    for what, taken in times.items():
        shown.add_row(what, f"{taken:.3f}")
    shown.add_row("members", f"{size:,}")
    figures = [
        at_most("preview of a segment, s", times["preview"], PREVIEW_S, "{:.2f}"),
        at_most("segment filled with stays and events, s", times["filled"], BUILT_S, "{:.2f}"),
        at_most("1,000 contacts looked at again, s", times["some"], CHANGED_S, "{:.3f}"),
    ]
    return Outcome(figures, shown, times)


async def _measured(stage: Stage, segment: UUID) -> tuple[dict[str, float], int]:
    assert registry.MODULES
    database = open_database(stage.settings)
    actor = Actor(stage.organization_id, "system", scopes=frozenset({"*"}))

    async def preview(tx: Tx) -> int:
        data = PreviewInput(filter=FILTER, breakdown=["lifecycle"])
        return (await Preview(tx).of(data))["count"]

    async def fill(tx: Tx) -> int:
        (found,) = await stored(tx, [segment])
        return (await Membership(tx).refresh(found)).entered

    times: dict[str, float] = {}
    previews = [await _timed(database, actor, preview) for _ in range(ROUNDS)]
    times["preview"], seen = sorted(previews)[ROUNDS // 2]
    times["filled"], size = await _timed(database, actor, fill)
    if not seen == size > 0:
        raise WrongAnswer(f"{seen} were previewed, {size} are members")
    times["filled again"], _ = await _timed(database, actor, fill)
    taken = [await _changed(stage, database, actor, segment) for _ in range(ROUNDS)]
    times["some"] = sorted(taken)[ROUNDS // 2]
    await database.close()
    return times, size


async def _changed(stage: Stage, database: Database, actor: Actor, segment: UUID) -> float:
    rows = await asyncio.to_thread(stage.query, _SOME, stage.organization_id, CHANGED)
    ids = [row["id"] for row in rows]
    await asyncio.to_thread(stage.query, _CHANGE, stage.organization_id, ids)

    async def look(tx: Tx) -> int:
        (found,) = await stored(tx, [segment])
        moved = await Membership(tx).refresh(found, ids)
        return moved.entered + moved.left

    return (await _timed(database, actor, look))[0]


async def _timed(
    database: Database, actor: Actor, do: Callable[[Tx], Awaitable[int]]
) -> tuple[float, int]:
    begun = time.perf_counter()
    async with unit_of_work(Tx(database, actor)) as tx:
        found = await do(tx)
    return time.perf_counter() - begun, found


SECTION = Section("Segments", run, within_s=900)
