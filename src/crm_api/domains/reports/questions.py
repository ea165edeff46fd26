"""What can be run: a report in the words of reports, or one that its domain computes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crm_api.domains.reports.results import Row, digest, shown
from crm_api.domains.reports.schemas import ReportQuery
from crm_api.kit.reporting import ComputedReport


@dataclass(frozen=True, slots=True)
class Computing:
    """A computed report with the values of its parameters."""

    report: ComputedReport
    values: Mapping[str, Any]


Question = ReportQuery | Computing


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and of a standard report what it was made of."""

    question: Question
    standard: Row | None = None
    """Its definition."""
    parameters: Row | None = None
    """What it is run with; days are absolute."""


def hash_of(question: Question) -> str:
    """What tells a question from others: of the same one it is the same."""
    if isinstance(question, Computing):
        return digest([question.report.id, said(question.values)])
    return digest(question.model_dump(mode="json", exclude_defaults=True))


def said(values: Mapping[str, Any]) -> Row:
    """Values of parameters as JSON has them, and as they may be given again."""
    return {n: v if isinstance(v, int) else shown(v, "") for n, v in values.items()}
