"""What PostgreSQL refuses, in the words of the client."""

import re
from typing import Any

from asyncpg import InternalClientError  # pyright: ignore[reportMissingTypeStubs]

from crm_api.kit.errors import (
    Blocked,
    Conflict,
    CrmError,
    CustomValueTaken,
    Duplicate,
    ExternalIdTaken,
    Fault,
    Invalid,
    Unavailable,
)

_COLUMNS = re.compile(r"Key \((?P<columns>[^)]*)\)")


def translate(error: BaseException) -> BaseException:
    """The error of the tree that a database failure means; anything else is itself."""
    if isinstance(error, CrmError):
        return error
    cause = _driver_error(error)
    state = getattr(cause, "sqlstate", None)
    if state is None:
        if isinstance(cause, ConnectionError | TimeoutError | OSError):
            return Unavailable("The database cannot be reached.")
        if is_lost(cause):
            return Unavailable("The database connection was lost.")
        return error
    return _by_state(state, cause) or error


def is_lost(error: BaseException) -> bool:
    """Whether the driver says that a connection is of no more use.

    Between PostgreSQL's word that it ends a connection and the end of it, the driver has but an
    error about its own states.
    """
    if isinstance(error, InternalClientError):
        return "cannot switch to state" in str(error)
    return type(error).__module__.startswith("asyncpg") and "connection" in str(error).lower()


def _driver_error(error: BaseException) -> BaseException:
    # SQLAlchemy wraps the adapter's error, which was raised from the driver's.
    adapted = getattr(error, "orig", None)
    return getattr(adapted, "__cause__", None) or adapted or error


_REFUSED = frozenset(
    {
        "22000",
        "23514",
        "22001",
        "22003",
        "22007",
        "22008",
        "22021",
        "22P02",
        "22P05",
        "23502",
    }
)


_CROSSED = ("Two changes crossed each other; try again.", "conflict_retry")
_LATER = {
    "40001": _CROSSED,
    "40P01": _CROSSED,
    "55P03": ("The record is locked by another change; try again.", "locked"),
    "57014": ("The statement took too long.", "timeout"),
}


def _by_state(state: str, cause: Any) -> CrmError | None:
    if state == "23505":
        return _duplicate(cause)
    if state == "23503":
        return _reference(cause)
    if state == "CRMQU":
        return _over_quota(cause)
    if state == "23P01":
        return Duplicate("The value overlaps another one.", code="overlap")
    if state in _REFUSED:
        if getattr(cause, "constraint_name", None) == "last_admin":
            return Blocked("Somebody must be left who may do everything.", code="last_admin")
        return refused_value()
    if state in _LATER:
        message, code = _LATER[state]
        return Unavailable(message, code=code)
    if state[:2] in {"08", "53", "57"}:
        return Unavailable("The database cannot take the request now.")
    return None


def _over_quota(cause: Any) -> CrmError:
    """What a trigger says: the name of the quota, and what it is."""
    return over_quota(cause.message, int(cause.detail))


def over_quota(name: str, most: int) -> Conflict:
    """The error for what a quota does not allow."""
    words = name.replace("_", " ")
    return Conflict(
        f"The organization may have no more than {most} {words}.",
        code="quota_exceeded",
        details={"quota": name, "limit": most},
    )


def refused_value() -> Invalid:
    """The error for a value that no column of its kind can hold."""
    return Invalid("A value was refused by the database.", code="refused_value")


def _columns(cause: Any) -> list[str]:
    """The columns that a constraint is about.

    Row-level security keeps the detail of the message back, so the constraint's name, which
    follows the convention of the metadata, has to tell.
    """
    found = _COLUMNS.search(getattr(cause, "detail", None) or "")
    if found is not None:
        names = [name.strip() for name in found["columns"].split(",")]
        return [name for name in names if name != "organization_id"]
    name, table = getattr(cause, "constraint_name", None), getattr(cause, "table_name", None)
    if not name or not table:
        return []
    _, marked, columns = name.partition(f"_{table}_organization_id_")
    return [columns] if marked else []


def _duplicate(cause: Any) -> CrmError:
    if getattr(cause, "constraint_name", None) == "uq_record_keys_external":
        return ExternalIdTaken()
    if getattr(cause, "constraint_name", None) == "uq_record_keys_custom":
        return CustomValueTaken()
    return Duplicate(
        "A record with this value exists.",
        faults=[Fault("duplicate", "must be unique", pointer=f"/{n}") for n in _columns(cause)],
    )


def _reference(cause: Any) -> CrmError:
    if str(cause).startswith("update or delete"):
        return Blocked("Other records still refer to this one.")
    return Invalid(
        "A record that is referred to does not exist.",
        faults=[
            Fault("unknown_reference", "there is no such record", pointer=f"/{name}")
            for name in _columns(cause)
        ],
    )
