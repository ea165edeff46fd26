"""Which leads of the past nobody of a pool, or no territory, is for, and which several are for."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.leads.choosing import Fitting, misfit
from crm_api.domains.leads.pools import LeadPoolService
from crm_api.domains.leads.repository import LEADS, Leads, Pools
from crm_api.domains.leads.service import LeadService
from crm_api.domains.leads.sharing import Sharable
from crm_api.domains.leads.territories import TerritoryService
from crm_api.domains.leads.territory_repository import Territories
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.query.filters import parse

MOST = 10_000
_SHOWN = 200
_SAID = ("country", "region", "industry", "language", "skills")


class Coverage:
    """Tells gaps and overlaps by the leads that came, not by all that could."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, id: UUID, days: int) -> dict[str, Any]:
        """By kind of lead, who of the members of a pool fits, whatever their caps and shifts."""
        LeadService(self.tx).need("read")
        LeadPoolService(self.tx).need("read")
        async with at_one_moment(self.tx) as reader:
            members = (await Pools(reader).get(id)).members
            leads = await _captured(reader, days)
        return _told("fit", "members", self._shown(leads), _fits(members, leads))

    async def of_territories(self, days: int) -> dict[str, Any]:
        """By kind of lead, the territories that are the most specific for it."""
        LeadService(self.tx).need("read")
        TerritoryService(self.tx).need("read")
        async with at_one_moment(self.tx) as reader:
            leads = await _captured(reader, days)
            tree, placed = await Territories(reader).placed([lead.id for lead in leads])
        tied = {lead.id: [str(one.id) for one in tree.tied(lead)] for lead in placed}
        counts = Counter(ids[0] for ids in tied.values() if ids)
        order = [str(one.id) for one in tree.territories]
        return {
            **_told("in", "territories", self._shown(leads), [tied[lead.id] for lead in leads]),
            "shares": [{"territory_id": id, "leads": counts[id]} for id in order],
        }

    def _shown(self, leads: Sequence[Sharable]) -> list[Sharable]:
        """Leads without what is hidden of them from whoever asks."""
        hidden = self.tx.actor.hidden(LEADS.entity) & frozenset(_SAID)
        if not hidden:
            return list(leads)
        nothing: dict[str, Any] = {name: [] if name == "skills" else None for name in hidden}
        return [lead._replace(**nothing) for lead in leads]


async def _captured(reader: Tx, days: int) -> list[Sharable]:
    since, filter = reader.now - timedelta(days=days), parse({}, LEADS, reader)
    rows = await Leads(reader).captured(filter, since, reader.now, MOST)
    return [lead for lead, _ in rows]


def _fits(members: list[dict[str, Any]], leads: Sequence[Sharable]) -> list[list[str]]:
    """By lead, the members who are for it."""
    fitting, fits = Fitting.of(members), dict[Any, list[str]]()
    found: list[list[str]] = []
    for lead in leads:
        key = fitting.key(lead)
        if key not in fits:
            fits[key] = [one["user_id"] for one in members if misfit(one, lead) is None]
        found.append(fits[key])
    return found


def _told(
    verb: str, by: str, leads: Sequence[Sharable], fits: Sequence[Sequence[str]]
) -> dict[str, Any]:
    kinds: Counter[tuple[Any, ...]] = Counter()
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    covered = Counter[str]()
    for lead, own in zip(leads, fits, strict=True):
        covered["none" if not own else "one" if len(own) == 1 else "several"] += 1
        kind = (lead.country, lead.region, lead.industry, lead.language, *sorted(lead.skills))
        kinds[*kind, *own] += 1
        found[*kind, *own] = {**_said(lead), by: own}
    most = [(found[key], count) for key, count in kinds.most_common()]
    return {
        "lead_count": len(leads),
        **{f"{verb}_{name}": covered[name] for name in ("none", "one", "several")},
        "gaps": _those(most, lambda kind: not kind[by]),
        "overlaps": _those(most, lambda kind: len(kind[by]) > 1),
    }


def _those(
    most: Sequence[tuple[Mapping[str, Any], int]], wanted: Callable[[Mapping[str, Any]], bool]
) -> list[dict[str, Any]]:
    found = [{**kind, "leads": count} for kind, count in most if wanted(kind)]
    return found[:_SHOWN]


def _said(lead: Sharable) -> Mapping[str, Any]:
    return {name: getattr(lead, name) for name in _SAID}
