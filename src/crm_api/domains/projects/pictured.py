"""What projects show of a customer, how deliveries tell of its health, and points of contact."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.projects.delivering import DeliverableService
from crm_api.domains.projects.service import ProjectService
from crm_api.domains.projects.tasks import ProjectTaskService
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.picturing import Pictured, listed, rolled_up
from crm_api.kit.customer360 import Customer, Reading, Section, Signal
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import shown_amount
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.touchpoints import Direction, Party, Touchpoint, through

_RUNNING = ("planned", "active", "on_hold")
_OPEN = Pictured(
    ProjectService,
    {"status": {"in": list(_RUNNING)}},
    lambda v: v["status"] in _RUNNING,
    contact=None,
)
_PARTIES = (Party("company_id", "company"), Party("deal_id", "deal"))
_OF_PROJECT = through("project_id", "projects", _PARTIES)
_VERBS: dict[str, Direction] = {"submitted": "out", "accepted": "in", "rejected": "in"}
_MOST = 200
TOUCHPOINTS = (
    *(
        Touchpoint(f"project.{verb}", "delivery", _PARTIES)
        for verb in ("started", "held", "resumed", "completed", "accepted", "cancelled")
    ),
    *(
        Touchpoint(f"deliverable.{verb}", "delivery", _OF_PROJECT, direction)
        for verb, direction in _VERBS.items()
    ),
)
_DELIVERIES = """
    SELECT p.company_id, count(*) AS due,
        count(*) FILTER (WHERE d.status IN ('draft', 'rejected')) AS late
    FROM projects p
    JOIN deliverables d ON d.organization_id = p.organization_id AND d.project_id = p.id
    WHERE p.organization_id = $1 AND p.company_id = ANY($2) AND p.deleted_at IS NULL
        AND d.deleted_at IS NULL AND d.due_on < ($3::timestamptz AT TIME ZONE 'UTC')::date
        AND (d.status IN ('draft', 'rejected') OR d.due_on > ($3::timestamptz AT TIME ZONE 'UTC')::date - 365)
    GROUP BY p.company_id
"""
_UNBILLED = """
    SELECT p.company_id, count(*) AS due,
        count(*) FILTER (WHERE t.billed_at IS NULL
            AND t.billing_due_at < $3::timestamptz - interval '30 days') AS late
    FROM projects p
    JOIN project_tasks t ON t.organization_id = p.organization_id AND t.project_id = p.id
    WHERE p.organization_id = $1 AND p.company_id = ANY($2) AND p.deleted_at IS NULL
        AND t.deleted_at IS NULL AND t.billing_due_at IS NOT NULL
    GROUP BY p.company_id
"""


async def _late(tx: Tx, customer: Customer) -> Mapping[str, Any]:
    """Deliverables whose day is over and that have not been handed over."""
    pictured = Pictured(
        DeliverableService,
        {"status": {"in": ["draft", "rejected"]}, "due_on": {"lt": today_of(tx).isoformat()}},
        company="project.company_id",
        contact=None,
    )
    fields = ("id", "name", "status", "due_on", "project_id", "owner_id")
    rows, more = await pictured.rows(tx, customer, fields, 20)
    data = [{field: getattr(row, field) for field in fields} for row in rows]
    return {"target": "deliverable", "data": data, "more": more}


async def _billing(tx: Tx, customer: Customer) -> list[dict[str, Any]] | None:
    """What is to be billed and has not been, by currency; None where it is too much to tell."""
    pictured = Pictured(
        ProjectTaskService,
        {"billing_due_at": {"is_null": False}, "billed_at": {"is_null": True}},
        company="project.company_id",
        contact=None,
    )
    if (about := pictured.filter_of(customer)) is None:
        return []
    service = ProjectTaskService(tx)
    listing = service.records.listing
    selection = Selection.of(listing, tx, "id,billing_amount,project.currency")
    source = parse({"and": [about, pictured.now]}, listing, tx)
    page = await service.page(PageQuery(selection, source, limit=_MOST))
    if page.next_cursor is not None or "billing_amount" in tx.actor.hidden(listing.entity):
        return None
    found: dict[str, list[Decimal]] = {}
    for row in page.data:
        found.setdefault(row.project.currency, []).append(Decimal(row.billing_amount or 0))
    return [
        {"currency": currency, "count": len(those), "amount": shown_amount(sum(those, Decimal(0)))}
        for currency, those in sorted(found.items())
    ]


def _shares(sql: str, reason: str) -> Any:
    """The share of what is as it should be, of all that there is."""

    async def load(tx: Tx, company_ids: Sequence[UUID], at: datetime) -> Mapping[UUID, Reading]:
        rows = await tx.fetch(sql, tx.organization_id, list(company_ids), at)
        return {
            row["company_id"]: Reading(1 - Decimal(row["late"]) / row["due"], reason, row["late"])
            for row in rows
        }

    return load


SIGNALS = (
    Signal("delivery", _shares(_DELIVERIES, "late_deliverables"), "projects"),
    Signal("finance", _shares(_UNBILLED, "unbilled"), "projects"),
)
SECTIONS = (
    listed(
        "open_projects",
        "delivery",
        _OPEN,
        ("name", "status", "starts_on", "finishes_at", "deal_id", "order_id", "owner_id"),
    ),
    Section("late_deliverables", "delivery", _late, "work", ("projects",)),
    Section("open_billing", "finance", _billing, "money", ("projects",)),
)
ROLL_UPS = (rolled_up("open_projects", _OPEN),)
