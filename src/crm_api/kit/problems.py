"""Errors as RFC 9457 problem documents."""

from typing import Any

from pydantic import Field

from crm_api.kit.errors import CrmError
from crm_api.kit.schema import Shape


class FaultOut(Shape):
    """One mistake and its place."""

    code: str = Field(description="Stable; programs may rely on it.")
    message: str
    pointer: str | None = Field(None, description="JSON pointer into the body.")
    parameter: str | None = Field(None, description="Query parameter.")
    header: str | None = Field(None, description="Request header.")


class Problem(Shape):
    """What went wrong; `code` is the contract."""

    type: str = Field(examples=["/problems/validation"])
    title: str
    status: int
    detail: str
    code: str
    errors: list[FaultOut] = Field(default_factory=list[FaultOut])
    request_id: str | None = None


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
