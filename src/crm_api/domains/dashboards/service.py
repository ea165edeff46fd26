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
from crm_api.domains.reports.asking import Key, NamedReport, key_of, named_reports, unknown
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.operands import pointed, unfit
from crm_api.domains.reports.parameters import MARK, need_default, put, read, sample
from crm_api.domains.reports.schemas import ReportParameter
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.reporting import Parameter

_TILES = TypeAdapter(list[DashboardTile])
_PARAMETERS = TypeAdapter(list[ReportParameter])
_PARTS = frozenset({"tiles", "parameters"})
_NEEDS: Mapping[str, Sequence[str]] = {
    "report": ("report_id", "standard_report"),
    "metric": ("metric",),
    "text": ("text",),
}
DAYS = (
    Parameter("from", "day", "The first day.", is_optional=True),
    Parameter("to", "day", "The last day.", is_optional=True),
)
"""The parameters of a metric."""


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
            await self._need_tiles(tiles, declared)
            values |= {
                "tiles": [t.model_dump(mode="json", exclude_defaults=True) for t in tiles],
                "parameters": [one.model_dump(mode="json") for one in declared],
            }
        return values

    async def _need_tiles(
        self, tiles: Sequence[DashboardTile], declared: Sequence[ReportParameter]
    ) -> None:
        reports = await named_reports(self.tx, [t.report for t in tiles if t.report is not None])
        keys: set[str] = set()
        for place, tile in enumerate(tiles):
            with pointed(f"/tiles/{place}", ""):
                _need_shape(tile, {one.name for one in declared})
                if tile.key in keys:
                    raise unfit("/key", "repeated_key", f"{tile.key} stands twice.")
                if tile.kind == "report":
                    await self._need_report(tile, reports, declared)
                elif tile.kind == "metric":
                    _need_filter(tile)
                    given, later = _said(tile, declared)
                    read(DAYS, given, self.tx, later)
            keys.add(tile.key)

    async def _need_report(
        self,
        tile: DashboardTile,
        reports: Mapping[Key, NamedReport],
        declared: Sequence[ReportParameter],
    ) -> None:
        """Raise `Invalid` for a report that there is not, or that does not take what is said."""
        key = key_of(tile.report_id, tile.standard_report)
        report = reports.get(key)
        if report is None:
            raise unknown(key)
        await report.need(self.tx, *_said(tile, declared))
        if tile.measure is not None:
            report.need_measure(self.tx, tile.measure)
        if tile.filter:
            report.need_filter()


def _need_filter(tile: DashboardTile) -> None:
    """Raise `Invalid` for conditions on a metric that takes none."""
    if tile.filter and Declared.metrics[tile.metric or ""].figure is not None:
        raise unfit("/filter", "computed_metric", f"{tile.metric} has no filters.")


def _said(
    tile: DashboardTile, declared: Sequence[ReportParameter]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters of a tile that have a value by now, and examples of the others."""
    values = {one.name: one.default for one in declared if one.default is not None}
    given = kept(tile.parameters, values)
    samples = {one.name: sample(one) for one in declared}
    return given, {n: put(v, samples) for n, v in tile.parameters.items() if n not in given}


def _need_parameters(declared: Sequence[ReportParameter]) -> None:
    names: set[str] = set()
    for place, one in enumerate(declared):
        if one.name in names:
            raise unfit(f"/parameters/{place}/name", "repeated_name", f"{one.name} stands twice.")
        names.add(one.name)
        need_default(one, f"/parameters/{place}/default")


def _need_shape(tile: DashboardTile, known: set[str]) -> None:
    """Raise `Invalid` for a tile that lacks what its kind needs, or has what another one has."""
    for kind, names in _NEEDS.items():
        said = [name for name in names if getattr(tile, name) is not None]
        if bool(said) != (kind == tile.kind):
            raise unfit(f"/{(said or names)[0]}", "unfit_kind", f"It goes with the kind {kind}.")
    if tile.x + tile.width > COLUMNS:
        raise unfit("/width", "off_grid", f"The grid has {COLUMNS} columns.")
    if tile.by is not None and tile.kind != "metric":
        raise unfit("/by", "unfit_kind", "It goes with the kind metric.")
    if tile.measure is not None and tile.kind != "report":
        raise unfit("/measure", "unfit_kind", "It goes with the kind report.")
    if tile.view is not None and tile.kind == "text":
        raise unfit("/view", "unfit_kind", "A text is neither a chart nor a table.")
    if tile.kind == "text" and (tile.parameters or tile.filter):
        raise unfit("/parameters", "unfit_kind", "A text takes neither parameters nor a filter.")
    if tile.metric is not None and tile.metric not in Declared.metrics:
        raise unfit("/metric", "unknown_metric", "There is no metric of this name.")
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


def kept(part: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a tile, without what names a parameter that has no value."""
    return put({k: v for k, v in part.items() if named_in(v) <= values.keys()}, values)
