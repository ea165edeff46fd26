"""What becomes of lists when their days come, and what is done with all rules of one."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any
from uuid import UUID

from crm_api.domains.prices.actions import ListActions
from crm_api.domains.prices.events import AdjustRules, CheckPriceList, CopyRules, WatchPriceList
from crm_api.domains.prices.models import PriceList
from crm_api.domains.prices.scanning import STRETCH, PriceScan
from crm_api.domains.prices.schemas import AdjustInput
from crm_api.domains.prices.service import PriceListService
from crm_api.domains.prices.watching import tell
from crm_api.kit.crud.due import moving
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.jobs import JobContext, runs


async def _follow(service: PriceListService, found: PriceList, today: date) -> None:
    """Activate a scheduled list on its first day, and expire what is past its last one."""
    first, last = found.valid_from, found.valid_to
    if last is not None and last < today and found.status in {"scheduled", "active"}:
        await service.change(found, {"status": "expired"}, verb="expired")
    elif found.status == "scheduled" and (first is None or first <= today):
        await service.change(found, {"status": "active"}, verb="activated")


follow_days = moving("crm_price_lists_due", PriceListService, _follow)


@runs(CheckPriceList)
async def check_price_list(context: JobContext, message: CheckPriceList) -> dict[str, Any]:
    """Look at all rules of a list; the result tells what looks wrong."""
    return await _scanned(context, message.price_list_id)


async def _watch(service: PriceListService, found: PriceList, _today: date) -> None:
    service.tx.enqueue(WatchPriceList(found.id))


watch_lists = moving("crm_price_lists_active", PriceListService, _watch)


@runs(WatchPriceList)
async def watch_price_list(context: JobContext, message: WatchPriceList) -> dict[str, Any]:
    """Look at all rules of a list, and tell its owner of what looks wrong since the last time."""
    found = await _scanned(context, message.price_list_id)
    async with unit_of_work(context.tx()) as tx:
        is_new = await tell(tx, message.price_list_id, found)
    return {"price_list_id": found["price_list_id"], "counts": found["counts"], "is_new": is_new}


async def _scanned(context: JobContext, id: UUID) -> dict[str, Any]:
    scan = PriceScan(id)
    async with unit_of_work(context.tx()) as tx:
        await scan.begin(tx)
        done, total = 0, len(scan.targets) + len(scan.products)
        await context.job.advance(tx, done, total)
    for ids, look in ((scan.targets, scan.look), (scan.products, scan.look_for_prices)):
        for start in range(0, len(ids), STRETCH):
            some = ids[start : start + STRETCH]
            done += len(some)
            async with unit_of_work(context.tx()) as tx:
                await look(tx, some)
                await context.job.advance(tx, done, total)
    return scan.result()


@runs(CopyRules)
async def copy_rules(context: JobContext, message: CopyRules) -> dict[str, Any]:
    """Copy rules some at a time; another try goes on behind those that are copied."""

    async def some(tx: Tx, after: UUID | None) -> tuple[UUID, int] | None:
        return await ListActions(tx).copy(message.source, message.target, after, message.until)

    return {"rules": await _by_stretches(context, some)}


@runs(AdjustRules)
async def adjust_rules(context: JobContext, message: AdjustRules) -> dict[str, Any]:
    """Adjust prices some at a time, each once; another try goes on behind those that are done."""
    data = AdjustInput.model_validate(message.adjustment)

    async def some(tx: Tx, after: UUID | None) -> tuple[UUID, int] | None:
        found = await ListActions(tx).adjust_some(message.price_list_id, data, after, message.until)
        return None if found is None else (found[0], found[1])

    return {"changed": await _by_stretches(context, some)}


async def _by_stretches(
    context: JobContext, some: Callable[[Tx, UUID | None], Awaitable[tuple[UUID, int] | None]]
) -> int:
    """Do `some` behind the last one till there are none; how many it did, in all tries."""
    state = context.job.state
    after, count = state.get("after"), int(state.get("count", 0))
    while True:
        # Where it stands is committed with what was done.
        async with unit_of_work(context.tx()) as tx:
            found = await some(tx, None if after is None else UUID(str(after)))
            if found is None:
                return count
            after, count = str(found[0]), count + found[1]
            await context.job.advance(tx, count, state={"after": after, "count": count})
