"""Reports as tests ask for them."""

from typing import Any

from support.clients import Api


async def reported(api: Api, source: str = "company", status: int = 200, **report: Any) -> Any:
    """The answer to a report, which must have this status."""
    answer = await api.post("/v1/reports/run", json={"source": source, **report})
    assert answer.status_code == status, answer.text
    return answer.json()


def values(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The values of the rows."""
    return [row["values"] for row in answer["rows"]]


def by(field: str, bucket: str | None = None, **more: Any) -> dict[str, Any]:
    """A grouping."""
    return {"field": field, "bucket": bucket, **more}


def measure(function: str, field: str | None = None, **more: Any) -> dict[str, Any]:
    """A measure that is called as its function."""
    given = {"field": field} if field else {}
    return {"name": function, "function": function, **given, **more}


async def behind(api: Api, report: dict[str, Any], cell: str, **more: Any) -> list[dict[str, Any]]:
    """The records behind a cell, read by its filter."""
    body = {"report": report, "cell": cell, **more}
    answer = await api.post("/v1/reports/drilldown", json=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"filter": found["filter"], "limit": 200, "cursor": cursor}
        page = (await api.post(f"{found['path']}/query", json=query)).json()
        rows += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found["count"] == len(rows)
    return rows
