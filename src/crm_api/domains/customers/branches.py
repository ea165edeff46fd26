"""The hierarchy that a company stands in, with what is added up along it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.companies.repository import Companies
from crm_api.domains.customers.declared import Declared
from crm_api.domains.customers.timeline import Timeline
from crm_api.kit.actor import hidden_field
from crm_api.kit.customer360 import Sum
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid, ModuleClosed
from crm_api.kit.money import shown_amount
from crm_api.kit.query.page import read_rows
from crm_api.kit.query.selection import Selection
from crm_api.platform.exchange.service import ExchangeRates

MOST = 1_000
"""So many companies may stand below one that is asked for."""
_FIELDS = ("name", "lifecycle", "industry", "owner_id")
_BELOW = """
    WITH RECURSIVE down AS (
        SELECT id, parent_id FROM companies WHERE organization_id = $1 AND id = $2
        UNION
        SELECT c.id, c.parent_id FROM down
        JOIN companies c ON c.organization_id = $1 AND c.parent_id = down.id
    )
    SELECT id, parent_id FROM down LIMIT $3
"""
Sums = Mapping[str, Mapping[UUID, Sum]]


class Branches:
    """Trees of companies, as an actor sees them; so many statements whatever their size."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(self, id: UUID, *, whole: bool = False) -> dict[str, Any]:
        """A company and those below it, or the whole hierarchy that it stands in.

        Companies in the bin, or that the actor does not see, are left out with what they have;
        those below them stand below the next one above. Raises `NotFound` where the company
        itself is not seen, and `Invalid` where there are more than `MOST`.
        """
        await Timeline(self.tx).need("company", id)
        if "parent_id" in self.tx.actor.hidden(COMPANIES.entity):
            raise hidden_field("parent_id")
        above = (await Companies(self.tx).ancestors(id))[1:]
        seen = await self._shown(above)
        above = [one for one in reversed(above) if one in seen]
        root = above[0] if whole and above else id
        parents = await self._below(root)
        companies = await self._shown(list(parents))
        tree = _tree(root, parents, companies)
        currency = await ExchangeRates(self.tx).own_currency()
        own = await self._own(list(tree), currency)
        total = {name: _added(tree, sums) for name, sums in own.items()}
        return {
            "root_id": root,
            "currency": currency,
            "ancestors": [_named(seen[one]) for one in above] if root == id else [],
            "companies": [
                {
                    **{name: getattr(companies[one], name) for name in ("id", *_FIELDS)},
                    "parent_id": parent,
                    "depth": depth,
                    "own": _told(own, one),
                    "total": _told(total, one),
                }
                for one, (parent, depth) in tree.items()
            ],
        }

    async def _below(self, root: UUID) -> dict[UUID, UUID | None]:
        """The companies from one down, those above before those below, with what they stand in."""
        rows = await self.tx.fetch(_BELOW, self.tx.organization_id, root, MOST + 1)
        if len(rows) > MOST:
            message = f"More than {MOST} companies stand below; ask for one further down."
            raise Invalid(message, code="tree_too_large")
        return {row["id"]: row["parent_id"] for row in rows}

    async def _shown(self, ids: list[UUID]) -> dict[UUID, Any]:
        if not ids:
            return {}
        return await read_rows(self.tx, COMPANIES, ids, Selection(("id", *_FIELDS)))

    async def _own(self, ids: Sequence[UUID], currency: str) -> Sums:
        """What each company has itself, by the roll-ups that the actor may read."""
        found: dict[str, Mapping[UUID, Sum]] = {}
        for one in Declared.roll_ups:
            if not self.tx.actor.covers(f"{one.area}:read"):
                continue
            try:
                found[one.name] = await one.load(self.tx, ids, currency)
            except (Forbidden, ModuleClosed):
                # A field that it goes by is hidden from whoever asks, or a part of it is off.
                continue
        return found


def _tree(
    root: UUID, parents: Mapping[UUID, UUID | None], seen: Mapping[UUID, Any]
) -> dict[UUID, tuple[UUID | None, int]]:
    """Of those that are seen, by depth and name: the next one above, and the depth."""
    places: dict[UUID, tuple[UUID | None, int]] = {root: (None, 0)}
    for one, parent in parents.items():
        if one == root:
            continue
        above = parent
        while above is not None and above not in seen:
            above = parents[above]
        assert above is not None
        if one in seen:
            places[one] = (above, places[above][1] + 1)
    return dict(sorted(places.items(), key=lambda it: (it[1][1], seen[it[0]].name or "", it[0])))


def _added(
    tree: Mapping[UUID, tuple[UUID | None, int]], own: Mapping[UUID, Sum]
) -> dict[UUID, Sum]:
    """What each company has with all below it."""
    total = {one: own[one] for one in tree}
    for one in reversed(list(tree)):
        parent, _ = tree[one]
        if parent is not None:
            total[parent] += total[one]
    return total


def _named(company: Any) -> dict[str, Any]:
    return {"id": company.id, "name": company.name}


def _told(sums: Sums, id: UUID) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "count": (one := found[id]).count,
            "amount": None if one.amount is None else shown_amount(one.amount),
            "is_whole": one.is_whole,
        }
        for name, found in sums.items()
    ]
