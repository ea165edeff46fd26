"""Groupings: what each is by, and how that is said in SQL."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement

from crm_api.domains.reports.buckets import Calendar
from crm_api.domains.reports.measuring import local_day
from crm_api.domains.reports.operands import DATED, Operand, operand_of, unfit
from crm_api.domains.reports.schemas import Bucket, ReportGrouping
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.listing import Listing


@dataclass(frozen=True)
class Group:
    """A grouping that fits."""

    asked: ReportGrouping
    operand: Operand
    since: Operand | None = None

    @property
    def name(self) -> str:
        """That of its column."""
        return self.asked.label

    @property
    def bucket(self) -> Bucket | None:
        """The stretch of the calendar that it is by."""
        return self.asked.bucket

    @property
    def kind(self) -> str:
        """That of its values."""
        if self.since is not None:
            return "integer"
        return "day" if self.bucket is not None else self.operand.kind

    def expression(self, calendar: Calendar) -> ColumnElement[Any]:
        """Its value for a record."""
        if self.bucket is None:
            return self.operand.expression
        begins = calendar.start(local_day(self.operand, calendar), self.bucket)
        if self.since is None:
            return begins
        since = calendar.start(local_day(self.since, calendar), self.bucket)
        return calendar.distance(since, begins, self.bucket)


def group_of(tx: Tx, listing: Listing, asked: ReportGrouping, at: str) -> Group:
    """A grouping checked; raises `Invalid` with a pointer into the report."""
    operand = operand_of(tx, listing, asked.field, f"{at}/field")
    if not operand.groups:
        message = f"{asked.field} is {operand.kind}: nothing is grouped by that."
        raise unfit(f"{at}/field", "unfit_field", message)
    is_dated = operand.kind in DATED
    if is_dated != (asked.bucket is not None):
        message = "Days and times take a bucket, such as month." if is_dated else "It has no days."
        raise unfit(f"{at}/bucket", "bucket", message)
    if asked.since is None:
        return Group(asked, operand)
    since = operand_of(tx, listing, asked.since, f"{at}/since")
    if since.kind not in DATED:
        raise unfit(f"{at}/since", "unfit_field", "Buckets lie between days or times.")
    return Group(asked, operand, since)
