"""One tree of errors that a client can tell apart by `code`.

CrmError
├── Malformed        400  the request cannot be read
├── Unauthenticated  401
├── Forbidden        403
├── NotFound         404  also every object of another organization
├── Conflict         409
│   ├── Duplicate         a unique value is taken
│   │   └── ExternalIdTaken   by a record that it names
│   ├── Ambiguous         several records match
│   ├── WrongState        not in this state
│   │   └── Merged        the record lives on in another one
│   └── Blocked           other records stand in the way
├── Stale            412  the record has moved on
├── TooLarge         413
├── Unsupported      415
├── Invalid          422  readable but wrong, with pointers
├── TooMany          429
└── Unavailable      503  try again
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake: where it is (a JSON pointer, a parameter or a header) and what it is."""

    code: str
    message: str
    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None

    def as_dict(self) -> dict[str, str]:
        """Only the places that are set."""
        found = {
            "pointer": self.pointer,
            "parameter": self.parameter,
            "header": self.header,
            "code": self.code,
            "message": self.message,
        }
        return {key: value for key, value in found.items() if value is not None}


class CrmError(Exception):
    """The root; `details` are extra members of the problem document."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        faults: Sequence[Fault] = (),
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.own_code = code or self.code
        self.faults = tuple(faults)
        self.details = dict(details or {})
        self.headers = dict(headers or {})


class Malformed(CrmError):
    """The bytes are not a request."""

    status, code, title = 400, "malformed", "Malformed request"


class Unauthenticated(CrmError):
    """No credential, or one that is not good (any more)."""

    status, code, title = 401, "unauthenticated", "Not authenticated"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(
            detail,
            code=code,
            headers={"WWW-Authenticate": 'Bearer realm="crm", error="invalid_token"'},
        )


class Forbidden(CrmError):
    """Known, but not allowed."""

    status, code, title = 403, "forbidden", "Not allowed"


class NotFound(CrmError):
    """Not there, or not this organization's."""

    status, code, title = 404, "not_found", "Not found"


class Conflict(CrmError):
    """The request does not fit what is stored."""

    status, code, title = 409, "conflict", "Conflict"


class Duplicate(Conflict):
    """A value that must be unique is taken."""

    code, title = "duplicate", "Already exists"


class ExternalIdTaken(Duplicate):
    """Another record has this id in another system."""

    code = "duplicate_external_id"

    def __init__(self) -> None:
        faults = [Fault("duplicate", "taken by another record", pointer="/external_ids")]
        super().__init__("Another record has this external id.", faults=faults)

    def held_by(self, record_id: UUID, source: str) -> None:
        """Say which record it is, once that is known."""
        self.details["record_id"] = str(record_id)
        pointer = f"/external_ids/{source}"
        self.faults = (Fault("duplicate", "taken by another record", pointer=pointer),)


class Ambiguous(Conflict):
    """Several records match where one is meant."""

    code, title = "several_matches", "Several records match"


class WrongState(Conflict):
    """The action is not for this state."""

    code, title = "wrong_state", "Wrong state"


class Merged(WrongState):
    """The record was merged into another one, which is what readers get."""

    code, title = "merged", "Merged into another record"

    def __init__(self, entity: str, id: UUID, target: UUID) -> None:
        super().__init__(
            f"The {entity} {id} was merged into {target}.", details={"merged_into": str(target)}
        )
        self.target = target


class Blocked(Conflict):
    """Other records stand in the way."""

    code, title = "blocked", "Blocked"


class Stale(CrmError):
    """The caller's version is not the current one."""

    status, code, title = 412, "stale", "The record has changed"


class TooLarge(CrmError):
    """More bytes than are taken."""

    status, code, title = 413, "too_large", "Too large"


class Unsupported(CrmError):
    """A content type that is not read here."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class Invalid(CrmError):
    """Readable, but wrong; `faults` say where."""

    status, code, title = 422, "validation", "Validation failed"

    @classmethod
    def at(cls, pointer: str, code: str, message: str) -> "Invalid":
        """One mistake in the body."""
        return cls(message, faults=[Fault(code, message, pointer=pointer)])

    @classmethod
    def parameter(cls, name: str, code: str, message: str) -> "Invalid":
        """One mistake in the query string."""
        return cls(message, code=code, faults=[Fault(code, message, parameter=name)])

    def in_body(self) -> "Invalid":
        """The same mistakes where a body says what a query string could: pointers in both cases."""
        faults = [Fault(f.code, f.message, f.pointer or f"/{f.parameter}") for f in self.faults]
        return Invalid(self.detail, code=self.own_code, faults=faults)


class TooMany(CrmError):
    """Over a limit; `Retry-After` says when."""

    status, code, title = 429, "too_many", "Too many requests"


class Unavailable(CrmError):
    """Not now."""

    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after_s)})
