"""What reports are of, and the metrics that parts declare; the registry tells it once."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.parts import Part
from crm_api.kit.reporting import Metric, StandardReport
from crm_api.kit.tallying import Tally


class Declared:
    """The collections that can be reported on, and every metric."""

    services: ClassVar[Mapping[str, type[CrudService[Any]]]] = {}
    """By the word for a record."""
    metrics: ClassVar[Mapping[str, Metric]] = {}
    standard: ClassVar[Mapping[str, StandardReport]] = {}
    owners: ClassVar[Mapping[str, str]] = {}
    """By the id of a metric or standard report the part that declares it, and answers for it."""
    tallies: ClassVar[Mapping[str, Tally]] = {}
    """By the word for a record."""

    @classmethod
    def tell(cls, parts: Iterable[Part], services: Iterable[type[CrudService[Any]]]) -> None:
        """Take up what these parts declare; raises ValueError where it is of no collection."""
        cls.services = {s.repository.listing.entity: s for s in services if s.plain}
        parts = list(parts)
        cls.owners = {
            one.id: part.key for part in parts for one in (*part.metrics, *part.standard_reports)
        }
        found = [metric for part in parts for metric in part.metrics]
        cls.metrics = {metric.name: metric for metric in found}
        library = [report for part in parts for report in part.standard_reports]
        cls.standard = {report.name: report for report in library}
        tallies = [tally for part in parts for tally in part.tallies]
        cls.tallies = {tally.source: tally for tally in tallies}
        all_ = (*found, *library, *tallies)
        figures = [metric.figure for metric in found if metric.figure is not None]
        lost = [one for one in figures if cls.standard.get(one.report.name) is not one.report]
        lost += [one for one in figures if not one.has_measure]
        unknown = [one.source for one in all_ if one.source not in cls.services]
        if unknown or lost or len(cls.metrics) + len(cls.standard) + len(cls.tallies) < len(all_):
            raise ValueError(f"Declared twice, or of no collection or report: {unknown} {lost}.")


def source_of(tx: Tx, entity: str) -> CrudService[Any] | None:
    """What is in charge of a source, also of a custom object; None of what is no source."""
    if entity in Declared.services:
        return Declared.services[entity](tx)
    try:
        return service_of(tx, entity) if entity in tx.catalogue.objects else None
    except NotFound:
        return None
