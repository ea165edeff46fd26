"""Who decides on a deal: which roles somebody has, which are missing, who stands in the way."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args
from uuid import UUID

from crm_api.domains.deals.models import BuyingRole
from crm_api.domains.deals.people import DealContactService
from crm_api.domains.deals.repository import DEAL_CONTACTS
from crm_api.domains.deals.service import DealService
from crm_api.kit.actor import hidden_field
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.watching import saw

_TELLING = ("roles", "influence", "sentiment")


async def committee_of(tx: Tx, id: UUID) -> dict[str, Any]:
    """The committee of a deal that is seen; raises `Forbidden` where what it tells is hidden."""
    deals = DealService(tx)
    deal = await deals.get(id, Selection(("id", "pipeline_id", "version")))
    for name in _TELLING:
        if name in tx.actor.hidden(DEAL_CONTACTS.entity):
            raise hidden_field(name)
    wanted = await deals.stages.wanted_roles(deal.pipeline_id)
    people = await DealContactService(tx).records.of(id)
    if people and tx.catalogue.watched:
        ids = [one["id"] for one in people]
        await saw(tx, DEAL_CONTACTS.entity, ("contact_id", *_TELLING), ids)
    return {"deal_id": id, **measured(people, wanted)}


def measured(people: Sequence[Mapping[str, Any]], wanted: Sequence[str]) -> dict[str, Any]:
    """What people are together, against the roles that are wanted."""
    having = {
        role: [one["contact_id"] for one in people if role in one["roles"]]
        for role in get_args(BuyingRole)
    }
    gaps = [role for role in wanted if not having[role]]
    blockers = [one for one in people if _blocks(one)]
    return {
        "people": len(people),
        "roles": [
            {"role": role, "is_wanted": role in wanted, "contact_ids": ids}
            for role, ids in having.items()
            if ids or role in wanted
        ],
        "wanted": len(wanted),
        "covered": len(wanted) - len(gaps),
        "gaps": gaps,
        "blockers": [
            {name: one[name] for name in ("id", "contact_id", *_TELLING)}
            for one in sorted(blockers, key=lambda one: -(one["influence"] or 0))
        ],
        "is_single_threaded": len(people) - len(blockers) < 2,
    }


def _blocks(one: Mapping[str, Any]) -> bool:
    return "blocker" in one["roles"] or one["sentiment"] == "negative"
