"""How often the audiences of campaigns are reached."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import select

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.marketing_plans.calendar import campaigns_between, need_span
from crm_api.domains.segments.asking import asked
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.query.filters import parse

_GONE = frozenset({"cancelled", "archived"})
_OWN = 6
# A frozen audience is what it is; another one is who is in its segments now.
_REACH = """
    WITH seen AS MATERIALIZED ({seen}),
    planned AS (
        SELECT * FROM unnest($2::uuid[], $3::date[], $4::date[], $5::text[], $6::text[])
            AS p (id, starts_on, ends_on, channel, purpose)),
    reach AS MATERIALIZED (
        SELECT p.*, m.contact_id FROM planned p
        JOIN campaign_members m ON m.organization_id = $1 AND m.campaign_id = p.id
            AND m.excluded_reason IS NULL AND NOT m.is_holdout
        JOIN seen ON seen.id = m.contact_id
        UNION ALL
        SELECT p.*, s.record_id FROM planned p
        JOIN campaigns c ON c.organization_id = $1 AND c.id = p.id AND c.frozen_at IS NULL
        CROSS JOIN LATERAL (
            SELECT m.record_id FROM segment_members m
            WHERE m.organization_id = $1 AND m.left_at IS NULL AND m.segment_id = ANY(
                SELECT jsonb_array_elements_text(c.include_segment_ids)::uuid)
            EXCEPT SELECT m.record_id FROM segment_members m
            WHERE m.organization_id = $1 AND m.left_at IS NULL AND m.segment_id = ANY(
                SELECT jsonb_array_elements_text(c.exclude_segment_ids)::uuid)) s
        JOIN seen ON seen.id = s.record_id)
"""
_WEEKS = """
    SELECT week, times, count(*)::int AS contacts FROM (
        SELECT date_trunc('week', starts_on)::date AS week, contact_id, count(*)::int AS times
        FROM reach WHERE starts_on BETWEEN {since}::date AND {until}::date GROUP BY 1, 2) w
    GROUP BY 1, 2 ORDER BY 1, 2
"""
_OVERLAPS = """
    SELECT a.id AS campaign_id, b.id AS other_id, count(*)::int AS contacts
    FROM reach a JOIN reach b ON b.contact_id = a.contact_id AND b.id > a.id
        AND b.starts_on <= a.ends_on AND b.ends_on >= a.starts_on
    GROUP BY 1, 2 ORDER BY 1, 2
"""
# Whom the gate has let be reached before counts, too.
_ABOVE = """
    SELECT count(DISTINCT contact_id)::int AS contacts FROM (
        SELECT contact_id, count(*) OVER (PARTITION BY contact_id ORDER BY day
            RANGE BETWEEN make_interval(days => {days}::int - 1) PRECEDING AND CURRENT ROW) AS times
        FROM (
            SELECT contact_id, starts_on::timestamp AS day, channel, purpose FROM reach
            WHERE starts_on BETWEEN {since}::date AND {until}::date
            UNION ALL SELECT t.record_id, date_trunc('day', t.at AT TIME ZONE {zone}::text),
                t.channel, t.purpose
            FROM outreach_touches t JOIN seen ON seen.id = t.record_id
            WHERE t.organization_id = $1 AND t.target = 'contact'
                AND t.at < {since}::date::timestamp AT TIME ZONE {zone}::text
                AND t.at >= ({since}::date - {days}::int)::timestamp AT TIME ZONE {zone}::text) touched
        WHERE ({channels}::text[] = '{{}}' OR channel = ANY({channels}::text[]))
            AND ({purposes}::text[] = '{{}}' OR purpose = ANY({purposes}::text[]))) counted
    WHERE times > {most}::int
"""
_RULES = """
    SELECT id, name, most, days, channels, purposes, filter FROM guard_rules
    WHERE organization_id = $1 AND deleted_at IS NULL AND is_active AND subject = 'contact'
        AND most IS NOT NULL ORDER BY sort_name, id
"""


async def pressure_of(tx: Tx, since: date, until: date) -> dict[str, Any]:
    """By week, by two campaigns, and against the guards of outreach.

    Of campaigns by name of a channel that are not cancelled; each reaches everybody of its audience
    once, when it begins.
    """
    need_span(since, until)
    tx.actor.require(f"{CONTACTS.area}:read")
    tx.actor.require("guard_rules:read")
    async with at_one_moment(tx) as reader:
        found = await campaigns_between(reader, since, until)
        planned = [c for c in found if c["channel"] is not None and c["status"] not in _GONE]
        pressure = _Pressure(reader, planned)
        days = {"since": since, "until": until}
        weeks = await pressure.ask(_WEEKS, days)
        overlaps = await pressure.ask(_OVERLAPS, {})
        above = [
            await _above(pressure, dict(rule), days)
            for rule in await reader.fetch(_RULES, reader.organization_id)
        ]
    return {"weeks": _by_week(weeks), "overlaps": [dict(one) for one in overlaps], "above": above}


class _Pressure:
    """Whom some campaigns reach, to be asked about."""

    def __init__(self, tx: Tx, planned: Sequence[Mapping[str, Any]]) -> None:
        self.tx = tx
        columns = ("id", "starts_on", "ends_on", "channel", "purpose")
        self._planned = [[one[name] for one in planned] for name in columns]

    async def ask(self, sql: str, given: Mapping[str, Any]) -> list[Any]:
        """What comes of a query over `reach`, whose own values are named in braces."""
        everybody = select(CONTACTS.model.id)
        seen, values = asked(
            *(self.tx, CONTACTS, everybody, parse({}, CONTACTS, self.tx)),
            behind=_OWN,
            named="ids",
        )
        first = _OWN + len(values) + 1
        places = {name: f"${first + n}" for n, name in enumerate(given)}
        statement = _REACH.replace("{seen}", seen) + sql.format(**places)
        own = [self.tx.organization_id, *self._planned]
        return list(await self.tx.fetch(statement, *own, *values, *given.values()))


async def _above(
    pressure: _Pressure, rule: dict[str, Any], days: Mapping[str, Any]
) -> dict[str, Any]:
    told = {name: rule[name] for name in ("name", "most", "days")}
    contacts = None
    if not decode(rule["filter"]):
        lists = {name: list(decode(rule[name])) for name in ("channels", "purposes")}
        given = {**days, "zone": pressure.tx.actor.time_zone, **lists}
        rows = await pressure.ask(_ABOVE, {**given, "days": rule["days"], "most": rule["most"]})
        contacts = rows[0]["contacts"]
    return {"guard_rule_id": rule["id"], **told, "contacts": contacts}


def _by_week(rows: Sequence[Any]) -> list[dict[str, Any]]:
    weeks: dict[date, list[dict[str, int]]] = {}
    for row in rows:
        count = {"times": row["times"], "contacts": row["contacts"]}
        weeks.setdefault(row["week"], []).append(count)
    return [
        {"week": week, "contacts": sum(one["contacts"] for one in counts), "counts": counts}
        for week, counts in weeks.items()
    ]
