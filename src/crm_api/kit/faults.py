"""What is wrong with what was sent, as faults with pointers."""

from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from crm_api.kit.errors import CrmError, Fault, Invalid, Malformed
from crm_api.kit.values.errors import BadValue

_PLACES = {"query": "parameter", "header": "header", "path": "parameter"}
_CODES = {
    "missing": "required",
    "extra_forbidden": "unknown_field",
    "string_too_long": "too_long",
    "string_too_short": "too_short",
    "too_long": "too_many",
    "too_short": "too_few",
    "uuid_parsing": "invalid_uuid",
    "literal_error": "not_a_choice",
}


def faults_of(errors: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """The errors of a shape, each with its pointer."""
    return [_fault(error, error["loc"], "pointer") for error in errors]


def invalid_body(errors: Iterable[Mapping[str, Any]]) -> CrmError:
    """The errors of a shape as one `Invalid`."""
    return _all(faults_of(errors))


def invalid_request(errors: Iterable[Mapping[str, Any]]) -> CrmError:
    """The errors of a whole request: body, query, path and headers."""
    found: list[Fault] = []
    for error in errors:
        place, *rest = error["loc"]
        if error["type"] == "json_invalid":
            return Malformed(f"The body is not JSON: {error['ctx']['error']}.")
        if place == "body":
            found.append(_fault(error, rest, "pointer"))
        else:
            found.append(_fault(error, rest, _PLACES.get(str(place), "parameter")))
    return _all(found)


async def together(*checks: Coroutine[Any, Any, object]) -> None:
    """Make all checks, one after the other; raise `Invalid` with what any of them finds."""
    found: list[Fault] = []
    try:
        for check in checks:
            try:
                await check
            except Invalid as wrong:
                found += wrong.faults or [Fault(wrong.own_code, wrong.detail)]
    finally:
        # Those behind one that ends it all are not made any more.
        for check in checks:
            check.close()
    if found:
        raise _all(found)


def _all(found: list[Fault]) -> CrmError:
    if len(found) == 1:
        where = found[0].pointer or found[0].parameter or found[0].header or ""
        return Invalid(f"{where}: {found[0].message}".removeprefix(": "), faults=found)
    return Invalid(f"{len(found)} values are wrong.", faults=found[:100])


def _fault(error: Mapping[str, Any], loc: Iterable[Any], place: str) -> Fault:
    cause = error.get("ctx", {}).get("error")
    code = cause.code if isinstance(cause, BadValue) else _CODES.get(error["type"], "invalid")
    message = str(error["msg"]).removeprefix("Value error, ")
    parts = [str(part) for part in loc if not _is_internal(part)]
    if place == "pointer":
        pointer = "".join("/" + p[:60].replace("~", "~0").replace("/", "~1") for p in parts)
        return Fault(code, message, pointer=pointer)
    return Fault(code, message, **{place: ".".join(parts)[:80]})


def _is_internal(part: Any) -> bool:
    # The validator names the branch of a union or a wrapped function in the path.
    return isinstance(part, str) and (
        "[" in part or "function-" in part or part in {"constrained-str", "constrained-int"}
    )
