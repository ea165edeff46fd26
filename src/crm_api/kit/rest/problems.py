"""The documented errors of routes."""

from typing import Any

PROBLEM_JSON = "application/problem+json"
_MEANINGS = {
    400: "The request cannot be read.",
    401: "No credential, or not a good one.",
    403: "The credential may not do this.",
    404: "There is no such record.",
    409: "The request does not fit what is stored.",
    410: "It is not there any more.",
    412: "The record has changed.",
    413: "Too large.",
    415: "The body is not JSON.",
    416: "There are no such bytes.",
    422: "A value is wrong.",
    429: "Too many requests.",
    503: "Try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a route; 401, 429 and 503 belong to all."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({401, 429, 503, *statuses})
    }
