"""The fonts that documents are set in: the product's, then those that an operator has added."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from crm_api.kit.documents.coverage import drawn_by
from crm_api.kit.documents.errors import Undrawable
from crm_api.kit.documents.texts import changed

if TYPE_CHECKING:
    from typst import Fonts

OWN = Path(__file__).parent / "typefaces"
_SCRIPTS = Path(str(files("manimgx_fonts")))
_ADDED: list[Path] = []

# Line ends and tabs, and what has no look of its own: joiners, marks of direction, variants, tags.
_UNSEEN = (
    "\t\n\u00ad\u034f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufe00-\ufe0f\ufeff"
    "\U000e0020-\U000e007f\U000e0100-\U000e01ef"
)


def add_from(folder: Path | None) -> None:
    """Have the fonts of a folder, too, from here on; those of the product alone without one."""
    _ADDED[:] = [] if folder is None else [folder]


def folders() -> tuple[Path, ...]:
    """Where the fonts are, in the order in which a character is looked for."""
    return OWN, _SCRIPTS, *_ADDED


def fonts() -> "Fonts":
    """The fonts as the engine takes them."""
    return _fonts(folders())


def families() -> tuple[str, ...]:
    """The names of the fonts, in the order in which a character is looked for."""
    return _families(folders())


def undrawable(text: str) -> list[str]:
    """The characters that no font has, each once."""
    if text.isascii() and text.isprintable():
        return []
    return list(dict.fromkeys(_pattern(tuple(_ADDED)).findall(text)))


def need_drawable(data: object) -> None:
    """Raise `Undrawable` for texts in some JSON that cannot be printed as they are."""
    found = {pointer: bad for pointer, text in _texts(data, "") if (bad := undrawable(text))}
    if found:
        raise Undrawable(found)


def drawable(node: Any) -> Any:
    """Some JSON with a box for each character that no font has, where a text is no reason to fail."""
    return changed(node, lambda text: _pattern(tuple(_ADDED)).sub("\u25a1", text))


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
def _fonts(folders: tuple[Path, ...]) -> "Fonts":
    from typst import Fonts

    return Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[*folders])


@cache
def _families(folders: tuple[Path, ...]) -> tuple[str, ...]:
    # The engine tells them in an order that changes.
    known = {Path(one.path): one.family for one in _fonts(folders).fonts() if one.path}
    ordered = [
        known[path] for folder in folders for path in sorted(known) if path.is_relative_to(folder)
    ]
    return tuple(dict.fromkeys(ordered))


@cache
def _pattern(added: tuple[Path, ...]) -> re.Pattern[str]:
    points: set[int] = set()
    for path in _files(added):
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


def _files(added: tuple[Path, ...]) -> Iterator[Path]:
    for folder in (OWN, _SCRIPTS):
        yield from (path for path in folder.iterdir() if path.suffix in {".otf", ".ttf"})
    if added:
        # What is a font among them the engine knows best; it is not loaded without need.
        yield from {Path(one.path) for one in _fonts(added).fonts() if one.path}
