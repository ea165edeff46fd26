"""The forecast of a period, rolled up the teams."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.forecasting.arithmetic import OPEN_CATEGORIES, coverage, ratio, wins
from crm_api.domains.forecasting.definitions import number
from crm_api.domains.forecasting.forecasts import (
    Forecasts,
    last_words,
    shown_entry,
    shown_period,
    words,
)
from crm_api.domains.forecasting.rolling import Sums, due, expected, of_node, together
from crm_api.domains.forecasting.snapshots import AREA, SUMMED, WEIGHED, Snapshots
from crm_api.domains.forecasting.tree import Node, Tree, is_within, living_of, reach_of, users_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.money import SCALE, shown_amount

_QUOTAS = """
    SELECT coalesce(user_id, team_id, organization_id) AS node_id, sum(target)::bigint AS target
    FROM goals WHERE organization_id = $1 AND deleted_at IS NULL AND metric = 'won_amount'
        AND starts_on = $2 AND ends_on = $3 AND pipeline_id IS NULL
    GROUP BY 1
"""


@dataclass
class Scene:
    """What the nodes of a period are told by."""

    tree: Tree
    sums: Mapping[UUID | None, Sums]
    stored: Mapping[UUID, Any]
    said: Sequence[Any]
    quotas: Mapping[UUID, Decimal]
    is_hidden: bool
    is_weighted_hidden: bool
    words: Mapping[UUID, Mapping[str, Decimal]]
    last: Mapping[UUID, Decimal]


class Outlook:
    """Forecasts as the actor sees them."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.forecasts, self.snapshots = Forecasts(tx), Snapshots(tx)

    async def rollup(self, key: str | None) -> dict[str, Any]:
        """All nodes of a period that are seen, from above downwards; raises `Invalid`."""
        tx = self.tx
        tx.actor.need(AREA, "read")
        self.snapshots.need_days()
        period, ground = await self.forecasts.period(key)
        tree = await Tree.of(tx)
        days = (period.starts_on, period.ends_on)
        sums = await due(tx, await self.snapshots.sight(), ground.currency, *days)
        stored = await self.forecasts.stored(period)
        said = await self.forecasts.said(period.kind, [period.starts_on])
        rows = await tx.fetch(_QUOTAS, tx.organization_id, *days)
        quotas = {row["node_id"]: Decimal(row["target"]) / SCALE for row in rows}
        last = last_words(said, ground.currency)
        # What was said of who is gone since, and asked of them, is said of deals of others now.
        living = await living_of(tx, [*quotas, *last])
        quotas, last = (
            {id: amounts[id] for id in tree.standing(amounts, living)} for amounts in (quotas, last)
        )
        told = words(said, ground.currency), last
        hidden = tx.actor.hidden(DEALS.entity)
        masks = not SUMMED.isdisjoint(hidden), not WEIGHED.isdisjoint(hidden)
        scene = Scene(tree, sums, stored, said, quotas, *masks, *told)
        nodes = await self._nodes(scene)
        return {
            "period": shown_period(period),
            "currency": ground.currency,
            "nodes": [_shown(scene, node) for node in nodes],
        }

    async def _nodes(self, scene: Scene) -> list[Node]:
        """The organization, teams and users, as far as the actor's level reaches."""
        tree = scene.tree
        users = {
            *(owner for owner in scene.sums if owner is not None),
            *tree.teams_of,
            *(id for id, row in scene.stored.items() if row["node_kind"] == "user"),
            *tree.users_in(scene.quotas),
        }
        reach = reach_of(self.tx.actor)
        if reach is not None:
            users &= reach
        above = [node for node in tree.downwards() if is_within(tree, node, reach)]
        people = [
            Node("user", row["id"], row["name"], _team_of(tree, row["id"]))
            for row in await users_of(self.tx, users)
        ]
        return [*above, *people]


def _team_of(tree: Tree, user_id: UUID) -> UUID:
    return next(iter(tree.teams_of.get(user_id, ())), tree.root.id)


def _quota(scene: Scene, node: Node) -> Decimal | None:
    """The node's own, or what those below it have together."""
    tree, quotas = scene.tree, scene.quotas
    if node.kind == "user":
        return quotas.get(node.id)
    users = tree.users_in(quotas)
    own = {id: amount for id, amount in quotas.items() if id == node.id or id in tree.teams}
    if node.kind == "team":
        users = [id for id in users if id in tree.people(node.id)]
    below = tree.effective(node, users, {**own, **{u: quotas[u] for u in users}}, _nothing)
    return below or None


def _nothing(_id: UUID | None) -> Decimal:
    return Decimal(0)


def _shown(scene: Scene, node: Node) -> dict[str, Any]:
    tree, stored, said = scene.tree, scene.stored.get(node.id), scene.words.get(node.id, {})
    sums = together(of_node(tree, node, scene.sums))
    quota, closed = _quota(scene, node), sums.single.get("closed", Decimal(0))
    gap, covered = coverage(sums.rollup.open_pipeline, quota, closed)
    reached = None if quota is None else ratio(closed, quota)
    chain = [node.id, *tree.above(node.id)]
    return {
        "kind": node.kind,
        "id": node.id,
        "name": node.name,
        "parent_id": node.parent_id,
        "status": "draft" if stored is None else stored["status"],
        "is_locked": any(
            id in scene.stored and scene.stored[id]["status"] == "locked" for id in chain
        ),
        **_computed(scene, sums),
        "submitted": _amount(scene, said.get("owner")),
        "overridden": _amount(scene, said.get("manager")),
        "effective": _amount(scene, expected(tree, node, scene.sums, scene.last)),
        "quota": _amount(scene, quota),
        "attainment": number("goal_attainment", None if scene.is_hidden else reached),
        "gap": _amount(scene, gap),
        "coverage": number("coverage", None if scene.is_hidden else covered),
        "entries": [
            shown_entry(entry, is_hidden=scene.is_hidden)
            for entry in scene.said
            if entry["node_id"] == node.id
        ],
    }


def _computed(scene: Scene, sums: Sums) -> dict[str, Any]:
    found, rollup = wins(sums.percents), sums.rollup

    def metric(name: str, value: Decimal | None) -> Any:
        return number(name, _amount(scene, value), sums.deals)

    return {
        "deals": sums.deals,
        "categories": {
            name: _amount(scene, sums.single.get(name, Decimal(0)))
            for name in (*OPEN_CATEGORIES, "closed")
        },
        "cumulative": {
            "open_pipeline": metric("forecast_open_pipeline", rollup.open_pipeline),
            "best_case": metric("forecast_best_case", rollup.best_case),
            "most_likely": metric("forecast_most_likely", rollup.most_likely),
            "commit": metric("forecast_commit", rollup.commit),
            "weighted": metric(
                "forecast_weighted", None if scene.is_weighted_hidden else sums.weighted
            ),
        },
        "wins": {
            "definition_id": "wins.v1",
            "expected": str(found.expected + sums.won),
            "low": found.low + sums.won,
            "high": found.high + sums.won,
        },
    }


def _amount(scene: Scene, value: Decimal | None) -> str | None:
    return None if value is None or scene.is_hidden else shown_amount(value)
