"""The fonts that documents are set in; no others are used, wherever documents are made."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from crm_api.kit.documents.coverage import drawn_by
from crm_api.kit.documents.errors import Undrawable

if TYPE_CHECKING:
    from typst import Fonts

FOLDER = Path(__file__).parent / "typefaces"
FAMILIES = ("Inter", "Noto Sans CJK SC")
"""In the order in which a character is looked for."""

# Line ends and tabs, and what has no look of its own: joiners, marks of direction, variants.
_UNSEEN = "\t\n\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"


@cache
def fonts() -> "Fonts":
    """The fonts as the engine takes them."""
    from typst import Fonts

    return Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[FOLDER])


def undrawable(text: str) -> list[str]:
    """The characters that no font has, each once."""
    if text.isascii() and text.isprintable():
        return []
    return list(dict.fromkeys(_pattern().findall(text)))


def need_drawable(data: object) -> None:
    """Raise `Undrawable` for texts in some JSON that cannot be printed as they are."""
    found = {pointer: bad for pointer, text in _texts(data, "") if (bad := undrawable(text))}
    if found:
        raise Undrawable(found)


def drawable(node: Any) -> Any:
    """Some JSON with a box for each character that no font has, where a text is no reason to fail."""
    if isinstance(node, str):
        return _pattern().sub("\u25a1", node) if undrawable(node) else node
    if isinstance(node, Mapping):
        return {key: drawable(inner) for key, inner in cast("Mapping[str, Any]", node).items()}
    if isinstance(node, list | tuple):
        return [drawable(inner) for inner in cast("list[Any]", node)]
    return node


def _texts(node: object, pointer: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, str):
        yield pointer, node
    elif isinstance(node, Mapping):
        for key, inner in cast("Mapping[str, object]", node).items():
            yield from _texts(inner, f"{pointer}/{key}")
    elif isinstance(node, list | tuple):
        for index, inner in enumerate(cast("list[object]", node)):
            yield from _texts(inner, f"{pointer}/{index}")


@cache
def _pattern() -> re.Pattern[str]:
    points: set[int] = set()
    for path in FOLDER.glob("*.otf"):
        points |= drawn_by(path)
    ordered = sorted(points)
    parts: list[str] = []
    first = last = ordered[0]
    for point in [*ordered[1:], -1]:
        if point == last + 1:
            last = point
            continue
        parts.append(f"{re.escape(chr(first))}-{re.escape(chr(last))}")
        first = last = point
    return re.compile(f"[^{_UNSEEN}{''.join(parts)}]")
