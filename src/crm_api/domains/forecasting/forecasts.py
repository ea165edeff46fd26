"""Forecasts: what owners and managers say of a period, beside what is computed; and locks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.service import DealService
from crm_api.domains.forecasting.models import Layer
from crm_api.domains.forecasting.periods import Period, period_named, period_of
from crm_api.domains.forecasting.rolling import due, of_node, together
from crm_api.domains.forecasting.schemas import ForecastInput, NodeInput
from crm_api.domains.forecasting.snapshots import AREA, SUMMED, amount_of
from crm_api.domains.forecasting.tree import Node, Tree, is_user, users_of
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Conflict, Forbidden, Invalid, Stale
from crm_api.kit.ids import new_id
from crm_api.kit.money import SCALE
from crm_api.kit.query.visibility import ALL

_FISCAL = "SELECT fiscal_year_starts_in, currency FROM organizations WHERE id = $1"
_STORED = """
    SELECT id, node_id, node_kind, status, version FROM forecasts
    WHERE organization_id = $1 AND kind = $2 AND starts_on = $3
"""
_BEGIN = """
    INSERT INTO forecasts (organization_id, id, kind, starts_on, ends_on, node_kind, node_id,
        status, version, updated_at, updated_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $10)
"""
_CHANGE = """
    UPDATE forecasts SET status = $3, version = version + 1, updated_at = $4, updated_by = $5
    WHERE organization_id = $1 AND id = $2
"""
_SAY = """
    INSERT INTO forecast_entries (organization_id, id, forecast_id, layer, commit_amount,
        best_case_amount, currency, comment, made_at, made_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""
_SAID = """
    SELECT f.kind, f.starts_on, f.node_id, f.node_kind, e.forecast_id, e.layer, e.commit_amount,
        e.best_case_amount, e.currency, e.comment, e.made_at, e.made_by
    FROM forecasts f JOIN forecast_entries e
        ON e.organization_id = f.organization_id AND e.forecast_id = f.id
    WHERE f.organization_id = $1 AND f.kind = $2 AND f.starts_on = ANY($3)
    ORDER BY e.made_at DESC, e.id DESC
"""
_MOST_ENTRIES = 500
_RANKS: dict[str, int] = {"owner": 1, "manager": 2}


@dataclass(frozen=True, slots=True)
class Ground:
    """What an organization's periods and amounts go by."""

    fiscal_month: int
    currency: str


class Forecasts:
    """The forecasts of an organization; one thing at a time happens to those of a period."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.deals = DealService(tx)

    async def ground(self) -> Ground:
        """How periods are counted, and in which currency."""
        row = (await self.tx.fetch(_FISCAL, self.tx.organization_id))[0]
        return Ground(row["fiscal_year_starts_in"], row["currency"])

    async def period(self, key: str | None) -> tuple[Period, Ground]:
        """The period of a name, or the present quarter; raises `Invalid`."""
        ground = await self.ground()
        if key is None:
            return period_of(today_of(self.tx), "quarter", ground.fiscal_month), ground
        found = period_named(key, ground.fiscal_month)
        if found is None:
            raise Invalid.parameter("period", "unknown_period", "Write 2026-11 or 2026-Q4.")
        return found, ground

    async def stored(self, period: Period) -> dict[UUID, Any]:
        """The forecasts of a period by their nodes: `id, node_id, node_kind, status, version`."""
        rows = await self.tx.fetch(_STORED, self.tx.organization_id, period.kind, period.starts_on)
        return {row["node_id"]: row for row in rows}

    async def said(self, kind: str, starts: Sequence[date]) -> list[Any]:
        """All that was said of some periods, the latest first."""
        return await self.tx.fetch(_SAID, self.tx.organization_id, kind, list(starts))

    # Acting

    async def submit(self, data: ForecastInput, expected: int | None = None) -> dict[str, Any]:
        """What an owner says of their forecast; what is computed then is kept beside it."""
        self.tx.actor.need(AREA, "update")
        period, ground, tree, node = await self._named(data)
        self._need_owner(tree, node)
        stored = await self._locked(period, tree, node, expected)
        forecast = await self._step(period, node, stored, "submitted")
        # Of all that the node has, whoever submits it: it is what the forecast is held against.
        sums = await due(self.tx, ALL, ground.currency, period.starts_on, period.ends_on)
        rollup = together(of_node(tree, node, sums)).rollup
        await self._say(forecast, "system", (rollup.commit, rollup.best_case), ground, None)
        await self._say(forecast, "owner", (data.commit, data.best_case), ground, data.comment)
        return await self._told(forecast, "submitted", period, node, data)

    async def override(self, data: ForecastInput, expected: int | None = None) -> dict[str, Any]:
        """What a manager says of somebody's forecast; what was said before stays beside it."""
        self.tx.actor.need(AREA, "update")
        period, ground, tree, node = await self._named(data)
        self._need_manager(tree, node)
        stored = await self._locked(period, tree, node, expected)
        status = "draft" if stored is None else stored["status"]
        forecast = await self._step(period, node, stored, status)
        await self._say(forecast, "manager", (data.commit, data.best_case), ground, data.comment)
        return await self._told(forecast, "overridden", period, node, data)

    async def lock(self, data: NodeInput, expected: int | None = None) -> dict[str, Any]:
        """Have a forecast stay as it is, and all below it."""
        self.tx.actor.need(AREA, "update")
        period, _, tree, node = await self._named(data)
        self._need_manager(tree, node)
        stored = await self._locked(period, tree, node, expected)
        forecast = await self._step(period, node, stored, "locked")
        return await self._told(forecast, "locked", period, node)

    async def unlock(self, data: NodeInput, expected: int | None = None) -> dict[str, Any]:
        """Open a forecast again that was locked itself."""
        self.tx.actor.need(AREA, "update")
        period, _, tree, node = await self._named(data)
        self._need_manager(tree, node)
        stored = await self._locked(period, tree, node, expected, above_only=True)
        if stored is None or stored["status"] != "locked":
            raise Conflict("The forecast is not locked.", code="not_locked")
        said = await self.said(period.kind, [period.starts_on])
        is_said = any(e["forecast_id"] == stored["id"] and e["layer"] == "owner" for e in said)
        status = "submitted" if is_said else "draft"
        forecast = await self._step(period, node, stored, status)
        return await self._told(forecast, "unlocked", period, node)

    # Steps

    async def _named(self, data: NodeInput) -> tuple[Period, Ground, Tree, Node]:
        try:
            period, ground = await self.period(data.period)
        except Invalid as error:
            raise error.in_body() from None
        tree = await Tree.of(self.tx)
        if data.team_id is not None:
            if data.team_id not in tree.teams:
                raise Invalid.at("/team_id", "unknown_reference", "There is no such team.")
            return period, ground, tree, tree.teams[data.team_id]
        if data.user_id is None:
            return period, ground, tree, tree.root
        if not await is_user(self.tx, data.user_id):
            raise Invalid.at("/user_id", "unknown_reference", "There is no such user.")
        name = (await users_of(self.tx, [data.user_id]))[0]["name"]
        return period, ground, tree, Node("user", data.user_id, name, tree.root.id)

    def _need_owner(self, tree: Tree, node: Node) -> None:
        """Raise `Forbidden` unless the forecast is the actor's own, or all are open to it."""
        me = self.tx.actor.me
        own = me == node.id if node.kind == "user" else me in tree.leads([node.id])
        if not own and self.tx.actor.level(AREA, "update") != "all":
            message = "A forecast is submitted by the user, or the lead of the team, whose it is."
            raise Forbidden(message, code="not_your_forecast")

    def _need_manager(self, tree: Tree, node: Node) -> None:
        """Raise `Forbidden` unless the actor leads a team above, or all forecasts are open to it.

        Nobody overrides or locks what they submit themselves, but who may do everything.
        """
        actor = self.tx.actor
        if actor.level(AREA, "update") == "all":
            return
        if actor.me not in tree.leads(tree.above(node.id)) or actor.me == node.id:
            message = "That is for the leads of the teams above it."
            raise Forbidden(message, code="not_above_forecast")

    async def _locked(
        self,
        period: Period,
        tree: Tree,
        node: Node,
        expected: int | None,
        *,
        above_only: bool = False,
    ) -> Any:
        """What is stored of a forecast that may change, while no other of the period does.

        Raises `Conflict` where it is locked, `Stale` where it has moved on.
        """
        await lock_graph(self.tx, f"forecasts.{period.kind}.{period.starts_on}")
        stored = await self.stored(period)
        closing = [*tree.above(node.id), *(() if above_only else (node.id,))]
        for id in closing:
            if id in stored and stored[id]["status"] == "locked":
                details = {"node_id": str(id), "node_kind": stored[id]["node_kind"]}
                message = f"The forecast of {period.key} is locked."
                raise Conflict(message, code="forecast_locked", details=details)
        found = stored.get(node.id)
        version = 0 if found is None else found["version"]
        if expected is not None and expected != version:
            raise Stale(f"The forecast is at version {version}.", headers={"ETag": f'"{version}"'})
        return found

    async def _step(
        self, period: Period, node: Node, stored: Any, status: str
    ) -> Mapping[str, Any]:
        """The forecast with this status, at its next version."""
        tx, me = self.tx, self.tx.actor.id
        if stored is None:
            id = new_id()
            which = (period.kind, period.starts_on, period.ends_on, node.kind, node.id)
            await tx.write(_BEGIN, tx.organization_id, id, *which, status, tx.now, me)
            return {"id": id, "status": status, "version": 1}
        await tx.write(_CHANGE, tx.organization_id, stored["id"], status, tx.now, me)
        return {"id": stored["id"], "status": status, "version": stored["version"] + 1}

    async def _say(
        self,
        forecast: Mapping[str, Any],
        layer: Layer,
        amounts: tuple[Decimal, Decimal | None],
        ground: Ground,
        comment: str | None,
    ) -> None:
        tx = self.tx
        commit, best = (None if a is None else int(a * SCALE) for a in amounts)
        said = (layer, commit, best, ground.currency, comment, tx.now, tx.actor.me)
        await tx.write(_SAY, tx.organization_id, new_id(), forecast["id"], *said)

    async def _told(
        self,
        forecast: Mapping[str, Any],
        verb: str,
        period: Period,
        node: Node,
        data: ForecastInput | None = None,
    ) -> dict[str, Any]:
        """Write down what happened; the forecast as it is now."""
        said = await self.said(period.kind, [period.starts_on])
        own = [entry for entry in said if entry["forecast_id"] == forecast["id"]]
        if len(own) > _MOST_ENTRIES:
            raise Conflict("All has been said of this forecast.", code="too_many_entries")
        amounts = (
            {} if data is None else data.model_dump(mode="json", include={"commit", "comment"})
        )
        self.tx.record(
            f"forecast.{verb}",
            entity="forecast",
            record_id=forecast["id"],
            version=forecast["version"],
            data={
                "period": period.key,
                "node_kind": node.kind,
                "node_id": str(node.id),
                "status": forecast["status"],
                **amounts,
            },
        )
        is_hidden = not SUMMED.isdisjoint(self.tx.actor.hidden(DEALS.entity))
        return {
            **forecast,
            "period": shown_period(period),
            "node_kind": node.kind,
            "node_id": node.id,
            "entries": [shown_entry(entry, is_hidden=is_hidden) for entry in own],
        }


def shown_period(period: Period) -> dict[str, Any]:
    """A period as it is shown."""
    days = {"starts_on": period.starts_on, "ends_on": period.ends_on}
    return {"key": period.key, "kind": period.kind, **days}


def shown_entry(entry: Any, *, is_hidden: bool) -> dict[str, Any]:
    """An entry as it is shown."""
    best = entry["best_case_amount"]
    return {
        "layer": entry["layer"],
        "commit": None if is_hidden else amount_of(entry["commit_amount"]),
        "best_case": None if is_hidden or best is None else amount_of(best),
        **{name: entry[name] for name in ("currency", "comment", "made_at", "made_by")},
    }


def words(said: Sequence[Any], currency: str) -> dict[UUID, dict[str, Decimal]]:
    """By node what its owner and its manager said last, in the organization's currency."""
    found: dict[UUID, dict[str, Decimal]] = {}
    for entry in said:
        if entry["layer"] in _RANKS and entry["currency"] == currency:
            own = found.setdefault(entry["node_id"], {})
            own.setdefault(entry["layer"], Decimal(entry["commit_amount"]) / SCALE)
    return found


def last_words(said: Sequence[Any], currency: str) -> dict[UUID, Decimal]:
    """By node what counts of it: the manager's word, else the owner's."""
    return {
        node: own[max(own, key=_RANKS.__getitem__)] for node, own in words(said, currency).items()
    }
