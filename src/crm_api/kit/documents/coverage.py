"""Which characters a font file can draw, read from its `cmap` table."""

import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

_UNICODE = frozenset({(0, 3), (0, 4), (0, 6), (3, 1), (3, 10)})
"""Platform and encoding of the subtables that tell glyphs by Unicode."""


def drawn_by(path: Path) -> set[int]:
    """The code points that a TrueType or OpenType file, or collection, has glyphs for."""
    content = path.read_bytes()
    found: set[int] = set()
    for face in _faces(content):
        table = _table(content, face, b"cmap")
        for place in _subtables(table):
            layout = struct.unpack_from(">H", table, place)[0]
            if layout == 12:
                found.update(_segmented(table, place))
            elif layout == 4:
                found.update(_by_delta(table, place))
    return found


def _faces(font: bytes) -> Sequence[int]:
    """Where the fonts of a file begin; a collection has many."""
    if font[:4] != b"ttcf":
        return (0,)
    count = struct.unpack_from(">L", font, 8)[0]
    return struct.unpack_from(f">{count}L", font, 12)


def _table(font: bytes, face: int, tag: bytes) -> bytes:
    count = struct.unpack_from(">H", font, face + 4)[0]
    for index in range(count):
        name, _, offset, length = struct.unpack_from(">4sLLL", font, face + 12 + 16 * index)
        if name == tag:
            return font[offset : offset + length]
    raise ValueError(f"no table {tag.decode()}")


def _subtables(table: bytes) -> Iterator[int]:
    count = struct.unpack_from(">H", table, 2)[0]
    for index in range(count):
        platform, encoding, offset = struct.unpack_from(">HHL", table, 4 + 8 * index)
        if (platform, encoding) in _UNICODE:
            yield offset


def _segmented(table: bytes, place: int) -> Iterator[int]:
    groups = struct.unpack_from(">L", table, place + 12)[0]
    for index in range(groups):
        first, last, glyph = struct.unpack_from(">LLL", table, place + 16 + 12 * index)
        # Glyph 0 is the one that stands for all that are missing.
        yield from range(first + (glyph == 0), last + 1)


def _by_delta(table: bytes, place: int) -> Iterator[int]:
    doubled = struct.unpack_from(">H", table, place + 6)[0]
    count = doubled // 2
    ends = struct.unpack_from(f">{count}H", table, place + 14)
    starts = struct.unpack_from(f">{count}H", table, place + 16 + doubled)
    deltas = struct.unpack_from(f">{count}H", table, place + 16 + 2 * doubled)
    offsets_at = place + 16 + 3 * doubled
    offsets = struct.unpack_from(f">{count}H", table, offsets_at)
    for index, (first, last) in enumerate(zip(starts, ends, strict=True)):
        for point in range(first, last + 1):
            glyph = point
            if offsets[index]:
                at = offsets_at + 2 * index + offsets[index] + 2 * (point - first)
                glyph = struct.unpack_from(">H", table, at)[0]
                if not glyph:
                    continue
            if (glyph + deltas[index]) & 0xFFFF and point != 0xFFFF:
                yield point
