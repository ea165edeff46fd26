"""Who else tries for a deal."""

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.money import shown_amount
from crm_api.kit.query.kinds import kinds_of

Competitor = Mapping[str, Any]


def listed(competitors: Sequence[Competitor]) -> dict[str, Any]:
    """Competitors as they are stored, and by whom a deal is found."""
    kept: list[Competitor] = [
        {
            "company_id": str(one["company_id"]),
            "status": one["status"],
            "strengths": one["strengths"],
            "price": None if one["price"] is None else shown_amount(Decimal(one["price"])),
        }
        for one in competitors
    ]
    return {"competitors": kept, "competitor_ids": [one["company_id"] for one in kept]}


async def need_companies(tx: Tx, competitors: Sequence[Competitor], known: Collection[str]) -> None:
    """Raise `Invalid` where a company is named anew that is not there; none goes meanwhile."""
    ids = {str(one["company_id"]) for one in competitors} - set(known)
    found = await kinds_of(tx, [COMPANIES], [UUID(id) for id in sorted(ids)], lock=True)
    faults = [
        Fault("unknown_reference", "There is no such company.", f"/competitors/{place}/company_id")
        for place, one in enumerate(competitors)
        if str(one["company_id"]) in ids and UUID(str(one["company_id"])) not in found
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def won_by(competitors: Sequence[Competitor], company_id: UUID | None) -> dict[str, Any]:
    """What a deal says of its competitors once one of them has won it."""
    if company_id is None:
        return {}
    won = {"company_id": str(company_id), "status": "won", "strengths": None, "price": None}
    others = [one for one in competitors if one["company_id"] != won["company_id"]]
    same = [{**one, "status": "won"} for one in competitors if one not in others]
    return {"competitor_id": company_id, **listed([*(same or [won]), *others])}


def undecided(competitors: Sequence[Competitor]) -> dict[str, Any]:
    """What a deal that is open again says of them: whoever had won it competes as before."""
    same = [{**one, "status": "active"} if one["status"] == "won" else one for one in competitors]
    return listed(same)


def renamed(competitors: Sequence[Competitor], merged: Sequence[str]) -> dict[str, Any]:
    """The same where several companies have become the first of them: it competes once."""
    found: dict[str, Competitor] = {}
    for one in competitors:
        id = merged[0] if one["company_id"] in merged else one["company_id"]
        found.setdefault(id, {**one, "company_id": id})
    return listed(list(found.values()))


def without(competitors: Sequence[Competitor], gone: Collection[str]) -> dict[str, Any]:
    """The same without some companies."""
    return listed([one for one in competitors if one["company_id"] not in gone])
