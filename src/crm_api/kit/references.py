"""What `{"$ref": "name.field"}` stands for, wherever it may stand in a value."""

import re
from collections.abc import Callable, Iterator
from typing import Any, cast

_PLACE = re.compile(r"[0-9]{1,4}")
Found = Callable[[str, str], Any]
"""The value of a path, for the pointer at which it stands; raises `Invalid`."""


def reference_of(value: Any) -> Any:
    """What `$ref` names, or None where a value is no reference."""
    if isinstance(value, dict) and "$ref" in value:
        return cast("dict[str, Any]", value)["$ref"]
    return None


def references(value: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """The pointers of all references in a value, and what they name."""
    named = reference_of(value)
    if named is not None:
        yield pointer, value
    else:
        for key, inner in _parts(value):
            yield from references(inner, f"{pointer}/{key}")


def resolved(value: Any, found: Found, pointer: str = "") -> Any:
    """A value in which every reference is replaced by what it stands for."""
    if reference_of(value) is not None:
        return found(value["$ref"], pointer)
    if isinstance(value, dict):
        return {
            key: resolved(inner, found, f"{pointer}/{key}")
            for key, inner in cast("dict[str, Any]", value).items()
        }
    if isinstance(value, list):
        items = cast("list[Any]", value)
        return [resolved(inner, found, f"{pointer}/{n}") for n, inner in enumerate(items)]
    return value


def value_at(record: Any, path: str) -> Any:
    """The value at a path such as `emails.0.value`; raises `KeyError`."""
    here: Any = record
    for part in path.split("."):
        items = cast("list[Any]", here) if isinstance(here, list) else []
        if _PLACE.fullmatch(part) and int(part) < len(items):
            here = items[int(part)]
        elif isinstance(here, dict) and part in here:
            here = cast("dict[str, Any]", here)[part]
        else:
            raise KeyError(path)
    return here


def _parts(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict):
        yield from cast("dict[str, Any]", value).items()
    elif isinstance(value, list):
        yield from enumerate(cast("list[Any]", value))
