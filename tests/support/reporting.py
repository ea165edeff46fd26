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
    return await listed(api, answer.json())


async def listed(api: Api, found: dict[str, Any]) -> list[dict[str, Any]]:
    """The records that a drill-down says are behind a cell."""
    rows: list[dict[str, Any]] = []
    cursor = None
    while True:
        query = {"filter": found["filter"], "seal": found["seal"], "limit": 200, "cursor": cursor}
        page = (await api.post(f"{found['path']}/query", json=query)).json()
        rows += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found["count"] == len(rows)
    return rows


async def standard(api: Api, name: str, status: int = 200, **parameters: Any) -> dict[str, Any]:
    """The answer to a standard report, or the problem that it is."""
    body = {"parameters": parameters}
    answer = await api.post(f"/v1/standard-reports/{name}/run", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()


async def behind_standard(
    api: Api, name: str, cell: str, measure: str | None = None, **parameters: Any
) -> list[dict[str, Any]]:
    """The records behind a cell of a standard report, read by its filter."""
    body = {"parameters": parameters, "cell": cell, "measure": measure}
    answer = await api.post(f"/v1/standard-reports/{name}/drilldown", json=body)
    assert answer.status_code == 200, answer.text
    return await listed(api, answer.json())
