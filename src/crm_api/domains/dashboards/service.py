"""The rules of dashboards."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from pydantic import TypeAdapter

from crm_api.domains.dashboards.models import Dashboard
from crm_api.domains.dashboards.repository import AREA, Dashboards
from crm_api.domains.dashboards.schemas import (
    COLUMNS,
    DashboardCreate,
    DashboardTile,
    DashboardUpdate,
)
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.operands import pointed, unfit
from crm_api.domains.reports.parameters import MARK, typed
from crm_api.domains.reports.schemas import ReportParameter
from crm_api.domains.reports.service import ReportService
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of

_TILES = TypeAdapter(list[DashboardTile])
_PARAMETERS = TypeAdapter(list[ReportParameter])
_PARTS = frozenset({"tiles", "parameters"})
_NEEDS: Mapping[str, str] = {"report": "report_id", "metric": "metric", "text": "text"}
_DAYS = frozenset({"from", "to"})


class DashboardService(NamedService[Dashboard]):
    """Pages of tiles; each reader sees in them what its reports show that reader."""

    repository = Dashboards
    area = AREA
    plural = "dashboards"
    personal = Impersonal("Which reports stand on a page, and no answers.")
    create_shape = DashboardCreate
    update_shape = DashboardUpdate
    records: Dashboards

    async def prepare(self, values: dict[str, Any], current: Dashboard | None) -> dict[str, Any]:
        """Tiles name what there is, and parameters that it has; a private one is somebody's."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if whole["owner_id"] is None and (current is None or whole["sharing"] == "private"):
            values["owner_id"] = self.tx.actor.me
        if not _PARTS.isdisjoint(values):
            declared = _PARAMETERS.validate_python(whole["parameters"])
            tiles = _TILES.validate_python(whole["tiles"])
            _need_parameters(declared)
            await self._need_tiles(tiles, {one.name for one in declared})
            values |= {
                "tiles": [t.model_dump(mode="json", exclude_defaults=True) for t in tiles],
                "parameters": [one.model_dump(mode="json") for one in declared],
            }
        return values

    async def _need_tiles(self, tiles: Sequence[DashboardTile], known: set[str]) -> None:
        asked = [tile.report_id for tile in tiles if tile.report_id is not None]
        reports = await ReportService(self.tx).records.rows(asked) if asked else {}
        keys: set[str] = set()
        for place, tile in enumerate(tiles):
            with pointed(f"/tiles/{place}", ""):
                _need_shape(tile, known)
                if tile.key in keys:
                    raise unfit("/key", "repeated_key", f"{tile.key} stands twice.")
                if tile.report_id is not None and tile.report_id not in reports:
                    raise unfit("/report_id", "unknown_reference", "There is no such report.")
            keys.add(tile.key)


def _need_parameters(declared: Sequence[ReportParameter]) -> None:
    names: set[str] = set()
    for place, one in enumerate(declared):
        if one.name in names:
            raise unfit(f"/parameters/{place}/name", "repeated_name", f"{one.name} stands twice.")
        names.add(one.name)
        if one.default is not None:
            typed(one.type, one.default, f"/parameters/{place}/default")


def _need_shape(tile: DashboardTile, known: set[str]) -> None:
    """Raise `Invalid` for a tile that lacks what its kind needs, or has what another one has."""
    for kind, name in _NEEDS.items():
        if (getattr(tile, name) is not None) != (kind == tile.kind):
            raise unfit(f"/{name}", "unfit_kind", f"It goes with the kind {kind}.")
    if tile.x + tile.width > COLUMNS:
        raise unfit("/width", "off_grid", f"The grid has {COLUMNS} columns.")
    if tile.by is not None and tile.kind != "metric":
        raise unfit("/by", "unfit_kind", "It goes with the kind metric.")
    if tile.kind == "text" and (tile.parameters or tile.filter):
        raise unfit("/parameters", "unfit_kind", "A text takes neither parameters nor a filter.")
    if tile.metric is not None and tile.metric not in Declared.metrics:
        raise unfit("/metric", "unknown_metric", "There is no metric of this name.")
    if tile.kind == "metric" and not _DAYS.issuperset(tile.parameters):
        raise unfit("/parameters", "unknown_parameter", "A metric takes `from` and `to`.")
    _need_known(tile, known)


def _need_known(tile: DashboardTile, known: set[str]) -> None:
    """Raise `Invalid` for parameters that the dashboard has not."""
    for part in ("parameters", "filter"):
        for name in named_in(getattr(tile, part)):
            if name not in known:
                message = "The dashboard has no parameter of this name."
                raise unfit(f"/{part}", "unknown_parameter", message)


def named_in(value: Any) -> set[str]:
    """The parameters that some JSON names."""
    if isinstance(value, Mapping):
        found = cast("Mapping[str, Any]", value)
        if set(found) == {MARK}:
            return {str(found[MARK])}
        return {name for inner in found.values() for name in named_in(inner)}
    if isinstance(value, list):
        return {name for inner in cast("list[Any]", value) for name in named_in(inner)}
    return set()
