"""Tells a text file's encoding and opens it so that a bad byte spoils one row only."""

import codecs
import io
import re
from pathlib import Path
from typing import IO, Final

from crm_api.platform.transfer.reading.errors import UnreadableFile

SAMPLE_BYTES: Final = 64 * 1024
_MIDDLE_SAMPLES: Final = 8

_UTF16: Final = frozenset({"utf-16-le", "utf-16-be"})
_SINGLE_BYTE: Final = re.compile(
    r"ascii|cp125\d|cp866|iso8859-\d+|koi8-[ru]|mac-(roman|cyrillic|latin2)"
)
_CONTROLS: Final = bytes(c for c in range(32) if c not in b"\t\n\r\x0b\x0c\x1a")

# Words of Latin letters and of the bytes that cp1251 uses for Russian and Ukrainian letters.
_WORD: Final = re.compile(rb"[A-Za-z\xa5\xa8\xaa\xaf\xb2\xb3\xb4\xb8\xba\xbf\xc0-\xff]+")
_ASCII_LETTER: Final = re.compile(rb"[A-Za-z]")
_HIGH_LETTERS: Final = re.compile(rb"[\xc0-\xff]")
_UNDEFINED_IN_CP1252: Final = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")

_BEYOND_ASCII: Final = re.compile(rb"[\x80-\xff]")
_ESCAPED_BYTE: Final = re.compile("[\ud800-\udfff]")
_REPLACED: Final = re.compile("\ufffd")


def open_text(path: Path, encoding: str) -> io.TextIOWrapper:
    """A text stream past any byte order mark, with line ends kept and bad bytes marked."""
    raw = path.open("rb")
    if encoding in _UTF16:
        _skip_utf16_mark(raw)
    errors = "replace" if encoding in _UTF16 else "surrogateescape"
    return io.TextIOWrapper(raw, encoding=encoding, errors=errors, newline="")


def _skip_utf16_mark(raw: IO[bytes]) -> None:
    if raw.read(2) not in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        raw.seek(0)


def bad_character(encoding: str) -> re.Pattern[str]:
    """Finds what `open_text` puts in the place of bytes that are not text."""
    return _REPLACED if encoding in _UTF16 else _ESCAPED_BYTE


def detect_encoding(path: Path, wished: str | None = None) -> str:
    """The encoding by byte order mark, by strict UTF-8, then by the shape of words."""
    samples = _samples(path)
    if wished is not None:
        return _checked(samples, wished)
    marked = _by_mark(samples[0])
    if marked is not None:
        return marked
    unmarked = _utf16_by_nul(samples[0])
    if unmarked is not None:
        return unmarked
    _refuse_binary(samples)
    if all(_is_utf8(sample) for sample in samples):
        return "utf-8"
    return _single_byte(b"\n".join(samples))


def _samples(path: Path) -> list[bytes]:
    size = path.stat().st_size
    with path.open("rb") as file:
        if size <= SAMPLE_BYTES * (_MIDDLE_SAMPLES + 2):
            return [file.read()]
        samples = [file.read(SAMPLE_BYTES)]
        step = (size - SAMPLE_BYTES) // (_MIDDLE_SAMPLES + 1)
        for index in range(1, _MIDDLE_SAMPLES + 2):
            file.seek(index * step)
            samples.append(_whole_lines(file.read(SAMPLE_BYTES)))
        if all(sample.isascii() for sample in samples):
            samples.append(_first_beyond_ascii(file))
    return samples


def _whole_lines(sample: bytes) -> bytes:
    """The sample without its cut first and last lines, so no letter is cut in two."""
    start, end = sample.find(b"\n"), sample.rfind(b"\n")
    return sample[start + 1 : end] if end > start else sample.lstrip(bytes(range(0x80, 0xC0)))


def _first_beyond_ascii(file: IO[bytes]) -> bytes:
    """The lines around the first byte beyond ASCII; a rare accent may sit between the samples."""
    file.seek(0)
    before = b""
    while chunk := file.read(1 << 20):
        if found := _BEYOND_ASCII.search(chunk):
            at = found.start()
            return _whole_lines(b"\n" + before[-200:] + chunk[at - min(at, 200) :][:SAMPLE_BYTES])
        before = chunk
    return b""


def _checked(samples: list[bytes], wished: str) -> str:
    try:
        name = codecs.lookup(wished).name
    except (LookupError, ValueError):
        name = ""
    head = samples[0]
    marked = _by_mark(head)
    if name == "utf-16":
        name = marked if marked in _UTF16 else _utf16_by_nul(head) or ""
    if name in ("utf-8", "utf-8-sig"):
        name = "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"
        fits = marked in (None, "utf-8-sig") and all(_is_utf8(sample) for sample in samples)
    elif name in _UTF16:
        fits = marked in (None, name) and _decodes_as(head, name)
    else:
        fits = marked is None and _SINGLE_BYTE.fullmatch(name) is not None
        fits = fits and b"\x00\x00" not in head and _utf16_by_nul(head) is None
    if not fits:
        raise UnreadableFile("encoding_mismatch", f"The file is not text in {wished!r}.")
    return name


def _by_mark(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise UnreadableFile("unsupported_format", "UTF-32 is not supported; save as UTF-8.")
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    return None


def _utf16_by_nul(head: bytes) -> str | None:
    """Every other byte of European UTF-16 is NUL, or 4 for Cyrillic."""
    even, odd = head[0::2], head[1::2]
    for name, high, low in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        upper = high.count(0) + high.count(4)
        if high.count(0) and upper >= 0.7 * len(high) and low.count(0) <= 0.05 * len(low):
            return name if _decodes_as(head, name) else None
    return None


def _decodes_as(head: bytes, name: str) -> bool:
    text = head.decode(name, errors="replace")
    odd = sum(map(text.count, ("\ufffd", "\x00")))
    plain = sum(1 for letter in text if letter < "\x80")
    return odd <= max(2, 0.02 * len(text)) and plain >= 0.02 * len(text)


def _refuse_binary(samples: list[bytes]) -> None:
    joined = b"".join(samples)
    controls = len(joined) - len(joined.translate(None, _CONTROLS))
    if controls > max(4, 0.02 * len(joined)):
        raise UnreadableFile("not_a_table", "The file holds binary data, not a table.")


def _is_utf8(sample: bytes) -> bool:
    """Strictly UTF-8, or so nearly that the few bad bytes are damage to single rows."""
    if sample.isascii():
        return True
    text = sample.decode("utf-8", errors="surrogateescape")
    bad = len(_ESCAPED_BYTE.findall(text))
    good = sum(1 for letter in text if letter > "\x7f") - bad
    return bad == 0 or good >= 10 * bad


def _single_byte(sample: bytes) -> str:
    """Russian words are wholly high bytes; in German or French words they stand among ASCII."""
    cyrillic = latin = 0
    for word in _WORD.findall(sample):
        high = len(_HIGH_LETTERS.findall(word))
        if not high:
            continue
        if _ASCII_LETTER.search(word):
            latin += high
        elif len(word) > 1:
            cyrillic += high
    if cyrillic > latin:
        return "cp1251"
    return "latin-1" if _UNDEFINED_IN_CP1252.search(sample) else "cp1252"
