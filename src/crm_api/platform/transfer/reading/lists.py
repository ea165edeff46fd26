"""Cells that list several things."""

import re
from typing import Final

_BETWEEN: Final = re.compile(r"[;|\n]")


def parts_of(cell: str) -> list[str]:
    """What a cell lists between semicolons, bars or ends of lines."""
    return [part.strip() for part in _BETWEEN.split(cell) if part.strip()]
