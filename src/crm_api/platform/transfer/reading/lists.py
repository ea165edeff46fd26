"""Cells that list several things."""

import json
import re
from typing import Final, cast

_BETWEEN: Final = re.compile(r"[;|\n]")
# `+49-30-23125;ext=12` is one number (RFC 3966).
_BETWEEN_POINTS: Final = re.compile(r"[;|\n](?!\s*ext=)")


def parts_of(cell: str) -> list[str]:
    """What a cell lists between semicolons, bars or ends of lines."""
    return [part.strip() for part in _BETWEEN.split(cell) if part.strip()]


def points_in(cell: str) -> list[str]:
    """The addresses or numbers that a cell lists, also in the JSON that exports make of them."""
    if (found := _in_json(cell)) is not None:
        return found
    if not _BETWEEN_POINTS.search(cell):
        return [cell]
    return [part.strip() for part in _BETWEEN_POINTS.split(cell) if part.strip()]


def tags_in(cell: str) -> list[str]:
    """The tags of a cell, between commas or semicolons, or as a JSON list."""
    if (found := _in_json(cell)) is not None:
        return found
    return [tag.strip() for tag in cell.replace(";", ",").split(",") if tag.strip()]


def _in_json(cell: str) -> list[str] | None:
    """The texts of a JSON list, or the values of what it holds; None where it is none of such."""
    if not cell.startswith("["):
        return None
    try:
        items = cast("list[object]", json.loads(cell))
    except (ValueError, RecursionError):
        return None
    found: list[str] = []
    for item in items:
        value = cast("dict[str, object]", item).get("value") if isinstance(item, dict) else item
        if not isinstance(value, str):
            return None
        found.append(value.strip())
    return [value for value in found if value]
