"""The rules of territories."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.leads.events import ask_for_distribution
from crm_api.domains.leads.models import Territory
from crm_api.domains.leads.territory_repository import Territories
from crm_api.domains.leads.territory_schemas import TerritoryCreate, TerritoryUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.tree import TreeService
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.kinds import kinds_of

_MATTERS = frozenset((*TerritoryCreate.model_fields, "deleted_at")) - {"name", "description"}


class TerritoryService(TreeService[Territory], NamedService[Territory]):
    """Parts of the market in their tree, and where their leads go."""

    repository = Territories
    area = "territories"
    plural = "territories"
    personal = Impersonal("How the organization divides its market among its users.")
    create_shape = TerritoryCreate
    update_shape = TerritoryUpdate
    records: Territories

    async def prepare(self, values: dict[str, Any], current: Territory | None) -> dict[str, Any]:
        """Its leads go to a pool or to a user, and its accounts are companies."""
        values = await super().prepare(values, current)

        def after(name: str) -> Any:
            return values[name] if name in values else getattr(current, name)

        if after("pool_id") is not None and after("user_id") is not None:
            message = "Its leads go to a pool or to a user, not to both."
            raise Invalid.at("/user_id", "pool_or_user", message)
        if "postal_ranges" in values:
            values["postal_ranges"] = decode(encode(values["postal_ranges"] or []))
        if "company_ids" in values:
            values["company_ids"] = [str(id) for id in values["company_ids"] or ()]
            known = frozenset(() if current is None else current.company_ids)
            await self._need_companies(values["company_ids"], known)
        return values

    async def _need_companies(self, ids: Sequence[str], known: frozenset[str]) -> None:
        new = [UUID(id) for id in ids if id not in known]
        seen = await kinds_of(self.tx, [COMPANIES], sorted(new), lock=not self.tx.read_only)
        faults = [
            Fault("unknown_reference", "There is no such company.", f"/company_ids/{place}")
            for place, id in enumerate(ids)
            if id not in known and UUID(id) not in seen
        ]
        if faults:
            raise Invalid(faults[0].message, faults=faults)

    def add(self, values: dict[str, Any]) -> Any:
        """What waits may go by it."""
        ask_for_distribution(self.tx, anew=True)
        return super().add(values)

    async def change(
        self,
        current: Territory,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """What waits may go by it."""
        if any(getattr(current, name) != values[name] for name in _MATTERS & values.keys()):
            ask_for_distribution(self.tx, anew=True)
        return await super().change(current, values, verb=verb, told=told)


async def move_accounts(tx: Tx, winner: UUID, losers: Sequence[UUID]) -> None:
    """Have a company that is left be a named account where merged ones were."""
    service, gone = TerritoryService(tx), {str(id) for id in losers}
    ids = await service.records.of_companies(losers)
    for territory in await service.records.locked(ids, everywhere=True):
        kept = [str(winner) if id in gone else id for id in territory.company_ids]
        await service.change(territory, {"company_ids": list(dict.fromkeys(kept))})
