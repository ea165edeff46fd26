"""Streams the rows of an XLSX sheet as text cells.

Readers that build a sheet as one grid, calamine among them, ask for rows times columns at once:
a file of a few kilobytes with two cells in far corners makes them abort the process. Here a row
lives only until it is yielded.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple, Self

from crm_api.platform.transfer.reading import limits
from crm_api.platform.transfer.reading.archive import Archive
from crm_api.platform.transfer.reading.cells import (
    Digits,
    Style,
    format_style,
    number_text,
    unescape,
)
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.parts import (
    Attributes,
    Handlers,
    SharedStrings,
    read_part,
    stream_part,
)

_DIGITS: Final = "0123456789"
_ROW: Final = re.compile(rb"<(?:[\w.-]+:)?row[\s/>]")
_LONGEST_TAG: Final = 40


class Unread(str):
    """A cell without a value: the error that it shows, or `=` of a formula never worked out."""

    __slots__ = ()


class SheetRow(NamedTuple):
    """The cells of one row, none of them when they are too large together."""

    cells: list[str | None]
    is_too_large: bool


class Workbook:
    """The visible sheets of an XLSX file, each read as a stream of rows."""

    def __init__(self, path: Path) -> None:
        self._archive = Archive(path)
        try:
            self._main = self._main_part()
            self._sheets: dict[str, str] = {}
            self._from_1904 = False
            self._read_main()
        except UnreadableFile:
            self._archive.close()
            raise
        self._shared: SharedStrings | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()
        if self._shared is not None:
            self._shared.close()

    @property
    def sheet_names(self) -> list[str]:
        """The visible worksheets, in the order of their tabs."""
        return list(self._sheets)

    def rows(self, sheet: str) -> Iterator[SheetRow]:
        """The rows of a sheet from the top; rows that are not in the file are not yielded."""
        if sheet not in self._sheets:
            raise UnreadableFile("corrupt_xlsx", f"The workbook has no sheet {sheet!r}.")
        if self._shared is None:
            self._shared = SharedStrings(self._archive, self._beside_main("sharedStrings.xml"))
        handlers = _SheetHandlers(self._styles(), from_1904=self._from_1904)
        part = self._sheets[sheet]
        for _ in stream_part(self._archive, part, handlers, most=limits.MAX_SHEET_BYTES):
            for cells in handlers.ready:
                yield _resolved(cells, self._shared)
            handlers.ready.clear()

    def rows_at_most(self, sheet: str) -> int:
        """How many rows a sheet has, blank ones too, without reading what they hold."""
        found, before = 0, b""
        for chunk in self._archive.chunks(self._sheets[sheet], most=limits.MAX_SHEET_BYTES):
            # A tag may stand across two chunks; it is counted once, where it is whole.
            text = before + chunk
            found += sum(1 for hit in _ROW.finditer(text) if hit.end() > len(before))
            before = text[-_LONGEST_TAG:]
        return found

    def _main_part(self) -> str:
        relations = _relations(self._archive, "", "_rels/.rels")
        for kind, target in relations.values():
            if kind.endswith("/officeDocument") and target in self._archive:
                if target.endswith((".bin", "document.xml", "presentation.xml")):
                    break
                return target
        raise UnreadableFile("unsupported_format", "The zip file holds no XLSX workbook.")

    def _beside_main(self, name: str) -> str:
        return f"{self._main.rpartition('/')[0]}/{name}".lstrip("/")

    def _read_main(self) -> None:
        folder, _, name = self._main.rpartition("/")
        relations = _relations(self._archive, folder, f"{folder}/_rels/{name}.rels".lstrip("/"))

        def start(tag: str, attributes: Attributes) -> None:
            if tag == "workbookPr":
                self._from_1904 = attributes.get("date1904") in ("1", "true")
            elif tag == "sheet" and attributes.get("state", "visible") == "visible":
                relation = next((v for k, v in attributes.items() if k.endswith(":id")), "")
                kind, target = relations.get(relation, ("", ""))
                if kind.endswith("/worksheet") and target in self._archive:
                    self._sheets[attributes.get("name", target)] = target

        read_part(self._archive, self._main, Handlers(start))

    def _styles(self) -> list[Style | Digits]:
        part = self._beside_main("styles.xml")
        codes: dict[int, str] = {}
        styles: list[Style | Digits] = []
        inside = False

        def start(tag: str, attributes: Attributes) -> None:
            nonlocal inside
            if tag == "numFmt":
                codes[_whole(attributes.get("numFmtId"))] = attributes.get("formatCode", "")
            elif tag == "cellXfs":
                inside = True
            elif tag == "xf" and inside:
                number = _whole(attributes.get("numFmtId"))
                styles.append(format_style(number, codes.get(number)))

        def end(tag: str) -> None:
            nonlocal inside
            inside = inside and tag != "cellXfs"

        if part in self._archive:
            read_part(self._archive, part, Handlers(start, end))
        return styles


def _resolved(stored: "list[str | int | None]", shared: SharedStrings) -> SheetRow:
    """The row with its shared strings, looked up only now: many rows may share a huge one."""
    cells: list[str | None] = []
    chars = 0
    for item in stored:
        value = shared.text(item) if isinstance(item, int) else item
        if value and not isinstance(value, Unread):
            value = value.strip()
        chars += len(value) if value else 0
        if chars > limits.MAX_ROW_CHARS:
            return SheetRow([], is_too_large=True)
        cells.append(value or None)
    return SheetRow(cells, is_too_large=False)


def _whole(text: str | None) -> int:
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _relations(archive: Archive, folder: str, part: str) -> dict[str, tuple[str, str]]:
    """Kind and target of each relation by its id, targets as names in the archive."""
    relations: dict[str, tuple[str, str]] = {}

    def start(tag: str, attributes: Attributes) -> None:
        if tag == "Relationship":
            target = attributes.get("Target", "").replace("\\", "/")
            if target.startswith("/") or not folder:
                name = target.lstrip("/")
            else:
                name = f"{folder}/{target}"
            relations[attributes.get("Id", "")] = (attributes.get("Type", ""), name)

    if part in archive:
        read_part(archive, part, Handlers(start))
    return relations


class _SheetHandlers(Handlers):
    """Gathers whole rows into `ready` while the sheet's XML streams by."""

    def __init__(self, styles: list[Style | Digits], *, from_1904: bool) -> None:
        super().__init__(self._start, self._end, self._text)
        self.ready: list[list[str | int | None]] = []
        self._styles = styles
        self._from_1904 = from_1904
        self._columns: dict[str, int] = {}
        self._cells: list[str | int | None] = []
        self._column = -1
        self._kind = "n"
        self._style: Style | Digits = Style.NUMBER
        self._texts: list[str] = []
        self._length = 0
        self._listening = False
        self._in_phonetic = False
        self._is_unworked = False

    def _start(self, tag: str, attributes: Attributes) -> None:
        if tag == "c":
            self._start_cell(attributes)
        elif tag in ("v", "t"):
            self._listening = not self._in_phonetic
            # An empty text is what some formulas come to.
            self._is_unworked = self._is_unworked and self._kind != "str"
        elif tag == "f":
            self._is_unworked = True
        elif tag == "rPh":
            self._in_phonetic = True
        elif tag == "row":
            self._cells = []
            self._column = -1

    def _start_cell(self, attributes: Attributes) -> None:
        reference = attributes.get("r")
        self._column = self._column_of(reference) if reference else self._column + 1
        self._kind = attributes.get("t", "n")
        self._is_unworked = False
        style = attributes.get("s")
        self._style = Style.NUMBER
        if style and self._styles:
            index = _whole(style)
            self._style = self._styles[index] if index < len(self._styles) else Style.NUMBER
        self._texts = []
        self._length = 0

    def _column_of(self, reference: str) -> int:
        letters = reference.rstrip(_DIGITS)
        column = self._columns.get(letters)
        if column is None:
            column = _column_index(letters)
            if len(self._columns) < 20_000:
                self._columns[letters] = column
        return column

    def _text(self, text: str) -> None:
        if self._listening and self._length <= limits.MAX_FIELD_CHARS:
            # One character too many stays, so that the row is reported as too large.
            self._texts.append(text[: limits.MAX_FIELD_CHARS + 1 - self._length])
            self._length += len(text)

    def _end(self, tag: str) -> None:
        if tag in ("v", "t"):
            self._listening = False
        elif tag == "c":
            if self._texts:
                self._put(self._value("".join(self._texts)))
            elif self._is_unworked:
                self._put(Unread("="))
        elif tag == "rPh":
            self._in_phonetic = False
        elif tag == "row" and self._cells:
            self.ready.append(self._cells)
            self._cells = []

    def _value(self, text: str) -> str | int | None:
        match self._kind:
            case "s":
                return _whole(text.strip())
            case "n":
                return number_text(text, self._style, from_1904=self._from_1904)
            case "b":
                return "true" if text.strip() in ("1", "true") else "false"
            case "e":
                return Unread(text)
            case _:
                return unescape(text)

    def _put(self, value: str | int | None) -> None:
        if value is None or value == "":
            return
        # One cell beyond the limit is enough to know that there are too many.
        column = min(self._column, limits.MAX_COLUMNS)
        missing = column - len(self._cells)
        if missing >= 0:
            self._cells.extend([None] * (missing + 1))
        self._cells[column] = value


def _column_index(letters: str) -> int:
    index = 0
    for letter in letters[:4].upper():
        index = index * 26 + ord(letter) - 64
    return max(0, index - 1)
