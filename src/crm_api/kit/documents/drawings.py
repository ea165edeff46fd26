"""Drawings whose texts are set as those of documents are, in the same fonts.

What makes charts draws one glyph for one character where it has to look for a font, which only
some scripts can be written with. So it draws the shapes, and the engine of documents the texts.
"""

import cmath
import math
import re
from collections.abc import Mapping
from typing import Any
from xml.parsers import expat

from crm_api.kit.documents.engine import Template, png_now
from crm_api.kit.documents.pictures import Picture
from crm_api.kit.documents.typefaces import drawable

_DRAWING = Template("crm_api.kit.documents", "drawing")
_POINTS_PER_INCH = 72
_TEXT = re.compile(r"<text\b[^>]*(?:/>|>.*?</text>)", re.DOTALL)
_STEP = re.compile(r"(\w+)\(([^)]*)\)")
_ANCHORS: Mapping[str, float] = {"middle": 0.5, "end": 1.0}


def png_of(svg: str, *, scale: int = 1) -> bytes:
    """The PNG of an SVG that the service has made; `scale` is of how many dots a pixel becomes."""
    found = _Texts()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = found.open
    parser.EndElementHandler = found.close
    parser.CharacterDataHandler = found.text
    parser.Parse(svg, True)
    shapes = Picture("svg", _TEXT.sub("", svg).encode())
    data = {"width": found.width, "height": found.height, "texts": drawable(found.texts)}
    return png_now(_DRAWING, data, {"shapes": shapes}, ppi=_POINTS_PER_INCH * scale)


class _Texts:
    """Follows the elements of an SVG and notes where its texts are."""

    def __init__(self) -> None:
        self.width = self.height = 0.0
        self.texts: list[dict[str, Any]] = []
        self._places = [_Place()]
        self._current: dict[str, Any] | None = None

    def open(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._places) == 1:
            self.width, self.height = float(attributes["width"]), float(attributes["height"])
        place = self._places[-1].within(attributes.get("transform", ""))
        self._places.append(place)
        # What would stand over another text is there, and not shown.
        if name == "text" and attributes.get("opacity") != "0":
            self._current = {
                "x": place.origin.real,
                "y": place.origin.imag,
                "angle": math.degrees(cmath.phase(place.factor)),
                "size": float(attributes["font-size"].removesuffix("px")) * abs(place.factor),
                "weight": 600 if attributes.get("font-weight") == "bold" else 400,
                "fill": attributes["fill"],
                "anchor": _ANCHORS.get(attributes.get("text-anchor", ""), 0.0),
                "text": "",
            }

    def text(self, value: str) -> None:
        if self._current is not None:
            self._current["text"] += value

    def close(self, name: str) -> None:
        self._places.pop()
        if name == "text" and self._current is not None:
            self.texts.append(self._current)
            self._current = None


class _Place:
    """Where an element is: moved, turned and grown by complex numbers."""

    def __init__(self, origin: complex = 0, factor: complex = 1) -> None:
        self.origin, self.factor = origin, factor

    def within(self, transform: str) -> "_Place":
        origin, factor = self.origin, self.factor
        for kind, given in _STEP.findall(transform):
            first, *more = map(float, given.split(","))
            if kind == "translate":
                origin += factor * complex(first, *more)
            elif kind == "rotate":
                factor *= cmath.rect(1, math.radians(first))
            elif kind == "scale":
                factor *= first
        return _Place(origin, factor)
