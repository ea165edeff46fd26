"""What deals give users to do: their next steps, and those that do not move on."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.deals.service import DealService
from crm_api.kit.work import Asked, Fact, Item, Kind, Workload, between, listed

_FIELDS = ("name", "company_id", "contact_id")
_STALE = Fact("stale", 0, "It has stood in its stage for too long.")
_LATE = Fact("past_close_date", 0, "The day on which it was to be decided is over.")


def _mine(asked: Asked) -> dict[str, Any]:
    return {"owner_id": {"eq": str(asked.user_id)}, "status": {"eq": "open"}}


def _steps(asked: Asked) -> Mapping[str, Any]:
    return {**_mine(asked), **between(asked, "next_step_on", by_day=True)}


def _late(asked: Asked) -> Mapping[str, Any]:
    return {**_mine(asked), "closes_on": {"lt": asked.today.isoformat()}}


def _stale(asked: Asked) -> Mapping[str, Any]:
    return {**_mine(asked), "rots_at": {"lte": asked.now.isoformat()}}


def _item(row: Any, kind: Kind, **more: Any) -> Item:
    links = {"company_id": row.company_id, "contact_id": row.contact_id, "deal_id": row.id}
    return Item(
        entity="deal",
        id=row.id,
        title=more.pop("title", None) or row.name or "",
        kind=kind,
        version=row.version,
        updated_at=row.updated_at,
        links=links,
        **more,
    )


def _step(_asked: Asked, row: Any) -> Item:
    title = f"{row.name or ''}: {row.next_step}" if row.next_step else None
    return _item(row, "next_step", title=title, day=row.next_step_on)


WORK = (
    Workload(
        "deals.next_steps",
        DealService.area,
        listed(
            DealService,
            _steps,
            _step,
            sort="next_step_on",
            fields=(*_FIELDS, "next_step", "next_step_on"),
        ),
    ),
    Workload(
        "deals.overdue",
        DealService.area,
        listed(
            DealService,
            _late,
            lambda _, row: _item(row, "overdue_deal", day=row.closes_on, facts=(_LATE,)),
            sort="closes_on",
            fields=(*_FIELDS, "closes_on"),
        ),
        agenda=False,
    ),
    Workload(
        "deals.stale",
        DealService.area,
        listed(
            DealService,
            _stale,
            lambda _, row: _item(row, "stale_deal", facts=(_STALE,)),
            sort="updated_at",
            fields=_FIELDS,
        ),
        agenda=False,
    ),
)
