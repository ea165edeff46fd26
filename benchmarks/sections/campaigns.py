"""The audience of a campaign, frozen: 1,000,000 members with consents, a hold-out and variants."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid4

from benchmarks.section import Outcome, Section, Setting, at_most, table
from benchmarks.serving import WrongAnswer
from benchmarks.stage import Stage
from crm_api import registry
from crm_api.api.services import open_database
from crm_api.domains.campaigns.actions import CampaignActions
from crm_api.domains.campaigns.schemas import CampaignCreate
from crm_api.domains.campaigns.service import CampaignService
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work

CONTACTS = 1_000_000
FROZEN_S = 10.0
ROUNDS = 3
_EMAILS = """
    UPDATE contacts SET emails = jsonb_build_array(jsonb_build_object(
        'value', id::text || '@example.com', 'primary', true, 'status', 'ok'))
    WHERE organization_id = $1
"""
_SEGMENT = """
    INSERT INTO segments (organization_id, id, name, sort_name, kind, target, filter, is_active,
        tags, version, created_at, updated_at)
    VALUES ($1, $2, 'S', 's', 'static', 'contact', '{}', true, '[]', 1, now(), now())
"""
_MEMBERS = """
    INSERT INTO segment_members (organization_id, segment_id, record_id, entered_at, entered_by)
    SELECT $1, $2, id, now(), 'import' FROM contacts WHERE organization_id = $1
"""
# One in ten has not agreed.
_CONSENTS = """
    INSERT INTO consents (organization_id, id, target, record_id, purpose, channel, state, basis,
        at, evidence, version, created_at, updated_at)
    SELECT $1, gen_random_uuid(), 'contact', id, 'newsletter', 'email', 'granted', 'consent',
        now() - interval '1 day', '{}', 1, now(), now()
    FROM contacts WHERE organization_id = $1 AND get_byte(uuid_send(id), 15) % 10 > 0
"""


def run(setting: Setting) -> Outcome:
    """Previewed and launched, each campaign with an audience of its own."""
    contacts = setting.size(CONTACTS)
    with setting.stage(contacts) as stage:
        own, segment = stage.organization_id, uuid4()
        stage.query(_EMAILS, own)
        stage.query(_SEGMENT, own, segment)
        stage.query(_MEMBERS, own, segment)
        stage.query(_CONSENTS, own)
        stage.tidy("contacts", "segment_members", "consents")
        times, sizes = asyncio.run(_measured(stage, segment))
    if sum(sizes.values()) != contacts:
        raise WrongAnswer(f"{sizes} of {contacts}")
    shown = table(f"{contacts:,} contacts", "s")
    for what, taken in times.items():
        shown.add_row(what, f"{taken:.2f}")
    for what, size in sizes.items():
        shown.add_row(what, f"{size:,}")
    figures = [at_most("audience frozen, s", times["frozen"], FROZEN_S, "{:.2f}")]
    return Outcome(figures, shown, times)


async def _measured(stage: Stage, segment: UUID) -> tuple[dict[str, float], dict[str, int]]:
    assert registry.MODULES
    database = open_database(stage.settings)
    actor = Actor(stage.organization_id, "system", scopes=frozenset({"*"}))
    taken: list[float] = []
    times: dict[str, float] = {}
    sizes: dict[str, int] = {}
    for _ in range(ROUNDS):
        async with unit_of_work(Tx(database, actor)) as tx:
            made = await CampaignService(tx).create(_campaign(segment))
        begun = time.perf_counter()
        async with unit_of_work(Tx(database, actor, read_only=True)) as tx:
            await CampaignActions(tx).preview(made.id)
        times["preview"] = time.perf_counter() - begun
        begun = time.perf_counter()
        async with unit_of_work(Tx(database, actor)) as tx:
            shown: Any = await CampaignActions(tx).go(made.id, "launch", None)
        taken.append(time.perf_counter() - begun)
        sizes = {n: getattr(shown, f"{n}_count") for n in ("member", "holdout", "excluded")}
    times["frozen"] = sorted(taken)[ROUNDS // 2]
    await database.close()
    return times, sizes


def _campaign(segment: UUID) -> CampaignCreate:
    return CampaignCreate.model_validate(
        {
            "name": "Spring offers",
            "channel": "email",
            "purpose": "newsletter",
            "include_segment_ids": [str(segment)],
            "holdout_percent": 10,
            "variants": [{"key": "A"}, {"key": "B"}],
        }
    )


SECTION = Section("Campaigns", run, within_s=900)
