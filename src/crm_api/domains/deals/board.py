"""A pipeline at a glance: what its stages hold, and the first deals of each."""

from dataclasses import replace
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Numeric, Select, Uuid, bindparam, cast, func, select
from sqlalchemy import type_coerce as taken_as

from crm_api.domains.deals.models import Deal
from crm_api.domains.deals.pipelines import PipelineService, StageService
from crm_api.domains.deals.repository import DEALS, STAGES
from crm_api.domains.deals.service import DealService
from crm_api.kit.db.base import KeyText
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import SCALE, shown_amount
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.page import MAX_LIMIT, matching, values_of
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import narrowed, sight_of
from crm_api.platform.exchange.repository import ExchangeRates

_SUMMED = frozenset({"amount", "base_amount", "currency", "base_currency"})
_WEIGHED = _SUMMED | {"expected_amount", "probability"}
_NOTHING = (0, None, None, 0)


class DealBoard:
    """The board of a pipeline, as the actor sees its deals."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deals, self.stages = DealService(tx), StageService(tx)

    async def of(
        self,
        pipeline_id: UUID,
        filter: Filter,
        limit: int,
        selection: Selection | None = None,
        *,
        closed: bool = False,
    ) -> dict[str, Any]:
        """The open stages in their order: counts, sums, and a page of each; raises `NotFound`.

        With `closed` those of won and lost deals too, behind them.
        """
        self.deals.need("read")
        await PipelineService(self.tx).get(pipeline_id, Selection(("id",)))
        stages = {stage.id: stage for stage in await self._stages(pipeline_id, closed=closed)}
        query = PageQuery(
            selection or Selection(DEALS.shown), filter=filter, sort="rank", limit=limit
        )
        currency = await ExchangeRates(self.tx).own_currency()
        sums = await self._sums(list(stages), query, currency)
        pages = await self.stages.related("deals", stages, query)
        hidden = self.tx.actor.hidden(DEALS.entity)
        is_hidden, is_weighed = not _SUMMED.isdisjoint(hidden), _WEIGHED.isdisjoint(hidden)
        columns: list[dict[str, Any]] = []
        for id, stage in stages.items():
            count, amount, weighted, unconverted = sums.get(id, _NOTHING)
            columns.append(
                {
                    "stage": stage,
                    "count": count,
                    "amount": None if is_hidden else _shown(amount),
                    "weighted_amount": _shown(weighted) if is_weighed else None,
                    "unconverted": 0 if is_hidden else unconverted,
                    "deals": pages[id],
                }
            )
        return {"pipeline_id": pipeline_id, "currency": currency, "columns": columns}

    async def _stages(self, pipeline_id: UUID, *, closed: bool) -> list[Any]:
        wanted = {"pipeline_id": {"eq": str(pipeline_id)}}
        if not closed:
            wanted["kind"] = {"eq": "open"}
        query = PageQuery(
            Selection(STAGES.shown), parse(wanted, STAGES, self.tx), "position", MAX_LIMIT
        )
        found = (await self.stages.page(query)).data
        return sorted(found, key=lambda stage: stage.kind != "open")

    async def _sums(
        self, stage_ids: list[UUID], query: PageQuery, currency: str
    ) -> dict[UUID, Any]:
        """By stage: how many, their sum, the weighted sum, how many are not in the sum."""
        asked = replace(query, sight=await narrowed(self.tx, DEALS, sight_of(self.tx.actor, DEALS)))

        def build() -> Select[Any]:
            # What was valued in another currency than the organization has by now is in no sum.
            is_own = Deal.base_currency == bindparam("own", type_=KeyText)
            amount = cast(taken_as(Deal.base_amount, BigInteger()), Numeric(38, 0))
            counted: Any = select(
                Deal.stage_id,
                func.count(),
                func.sum(amount).filter(is_own),
                func.sum(amount * Deal.probability).filter(is_own),
                func.count().filter(Deal.amount.is_not(None), Deal.base_amount.is_(None) | ~is_own),
            ).group_by(Deal.stage_id)
            ids = bindparam("stages", type_=ARRAY(Uuid()))
            return matching(DEALS, counted, asked).where(Deal.stage_id == func.any(ids))

        statement = prepared(DEALS, ("board", asked.shape), build)
        values = {**values_of(self.tx, asked, None), "stages": stage_ids, "own": currency}
        rows = await self.tx.fetch(statement.sql, *statement.args(values))
        return {
            row[0]: (row[1], _part(row[2], SCALE), _part(row[3], SCALE * 100), row[4])
            for row in rows
        }


def _part(total: Decimal | None, scale: int) -> Decimal | None:
    return None if total is None else total / scale


def _shown(amount: Decimal | None) -> str:
    return shown_amount(amount or Decimal(0))
