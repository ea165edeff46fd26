"""Streams the XML parts of a workbook, none of them held whole."""

import mmap
import tempfile
from array import array
from collections.abc import Callable, Iterator
from typing import Final
from xml.parsers import expat

from crm_api.platform.transfer.reading import limits
from crm_api.platform.transfer.reading.archive import Archive
from crm_api.platform.transfer.reading.cells import unescape
from crm_api.platform.transfer.reading.errors import UnreadableFile

MAX_PART_BYTES: Final = 32 << 20

Attributes = dict[str, str]


class Handlers:
    """What to call at the tags of a part; tags come without their namespace prefix."""

    def __init__(
        self,
        start: Callable[[str, Attributes], None],
        end: Callable[[str], None] | None = None,
        text: Callable[[str], None] | None = None,
    ) -> None:
        self.start = start
        self.end = end
        self.text = text


def read_part(archive: Archive, name: str, handlers: Handlers) -> None:
    """Call the handlers for the whole of a small part."""
    for _ in stream_part(archive, name, handlers, most=MAX_PART_BYTES):
        pass


def stream_part(archive: Archive, name: str, handlers: Handlers, *, most: int) -> Iterator[None]:
    """Call the handlers chunk by chunk, and yield after each."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    # Entities are how a small XML text grows without bound; workbooks never declare any.
    parser.StartDoctypeDeclHandler = _refuse_doctype
    if handlers.text is not None:
        parser.CharacterDataHandler = handlers.text

    def root(tag: str, attributes: Attributes) -> None:
        """Only a part whose root has a prefix pays for taking prefixes off."""
        start, end = handlers.start, handlers.end
        if ":" in tag:
            parser.StartElementHandler = lambda tag, given: start(_local(tag), given)
            parser.EndElementHandler = end and (lambda tag: end(_local(tag)))
        else:
            parser.StartElementHandler = start
            parser.EndElementHandler = end
        start(_local(tag), attributes)

    parser.StartElementHandler = root
    try:
        for chunk in archive.chunks(name, most=most):
            parser.Parse(chunk, False)
            yield
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise UnreadableFile("corrupt_xlsx", "The workbook's XML is damaged.") from error
    yield


def _local(tag: str) -> str:
    return tag.rpartition(":")[2]


def _refuse_doctype(*_: object) -> None:
    raise UnreadableFile("corrupt_xlsx", "The workbook's XML declares a document type.")


class SharedStrings:
    """The workbook's table of strings, kept in a temporary file beside an array of offsets."""

    def __init__(self, archive: Archive, part: str) -> None:
        self._offsets = array("I", [0])
        self._texts: list[str] = []
        self._length = 0
        self._listening = False
        self._in_phonetic = False
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._map: mmap.mmap | None = None
        try:
            if part in archive:
                handlers = Handlers(self._start, self._end, self._text)
                for _ in stream_part(archive, part, handlers, most=limits.MAX_SHEET_BYTES):
                    pass
            if self._offsets[-1]:
                self._file.flush()
                self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        except BaseException:
            self._file.close()
            raise

    def close(self) -> None:
        """Free the temporary file."""
        if self._map is not None:
            self._map.close()
        self._file.close()

    def text(self, index: int) -> str | None:
        """The string at an index, None where there is none."""
        if self._map is None or index + 1 >= len(self._offsets):
            return None
        return self._map[self._offsets[index] : self._offsets[index + 1]].decode(
            errors="surrogateescape"
        )

    def _start(self, tag: str, _: Attributes) -> None:
        if tag == "t":
            self._listening = not self._in_phonetic
        elif tag == "rPh":
            self._in_phonetic = True
        elif tag == "si":
            self._texts = []
            self._length = 0

    def _text(self, text: str) -> None:
        if self._listening and self._length <= limits.MAX_FIELD_CHARS:
            # One character too many stays, so that the row is reported as too large.
            self._texts.append(text[: limits.MAX_FIELD_CHARS + 1 - self._length])
            self._length += len(self._texts[-1])

    def _end(self, tag: str) -> None:
        if tag == "t":
            self._listening = False
        elif tag == "rPh":
            self._in_phonetic = False
        elif tag == "si":
            if len(self._offsets) > limits.MAX_SHARED_STRINGS:
                raise UnreadableFile("file_too_large", "The workbook holds too many strings.")
            stored = unescape("".join(self._texts)).encode(errors="surrogatepass")
            self._file.write(stored)
            self._offsets.append(self._offsets[-1] + len(stored))
