"""Which leads of the past nobody of a pool is for, and which several are for."""

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
from crm_api.kit.db.tx import Tx, at_one_moment
from crm_api.kit.query.filters import parse

MOST = 10_000
_SHOWN = 200
_SAID = ("country", "region", "industry", "language", "skills")


class Coverage:
    """Tells gaps and overlaps of a pool by the leads that came, not by all that could."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, id: UUID, days: int) -> dict[str, Any]:
        """By kind of lead, who of the members fits, whatever their caps and shifts."""
        LeadService(self.tx).need("read")
        LeadPoolService(self.tx).need("read")
        async with at_one_moment(self.tx) as reader:
            pool = await Pools(reader).get(id)
            since, filter = reader.now - timedelta(days=days), parse({}, LEADS, reader)
            rows = await Leads(reader).captured(filter, since, reader.now, MOST)
        return _told(pool.members, [lead for lead, _ in rows])


def _told(members: list[dict[str, Any]], leads: list[Sharable]) -> dict[str, Any]:
    fitting, fits = Fitting.of(members), dict[Any, list[str]]()
    kinds: Counter[tuple[Any, ...]] = Counter()
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    covered = Counter[str]()
    for lead in leads:
        key = fitting.key(lead)
        if key not in fits:
            fits[key] = [one["user_id"] for one in members if misfit(one, lead) is None]
        own = fits[key]
        covered["none" if not own else "one" if len(own) == 1 else "several"] += 1
        kind = (lead.country, lead.region, lead.industry, lead.language, *sorted(lead.skills))
        kinds[*kind, *own] += 1
        found[*kind, *own] = {**_said(lead), "members": own}
    most = [(found[key], count) for key, count in kinds.most_common()]
    return {
        "lead_count": len(leads),
        **{f"fit_{name}": covered[name] for name in ("none", "one", "several")},
        "gaps": _those(most, lambda members: not members),
        "overlaps": _those(most, lambda members: len(members) > 1),
    }


def _those(
    most: Sequence[tuple[Mapping[str, Any], int]], wanted: Callable[[Sequence[str]], bool]
) -> list[dict[str, Any]]:
    found = [{**kind, "leads": count} for kind, count in most if wanted(kind["members"])]
    return found[:_SHOWN]


def _said(lead: Sharable) -> Mapping[str, Any]:
    return {name: getattr(lead, name) for name in _SAID}
