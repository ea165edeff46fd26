"""Keeping scores up to date with what is told elsewhere than in leads, and with time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.leads.repository import LEADS, Leads
from crm_api.domains.leads.score_repository import SCORED, Scores
from crm_api.domains.leads.scoring import Scoring
from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.states import ENDED
from crm_api.domains.segments.ways import Ways
from crm_api.kit.actor import Actor
from crm_api.kit.crud.feed import Feed
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError
from crm_api.kit.query.filters import parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.shapes import Shape, led, within
from crm_api.kit.rounds import Rounds

STRETCH = 500
_DEEDS = ("behaviour_event.created", "behaviour_event.purged")


class FollowScores(Rounds):
    """Scores again what events may have moved, for each organization.

    The scores and the place in the feed are one transaction: killed in the middle, nothing has
    happened.
    """

    sql = "SELECT id AS organization_id, id FROM crm_organizations_with_score_news($1) AS id"

    async def attend(self, tx: Tx, id: UUID) -> bool:
        """Take up what is new to an organization."""
        del id
        await tx.learned.learn()
        tx.actor.require("leads:write")
        scores = Scores(tx)
        start = await scores.lock()
        if start is None:
            return False
        scoring = await Scoring.of(tx)
        ways = [found for rule in scoring.rules if (found := ways_of(tx, rule)) is not None]
        stretch = await Feed(tx, {}).stretch(start, STRETCH, types=sorted(_topics(ways)))
        touched = await _touched(tx, scoring, ways, stretch.rows)
        if touched:
            # In the order of their ids, as whoever locks leads does.
            leads = await LeadService(tx).records.locked(sorted(touched), everywhere=True)
            await scoring.keep([lead for lead in leads if lead.status not in ENDED])
        await scores.move(stretch.end)
        return not stretch.whole


def _topics(ways: Sequence[Ways]) -> set[str]:
    return {topic for one in ways for topic in one.topics}.union(_DEEDS)


async def _touched(
    tx: Tx, scoring: Scoring, ways: Sequence[Ways], rows: Sequence[Any]
) -> set[UUID]:
    found: set[UUID] = set()
    if not rows:
        return found
    for one in ways:
        found |= await one.touched(tx, rows)
    if scoring.predictions.models or any(rule["event"] for rule in scoring.rules):
        contacts = set(_contacts(rows))
        found.update(await Leads(tx).of_contacts(sorted(contacts)) if contacts else ())
    return found


def _contacts(rows: Sequence[Any]) -> Iterable[UUID]:
    for row in rows:
        if row["type"] in _DEEDS and (id := decode(row["data"]).get("contact_id")) is not None:
            yield UUID(id)


def ways_of(tx: Tx, rule: Mapping[str, Any]) -> Ways | None:
    """What the filter of a rule depends on beside the lead; None of one that does not fit.

    What is said of a lead itself moves its score in its own transaction.
    """
    if not rule["filter"]:
        return Ways()
    actor = Actor(tx.organization_id, "system", scopes=frozenset({"*"}))
    with tx.learned.seeing_as(actor):
        try:
            found = Ways.of(parse(rule["filter"], LEADS, tx), LEADS)
        except CrmError:
            return None
    own = found.records.pop(LEADS.entity) - {()}
    if own:
        found.records[LEADS.entity] = own
    return found


def asks_for_scores(tx: Tx, source: Mapping[str, Any]) -> bool:
    """Whether a filter, which fits, goes by the scores of leads, by whatever way."""
    return bool(source) and _scored(parse(source, LEADS, tx).shape, LEADS)


def _scored(shape: Shape, listing: Listing) -> bool:
    return any(_is_scored(part, listing) for part in within(shape))


def _is_scored(part: Shape, listing: Listing) -> bool:
    if part[0] == "test":
        return _tells_scores(part[1], listing)
    way = led(part, listing)
    if way is None:
        return False
    if way.source is not None and _tells_scores(way.source[1], way.target):
        return True
    return way.inner is not None and _scored(way.inner, way.target)


def _tells_scores(field: str, listing: Listing) -> bool:
    return listing.entity == LEADS.entity and field in SCORED


def wanders(tx: Tx, rule: Mapping[str, Any]) -> bool:
    """Whether a rule goes by what is told elsewhere than in leads."""
    if rule["event"] is not None:
        return True
    ways = ways_of(tx, rule)
    return ways is not None and bool(ways.terms or ways.records)


def ages(tx: Tx, rule: Mapping[str, Any]) -> bool:
    """Whether what a rule gives changes with time alone, or by ways that nothing is told of."""
    ways = ways_of(tx, rule)
    event: Mapping[str, Any] = rule["event"] or {}
    if rule["half_life_days"] is not None or event.get("within_days") is not None:
        return True
    return ways is not None and (ways.with_time or ways.is_blind)
