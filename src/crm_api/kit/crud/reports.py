"""What became of many writes, as both faces show it."""

from typing import Any

from pydantic import Field

from crm_api.kit.crud.bulk import Outcome, Report, Result
from crm_api.kit.problems import Problem, problem_of
from crm_api.kit.schema import Shape


class BulkOutcome(Shape):
    """What became of one write."""

    index: int = Field(description="Its place in the request.")
    status: int = Field(description="What the same request alone would have been answered with.")
    result: Result
    id: str | None
    record: dict[str, Any] | None = Field(description="The record after it, if there is one.")
    problem: Problem | None = Field(description="Why it failed.")


class BulkReport(Shape):
    """What became of many writes."""

    succeeded: int
    failed: int
    results: list[BulkOutcome] = Field(description="In the order of the request.")


def shown_outcome(index: int, outcome: Outcome) -> dict[str, Any]:
    """An outcome as both faces show it."""
    error = outcome.error
    return {
        "index": index,
        "status": outcome.status,
        "result": outcome.result,
        "id": outcome.id,
        "record": outcome.record,
        "problem": None if error is None else problem_of(error, None),
    }


def shown_report(report: Report) -> dict[str, Any]:
    """A report as both faces show it."""
    return {
        "succeeded": report.succeeded,
        "failed": report.failed,
        "results": [shown_outcome(n, outcome) for n, outcome in enumerate(report.outcomes)],
    }
