"""What of a goal is reached: amounts won, deals won, or deals created."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Boolean, Uuid, and_, bindparam, func, or_

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.models import Goal
from crm_api.domains.forecasting.repository import Aim
from crm_api.domains.forecasting.rows import deals, over
from crm_api.domains.forecasting.tree import Tree
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import SCALE
from crm_api.kit.query.statements import prepared
from crm_api.kit.query.visibility import Sight, bound
from crm_api.platform.exchange.repository import ExchangeRates

_COLUMNS = ("status", "closes_on", "closed_at", "created_at")
_REACHED = """
    SELECT count(*) FILTER (WHERE won) AS won_count, sum(value) FILTER (WHERE won) AS won_amount,
        count(*) FILTER (WHERE created) AS new_deals
    FROM (SELECT value, status = 'won' AND coalesce(closes_on,
            (closed_at AT TIME ZONE CAST(:zone AS text))::date) BETWEEN :first AND :last AS won,
            (created_at AT TIME ZONE CAST(:zone AS text))::date BETWEEN :first AND :last AS created
        FROM rows) AS each
"""
_ZONE = "SELECT time_zone FROM organizations WHERE id = $1"


async def attained(tx: Tx, goal: Goal | Aim, sight: Sight) -> Decimal:
    """What of a goal is reached by the deals in sight: an amount, or a number of deals."""
    people: list[UUID] = []
    if goal.user_id is not None:
        people = [goal.user_id]
    elif goal.team_id is not None:
        tree = await Tree.of(tx)
        people = list(tree.people(goal.team_id))
    statement = prepared(
        DEALS,
        ("attained", sight),
        lambda: over(_REACHED, rows=deals(sight, *_COLUMNS, picked=_counts)),
    )
    zone = (await tx.fetch(_ZONE, tx.organization_id))[0]["time_zone"]
    values = {
        **bound(tx),
        "own": await ExchangeRates(tx).own_currency(),
        "zone": zone,
        "first": goal.starts_on,
        "last": goal.ends_on,
        "people": people,
        "is_all": goal.user_id is None and goal.team_id is None,
        "pipeline": goal.pipeline_id,
    }
    row = (await tx.fetch(statement.sql, *statement.args(values)))[0]
    found = Decimal(row[goal.metric] or 0)
    return found / SCALE if goal.metric == "won_amount" else found


def _counts(deal: Any) -> Any:
    pipeline = bindparam("pipeline", type_=Uuid())
    people = bindparam("people", type_=ARRAY(Uuid()))
    return and_(
        or_(bindparam("is_all", type_=Boolean()), deal.owner_id == func.any(people)),
        or_(pipeline.is_(None), deal.pipeline_id == pipeline),
    )
