"""Who is in the audience of a campaign: found, split and frozen by one statement.

Suppressions of contacts, and of companies for their people, bar them as the gate of outreach does.
Suppressed addresses are hashes and guards count what was sent, so the gate of outreach alone can tell
these: it is asked again by whoever sends.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, cast
from uuid import UUID

from sqlalchemy import Select, Uuid, column, literal_column, select, table, text

from crm_api.domains.campaigns.repository import Plan, held_out, waiting
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.segments.asking import asked, whom_is_seen
from crm_api.domains.segments.barring import ALL_SUPPRESSED
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.errors import WrongState
from crm_api.kit.query.filters import parse
from crm_api.platform.outreach.repository import CONSENTS, granted

_OWN = 11
"""How many parameters come before those of the filters."""
_POINTS = {
    "email": "emails",
    "sms": "phones",
    "phone": "phones",
    "messenger": "phones",
    "post": "addresses",
}
# The status of the one that is used: whoever has none has no address.
_POINT = "jsonb_path_query_first(contacts.{column}, '$[*] ? (@.primary == true).status') #>> '{{}}'"
_ANY_POINT = "CASE WHEN jsonb_array_length(contacts.{column}) > 0 THEN 'ok' END"
_GRANTED = granted("members", organization="$1", purpose="$9", channel="$10", now="$8")
_HELD_ABOVE = f"SELECT DISTINCT contact_id FROM ({held_out('$4::text::uuid')}) AS held"  # noqa: S608
# The order of the reasons is that in which they count: each person is counted once. Of an array the
# planner expects few, so those suppressed are looked up in memory; of what recurs it expects so many
# that it would sort a million people to merge them.
_JUDGED = """
    WITH members AS MATERIALIZED (
        SELECT DISTINCT record_id FROM segment_members
        WHERE organization_id = $1 AND segment_id = ANY($2) AND left_at IS NULL),
    seen AS MATERIALIZED ({seen}),
    agreed AS MATERIALIZED ({granted}),
    suppressed AS MATERIALIZED (SELECT unnest(ARRAY({suppressed})) AS id),
    unwanted AS MATERIALIZED (
        SELECT DISTINCT m.record_id FROM segment_members m
        JOIN segments s ON s.organization_id = $1 AND s.id = m.segment_id AND s.deleted_at IS NULL
        WHERE m.organization_id = $1 AND m.segment_id = ANY($3) AND m.left_at IS NULL),
    held_above AS MATERIALIZED ({held}),
    judged AS MATERIALIZED (
        SELECT seen.id, CASE
            WHEN s.id IS NOT NULL OR c.id IS NOT NULL THEN 'suppressed_segment'
            WHEN u.record_id IS NOT NULL THEN 'excluded_segment'
            WHEN h.contact_id IS NOT NULL THEN 'held_out_above'
            WHEN seen.point IS NULL THEN 'no_address'
            WHEN seen.point <> 'ok' THEN 'address_unusable'
            WHEN a.record_id IS NULL THEN 'no_consent' END AS reason
        FROM seen
        LEFT JOIN agreed a ON a.record_id = seen.id
        LEFT JOIN suppressed s ON s.id = seen.id
        LEFT JOIN suppressed c ON c.id = seen.company_id
        LEFT JOIN unwanted u ON u.record_id = seen.id
        LEFT JOIN held_above h ON h.contact_id = seen.id)
"""
# Ranks of hashes: by chance and always the same, and the shares are exact. Those held out come
# first, then those with whom the experiment is made, by the cumulated weights of the variants; the
# others wait for it. They are written in the order of the indexes, where a million rows in that of
# the hashes would read and write all pages of them often.
_FREEZE = """,
    ranked AS (
        SELECT id, row_number() OVER (ORDER BY md5($4::text || ':' || id::text)::uuid) - 1 AS place,
            (SELECT count(*) FROM judged WHERE reason IS NULL) AS number
        FROM judged WHERE reason IS NULL),
    held AS (
        SELECT id, place, number * $5::int / 100 AS first, number FROM ranked),
    tested AS (
        SELECT id, place, first, (number - first) * $11::int / 100 AS many FROM held),
    placed AS (
        SELECT id, place < first AS is_holdout, CASE WHEN place - first < many
            THEN (place - first) * ($7::bigint[])[cardinality($7::bigint[])] / many END AS mark
        FROM tested ORDER BY id),
    frozen AS (
        INSERT INTO campaign_members
            (organization_id, campaign_id, contact_id, variant, is_holdout, excluded_reason,
            frozen_at)
        SELECT $1, $4::uuid, id, CASE WHEN NOT is_holdout
                THEN ($6::text[])[1 + width_bucket(mark, $7::bigint[])] END,
            is_holdout, NULL, $8::timestamptz FROM placed
        UNION ALL SELECT $1, $4::uuid, id, NULL, false, reason, $8 FROM judged
            WHERE reason IS NOT NULL)
    SELECT coalesce(reason, 'reached') AS what, count(*)::int AS number FROM judged GROUP BY 1
"""
_COUNT = """
    SELECT coalesce(reason, 'reached') AS what, count(*)::int AS number, $4::text, $5::int,
        $6::text[], $7::bigint[], $8::timestamptz, $11::int FROM judged GROUP BY 1
"""
_FROZEN = """
    SELECT coalesce(m.excluded_reason, CASE WHEN m.is_holdout THEN 'holdout'
            WHEN m.variant IS NULL AND {waiting} THEN 'waiting' ELSE 'reached' END)
        AS what, count(*)::int AS number FROM campaign_members m
    WHERE m.organization_id = $1 AND m.campaign_id = $2 AND {seen} GROUP BY 1
"""
# Longer than other statements of a request may take, and within the time of a request; what is
# longer already, as in a worker, stays.
_PATIENT = text(
    "SELECT set_config('statement_timeout', '25s', true) "
    "WHERE CAST(current_setting('statement_timeout') AS interval) BETWEEN '1 ms' AND '25s'"
)


Refused = Callable[[Tx, UUID], Awaitable[Mapping[str, int]]]
"""To how many of those whom the actor sees nothing of a campaign left, by reason."""


class Audience:
    """The audience of a campaign, of those contacts whom the actor sees."""

    refused: ClassVar[list[Refused]] = []

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def preview(self, current: Plan) -> dict[str, Any]:
        """How many would be reached now, and what stands against the others."""
        sql, values = self._asked(current, _COUNT)
        async with at_one_moment(self.tx) as tx:
            await tx.run(_PATIENT)
            counts = _counts(await tx.fetch(sql, *values))
        reached, held = _split(current, counts)
        waits = reached - _tested(current, reached)
        told = {"reached": reached, "waiting": waits, "holdout": held}
        return {**told, "excluded": sum(counts.values()), "reasons": _by_reason(counts)}

    async def frozen(self, current: Plan) -> dict[str, Any]:
        """How many of an audience that was frozen are reached, and why the others are not."""
        if current.launched_at is None:
            raise WrongState("It was not launched.", code="not_launched")
        tx, refused = self.tx, dict[str, int]()
        tx.actor.require(f"{CONTACTS.area}:read")
        seen, values = whom_is_seen(tx, CONTACTS, "m.contact_id", 2)
        own = (tx.organization_id, current.id)
        counts = _counts(
            await tx.fetch(_FROZEN.format(seen=seen, waiting=waiting("$2")), *own, *values)
        )
        for ask in self.refused:
            refused |= await ask(tx, current.id)
        waits = counts.pop("waiting", 0)
        told = {"reached": counts.pop("reached", 0) + waits, "waiting": waits}
        told["holdout"] = counts.pop("holdout", 0)
        told["excluded"] = sum(counts.values())
        return {**told, "reasons": _by_reason(counts), "refused": _by_reason(refused)}

    async def freeze(self, current: Plan) -> dict[str, int]:
        """Write down who is in it, of a campaign that is locked; what the record says of it."""
        sql, values = self._asked(current, _FREEZE)
        await self.tx.run(_PATIENT)
        counts = _counts(await self.tx.write(sql, *values))
        reached, held = _split(current, counts)
        if not reached:
            raise WrongState(
                "Nobody of the audience may be reached.", code="nobody_to_reach", details=counts
            )
        if _tested(current, reached) < len(current.variants):
            message = f"Of {reached} too few are tested for {len(current.variants)} variants."
            raise WrongState(message, code="test_too_small")
        return {
            "member_count": reached,
            "holdout_count": held,
            "excluded_count": sum(counts.values()),
        }

    def _asked(self, current: Plan, then: str) -> tuple[str, list[Any]]:
        if current.channel is None or current.purpose is None:
            message = "Say by what channel and for what purpose: consents are given for these."
            raise WrongState(message, code="no_consent_basis")
        tx = self.tx
        for area in (CONTACTS.area, CONSENTS.area):
            tx.actor.require(f"{area}:read")
        point = (_ANY_POINT if current.channel == "post" else _POINT).format(
            column=_POINTS[current.channel]
        )
        everybody = parse({}, CONTACTS, tx)
        selected = _of_members(point)
        seen, values = asked(
            tx, CONTACTS, selected, everybody, behind=_OWN, named=("audience", point)
        )
        statement = _JUDGED.replace("{seen}", seen).replace("{granted}", _GRANTED)
        statement = statement.replace("{suppressed}", ALL_SUPPRESSED)
        statement = statement.replace("{held}", _HELD_ABOVE)
        return statement + then, [*_given(tx, current), *values]


def _of_members(point: str) -> Select[*tuple[Any, ...]]:
    """The members of what is included; nobody else is looked at."""
    model, among = cast("Any", CONTACTS.model), table("members", column("record_id", Uuid()))
    shown: list[Any] = [model.id, model.company_id, literal_column(point).label("point")]
    return select(*shown).where(model.id.in_(select(among.c.record_id)))


def _split(current: Plan, counts: dict[str, int]) -> tuple[int, int]:
    """How many are reached and how many held out of whom nothing stands against; taken from counts."""
    passing = counts.pop("reached", 0)
    held = passing * current.holdout_percent // 100
    return passing - held, held


def _tested(current: Plan, reached: int) -> int:
    """With how many of those reached the experiment is made."""
    return reached * current.test_percent // 100


def _counts(rows: Sequence[Any]) -> dict[str, int]:
    return {row["what"]: row["number"] for row in rows}


def _by_reason(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"reason": one, "count": counts[one]} for one in sorted(counts)]


def _given(tx: Tx, current: Plan) -> list[Any]:
    keys = [one["key"] for one in current.variants]
    uppers: list[int] = []
    for one in current.variants:
        uppers.append(one["weight"] + (uppers[-1] if uppers else 0))
    ids = [list(current.include_segment_ids), list(current.exclude_segment_ids)]
    own = [tx.organization_id, *ids, str(current.id), current.holdout_percent]
    split = [keys or None, uppers or None]
    return [*own, *split, tx.now, current.purpose, current.channel, current.test_percent]
