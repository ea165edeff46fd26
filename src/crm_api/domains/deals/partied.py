"""What a deal keeps of those who have to do with it, in line with who is there and what it brings."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

from sqlalchemy import ARRAY, Text, bindparam

from crm_api.domains.deals.competing import listed, need_companies, renamed, without
from crm_api.domains.deals.crediting import credited, need_users, need_whole
from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.repository import Deals, LossReasons
from crm_api.kit.crud.followed import Followed, Follower
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid

_BATCH = 500
_CREDITED = frozenset({"splits", "amount", "currency"})
_NAMING = frozenset({"loss_reason_id", "competitor_id"})


class Partied(Followed[Deal], NamedService[Deal]):
    """Checks splits and competitors, and has the amounts of splits follow that of the deal."""

    followers: ClassVar[list[Follower[Deal]]] = []
    records: Deals

    async def prepare(self, values: dict[str, Any], current: Deal | None) -> dict[str, Any]:
        """Splits are whole and of users who are there; competitors are companies that are."""
        values = await super().prepare(values, current)
        before: Mapping[str, Any] = {} if current is None else columns_of(current)
        if splits := values.get("splits"):
            need_whole(splits)
            known = {split["user_id"] for split in before.get("splits", ())}
            await need_users(self.tx, splits, known)
        if "competitors" in values:
            await need_companies(self.tx, values["competitors"], before.get("competitor_ids", ()))
            values |= listed(values["competitors"])
        if _NAMING & values.keys():
            whole = {**before, **values}
            await self.need_competitor(whole["loss_reason_id"], whole["competitor_id"])
        return values

    async def need_competitor(self, reason_id: UUID | None, competitor_id: UUID | None) -> None:
        """Raise `Invalid` where a deal is lost for a reason that asks who won instead."""
        if reason_id is None or competitor_id is not None:
            return
        if await LossReasons(self.tx).asks_competitor(reason_id):
            message = "A deal that is lost for this reason names who won instead."
            raise Invalid.at("/competitor_id", "required", message)

    def add(self, values: dict[str, Any]) -> Any:
        """A new deal; its splits have their amounts."""
        amounts = credited(values["splits"], values["amount"], values["currency"])
        return super().add({"origin_id": None, **values, "splits": amounts})

    async def change(
        self,
        current: Deal,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Whatever changes the amount of a deal changes those of its splits."""
        if _CREDITED & values.keys():
            whole = {name: values.get(name, getattr(current, name)) for name in _CREDITED}
            splits = credited(whole["splits"] or (), whole["amount"], whole["currency"])
            values = {**values, "splits": splits}
        return await super().change(current, values, verb=verb, told=told)

    async def make_way(self, column: str, merged: Sequence[UUID]) -> None:
        """Companies that are one now compete as one."""
        if column == "competitor_id":
            ids = [str(id) for id in merged]
            await self.rename(ids[1:], lambda competitors: renamed(competitors, ids))

    async def rename(
        self, ids: Sequence[str], make: Callable[[Sequence[Mapping[str, Any]]], dict[str, Any]]
    ) -> None:
        """Have the deals for which some companies compete say something else of it."""
        any_of = Deal.competitor_ids.op("?|", is_comparison=True)
        query = self.records.select_all().where(any_of(bindparam("ids", type_=ARRAY(Text()))))
        query = query.order_by(Deal.id).limit(_BATCH).with_for_update(key_share=True)
        while found := list((await self.tx.run(query.params(ids=list(ids)))).scalars()):
            for deal in found:
                await self.change(deal, make(deal.competitors))
            await self.tx.flush()


def forget_competitors(
    service: type[Partied],
) -> Callable[[Tx, str, Sequence[UUID]], Awaitable[None]]:
    """What becomes of deals once companies that competed for them are gone for good."""

    async def forget(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
        if entity == "company":
            gone = [str(id) for id in ids]
            await service(tx).rename(gone, lambda competitors: without(competitors, gone))

    return forget
