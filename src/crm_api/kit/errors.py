"""One tree of errors that a client can tell apart by `code`.

CrmError
├── Malformed        400  the request cannot be read
├── Unauthenticated  401
├── Forbidden        403
├── NotFound         404  also every object of another organization
├── ModuleClosed          the organization has switched a module off
│   ├── ModuleDisabled    404
│   └── ModuleReadOnly    409
├── Conflict         409
│   ├── Duplicate         a unique value is taken
│   │   └── ExternalIdTaken   by a record that it names
│   ├── Ambiguous         several records match
│   ├── Erased            a person who was erased does not come back
│   ├── WrongState        not in this state
│   │   └── Merged        the record lives on in another one
│   ├── Blocked           other records stand in the way
│   └── InProgress        the same request is being carried out
├── Ended            410  was there, and is not any more
├── Stale            412  the record has moved on
├── TooLarge         413
├── Unsupported      415
├── OutOfRange       416  no such bytes
├── Invalid          422  readable but wrong, with pointers
├── TooMany          429
│   └── RateLimited       more than a quota allows
└── Unavailable      503  try again
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self
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

    def under(self, pointer: str) -> Self:
        """The same mistake in a part of a larger body."""
        return self._with(
            replace(fault, pointer=pointer + (fault.pointer or ""), parameter=None, header=None)
            for fault in self.faults
        )

    def in_body(self) -> Self:
        """The same where a body says what a query string could: pointers in both cases."""
        return self._with(
            replace(fault, pointer=f"/{fault.parameter}", parameter=None)
            if fault.parameter is not None
            else fault
            for fault in self.faults
        )

    def _with(self, faults: Iterable[Fault]) -> Self:
        # Not by its constructor, whose arguments are each kind's own.
        moved = type(self).__new__(type(self), *self.args)
        moved.__dict__.update(self.__dict__)
        moved.faults = tuple(faults)
        return moved


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

    def elsewhere(self, *, pointer: str | None = None, parameter: str | None = None) -> "Forbidden":
        """The same, of another place in the request."""
        faults = [replace(f, pointer=pointer, parameter=parameter) for f in self.faults]
        return Forbidden(self.detail, code=self.own_code, details=self.details, faults=faults)


class NotFound(CrmError):
    """Not there, or not this organization's."""

    status, code, title = 404, "not_found", "Not found"


class ModuleClosed(CrmError):
    """The organization has switched the module off, wholly or for writing.

    Neither a `NotFound` nor a `Conflict`: whoever goes on after those must not go on after this.
    """

    def __init__(self, module: str) -> None:
        super().__init__(self.text.format(module=module), details={"module": module})

    text: ClassVar[str]


class ModuleDisabled(ModuleClosed):
    """As good as not there; its data is kept."""

    status, code, title = 404, "module_disabled", "Module disabled"
    text = "The module {module} is disabled in this organization."


class ModuleReadOnly(ModuleClosed):
    """Nothing of it can be changed."""

    status, code, title = 409, "module_read_only", "Module read-only"
    text = "The module {module} is read-only in this organization."


class Conflict(CrmError):
    """The request does not fit what is stored."""

    status, code, title = 409, "conflict", "Conflict"


class Duplicate(Conflict):
    """A value that must be unique is taken."""

    code, title = "duplicate", "Already exists"


class KeyTaken(Duplicate):
    """Another record has a look-up value that only one may have."""

    what: ClassVar[str]
    place: ClassVar[str]

    def __init__(self) -> None:
        super().__init__(f"Another record has this {self.what}.", faults=[self._fault(self.place)])

    @staticmethod
    def _fault(pointer: str) -> Fault:
        return Fault("duplicate", "taken by another record", pointer=pointer)

    def is_about(self, kind: str) -> bool:
        """Whether a kind of look-up key is what it is about."""
        raise NotImplementedError

    def held_by(self, record_id: UUID, kind: str, value: str) -> None:
        """Say which record it is and which value, once that is known."""
        self.details["record_id"] = str(record_id)
        self.faults = (self._fault(f"{self.place}/{self._name(kind, value)}"),)

    def _name(self, kind: str, value: str) -> str:
        raise NotImplementedError


class ExternalIdTaken(KeyTaken):
    """Another record has this id in another system."""

    code, what, place = "duplicate_external_id", "external id", "/external_ids"

    def is_about(self, kind: str) -> bool:
        """External ids."""
        return kind == "external"

    def _name(self, kind: str, value: str) -> str:
        del kind
        return value.partition(":")[0]


class CustomValueTaken(KeyTaken):
    """Another record has this value of a custom field that is unique."""

    code, what, place = "duplicate_custom_value", "value of a unique custom field", "/custom"

    def is_about(self, kind: str) -> bool:
        """Unique custom fields."""
        return kind.startswith("custom.")

    def _name(self, kind: str, value: str) -> str:
        del value
        return kind.removeprefix("custom.")


class Ambiguous(Conflict):
    """Several records match where one is meant."""

    code, title = "several_matches", "Several records match"


class Erased(Conflict):
    """A person who was erased does not come back unasked."""

    code, title = "person_erased", "The person was erased"

    def __init__(self) -> None:
        super().__init__(
            "This person was erased and stays away, unless they are readmitted "
            "(`POST /v1/erasures/readmit`)."
        )


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


class InProgress(Conflict):
    """The same request is being carried out at this moment."""

    code, title = "in_progress", "Still in progress"

    def __init__(self) -> None:
        detail = "A request with this key is still being carried out."
        fault = Fault("in_progress", detail, header="Idempotency-Key")
        super().__init__(detail, faults=[fault], headers={"Retry-After": "1"})


class Ended(CrmError):
    """Something that was for a time, which is over."""

    status, code, title = 410, "ended", "No longer there"


class Stale(CrmError):
    """The caller's version is not the current one."""

    status, code, title = 412, "stale", "The record has changed"


class TooLarge(CrmError):
    """More bytes than are taken."""

    status, code, title = 413, "too_large", "Too large"


class Unsupported(CrmError):
    """A content type that is not read here."""

    status, code, title = 415, "unsupported_media_type", "Unsupported media type"


class OutOfRange(CrmError):
    """A file has no such bytes."""

    status, code, title = 416, "range_not_satisfiable", "No such range"


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


def need_choice(parameter: str, value: str | None, choices: Sequence[str]) -> None:
    """Raise `Invalid` where a parameter that may be left out is none of these."""
    if value is not None and value not in choices:
        raise Invalid.parameter(parameter, "not_a_choice", f"There are: {', '.join(choices)}.")


class TooMany(CrmError):
    """Over a limit; `Retry-After` says when."""

    status, code, title = 429, "too_many", "Too many requests"


class RateLimited(TooMany):
    """More requests than a quota allows."""

    code = "rate_limited"

    def __init__(
        self, detail: str, *, retry_after_s: int, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail, headers={**(headers or {}), "Retry-After": str(retry_after_s)})


class Unavailable(CrmError):
    """Not now."""

    status, code, title = 503, "unavailable", "Temporarily unavailable"

    def __init__(self, detail: str, *, code: str | None = None, retry_after_s: int = 1) -> None:
        super().__init__(detail, code=code, headers={"Retry-After": str(retry_after_s)})
