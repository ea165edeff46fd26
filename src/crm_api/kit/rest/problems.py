"""Errors as RFC 9457 problem documents."""

from typing import Any

from pydantic import BaseModel, Field

from crm_api.kit.errors import CrmError

PROBLEM_JSON = "application/problem+json"


class FaultOut(BaseModel):
    """One mistake and its place."""

    code: str = Field(description="Stable; programs may rely on it.")
    message: str
    pointer: str | None = Field(None, description="JSON pointer into the body.")
    parameter: str | None = Field(None, description="Query parameter.")
    header: str | None = Field(None, description="Request header.")


class Problem(BaseModel):
    """What went wrong; `code` is the contract."""

    type: str = Field(examples=["/problems/validation"])
    title: str
    status: int
    detail: str
    code: str
    errors: list[FaultOut] = Field(default_factory=list[FaultOut])
    request_id: str | None = None


_MEANINGS = {
    400: "The request cannot be read.",
    401: "No credential, or not a good one.",
    403: "The credential may not do this.",
    404: "There is no such record.",
    409: "The request does not fit what is stored.",
    412: "The record has changed.",
    413: "Too large.",
    415: "The body is not JSON.",
    422: "A value is wrong.",
    429: "Too many requests.",
    503: "Try again.",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The documented errors of a route; 401 and 503 belong to all."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted({401, 503, *statuses})
    }


def problem_of(error: CrmError, request_id: str | None) -> dict[str, Any]:
    """The document of an error."""
    document: dict[str, Any] = {
        "type": f"/problems/{error.code.replace('_', '-')}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "code": error.own_code,
        **error.details,
    }
    if error.faults:
        document["errors"] = [fault.as_dict() for fault in error.faults]
    if request_id is not None:
        document["request_id"] = request_id
    return document
