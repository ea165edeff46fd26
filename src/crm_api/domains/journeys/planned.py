"""Journeys in the calendar of marketing."""

from datetime import date

from crm_api.domains.journeys.repository import JOURNEYS
from crm_api.domains.marketing_plans.calendar import Item, seen_of
from crm_api.kit.db.tx import Tx

# One that is stopped ended with its last change at the latest.
_JOURNEYS = """
    SELECT * FROM (
        SELECT j.id, 'journey' AS kind, j.name, j.status, NULL::text AS channel,
            (v.published_at AT TIME ZONE $4)::date AS starts_on,
            CASE WHEN j.status = 'stopped' THEN (j.updated_at AT TIME ZONE $4)::date END AS ends_on
        FROM journeys j
        JOIN journey_versions v ON v.organization_id = $1 AND v.journey_id = j.id AND v.number = 1
        WHERE j.organization_id = $1 AND j.deleted_at IS NULL) shown
    WHERE starts_on <= $3 AND (ends_on IS NULL OR ends_on >= $2)
"""


async def journeys_between(tx: Tx, since: date, until: date) -> list[Item]:
    """The journeys that the actor sees, from their first version to their end."""
    if JOURNEYS.area in tx.actor.closed or not tx.actor.holds(f"{JOURNEYS.area}:read"):
        return []
    zone = tx.actor.time_zone
    rows = await tx.fetch(_JOURNEYS, tx.organization_id, since, until, zone)
    return await seen_of(tx, JOURNEYS, frozenset({"name", "status"}), list(rows))
