"""Pictures that come into documents: looked at before the engine sees them."""

import re
import struct
from dataclasses import dataclass
from typing import Literal
from xml.parsers import expat

from crm_api.kit.documents.errors import BadPicture

MAX_BYTES = 1_000_000
MAX_DRAWING_BYTES = 256_000
MAX_PIXELS = 8_000_000
"""A picture is unpacked to four bytes for each of them."""
_MAX_ELEMENTS, _MAX_DEPTH = 5_000, 30
_SVG = "http://www.w3.org/2000/svg"

Kind = Literal["png", "jpg", "svg"]

# Nothing that loads, runs, repeats or blurs: those reach out, or take time and memory without end.
# No text either: it would be drawn by other fonts than were meant.
_SHAPES = frozenset({"path", "rect", "circle", "ellipse", "line", "polyline", "polygon"})
_AROUND = frozenset({"svg", "g", "defs", "clipPath", "title", "desc", "metadata", "style"})
_DRAWN = _SHAPES | _AROUND | {"linearGradient", "radialGradient", "stop"}
_REACHING_OUT = re.compile(r"@import|\\|url\((?!\s*['\"]?\s*#)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG, a JPEG or an SVG of bounded size."""

    kind: Kind
    content: bytes


def picture(content: bytes, pointer: str = "/logo") -> Picture:
    """A picture that may be printed; raises `BadPicture`, which says what is wrong where."""
    try:
        if content.startswith(b"\x89PNG\r\n\x1a\n"):
            _need_size(content, MAX_BYTES)
            _need_pixels(*_png_size(content))
            return Picture("png", content)
        if content.startswith(b"\xff\xd8\xff"):
            _need_size(content, MAX_BYTES)
            _need_pixels(*_jpeg_size(content))
            return Picture("jpg", content)
        if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            _need_size(content, MAX_DRAWING_BYTES)
            _need_plain_drawing(content)
            return Picture("svg", content)
    except _Wrong as wrong:
        raise BadPicture(str(wrong), pointer) from None
    raise BadPicture("is no PNG, JPEG or SVG", pointer)


class _Wrong(Exception):
    pass


def _need_size(content: bytes, most: int) -> None:
    if len(content) > most:
        raise _Wrong(f"has more than {most:,} bytes")


def _need_pixels(width: int, height: int) -> None:
    if not width or not height:
        raise _Wrong("is empty")
    if width * height > MAX_PIXELS:
        raise _Wrong(f"has more than {MAX_PIXELS:,} pixels")


def _png_size(content: bytes) -> tuple[int, int]:
    if len(content) < 24 or content[12:16] != b"IHDR":
        raise _Wrong("is no whole PNG")
    return struct.unpack(">LL", content[16:24])


def _jpeg_size(content: bytes) -> tuple[int, int]:
    place = 2
    while place + 9 <= len(content) and content[place] == 0xFF:
        marker, length = content[place + 1], struct.unpack_from(">H", content, place + 2)[0]
        # Start of frame, in any coding; the three others of the range are tables.
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack_from(">HH", content, place + 5)
            return width, height
        place += 2 + length
    raise _Wrong("is no whole JPEG")


class _Drawing:
    """Follows the elements of an SVG and stops at the first that is not taken."""

    def __init__(self) -> None:
        self.depth = self.count = 0
        self.styling = False

    def open(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        if not self.count and (namespace, local) != (_SVG, "svg"):
            raise _Wrong("is no SVG")
        self.count += 1
        self.depth += 1
        if self.count > _MAX_ELEMENTS or self.depth > _MAX_DEPTH:
            raise _Wrong("has too many elements")
        if namespace != _SVG:
            return
        if local not in _DRAWN:
            raise _Wrong(f"has the element <{local[:40]}>, which is not taken")
        self.styling = local == "style"
        for key, value in attributes.items():
            if key.rpartition(" ")[2] == "href" and not value.startswith("#"):
                raise _Wrong("refers to something outside")
            self.text(value)

    def close(self, _name: str) -> None:
        self.depth -= 1
        self.styling = False

    def text(self, value: str) -> None:
        if _REACHING_OUT.search(value):
            raise _Wrong("refers to something outside")


def _need_plain_drawing(content: bytes) -> None:
    parser = expat.ParserCreate(encoding="utf-8", namespace_separator=" ")
    # One piece per text, so that nothing hides between two.
    parser.buffer_text = True
    parser.buffer_size = MAX_DRAWING_BYTES
    drawing = _Drawing()
    parser.StartElementHandler = drawing.open
    parser.EndElementHandler = drawing.close
    parser.CharacterDataHandler = drawing.text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.ProcessingInstructionHandler = _refuse_instruction
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        raise _Wrong(f"is no well-formed SVG ({error})") from None


def _refuse_doctype(*_: object) -> None:
    raise _Wrong("declares a document type")


def _refuse_instruction(*_: object) -> None:
    raise _Wrong("has a processing instruction")
