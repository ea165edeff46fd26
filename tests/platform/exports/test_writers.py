"""The cells of files, by themselves."""

import csv
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal_column

from crm_api.kit.errors import Invalid
from crm_api.kit.query.columns import Column
from crm_api.platform.exports.sheets import XlsxWriter
from crm_api.platform.exports.writers import CsvWriter

TEXTS = st.text(alphabet='ab ;,"\r\n\tä', max_size=6)
CELLS = st.none() | TEXTS | st.integers() | st.decimals(allow_nan=False, allow_infinity=False)


def file_of(kinds: list[str], rows: list[Any], **options: Any) -> str:
    """What the writer makes of rows, without the header."""
    columns = [Column(f"c{n}", kind, literal_column("NULL")) for n, kind in enumerate(kinds)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        writer = CsvWriter(path, columns, **options)
        if rows:
            writer.write(rows)
        writer.close()
        text = path.read_bytes().decode()
    head = options.get("delimiter", ",").join(column.name for column in columns)
    return text.removeprefix(head + "\r\n")


@given(
    rows=st.integers(1, 4).flatmap(lambda n: st.lists(st.tuples(*[CELLS] * n), max_size=6)),
    delimiter=st.sampled_from(",;\t"),
)
def test_lines_are_those_of_the_standard_library(rows, delimiter):
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, delimiter=delimiter).writerows(rows)
        wanted = path.read_bytes().decode()
    kinds = ["uuid"] * (len(rows[0]) if rows else 1)
    assert file_of(kinds, rows, delimiter=delimiter) == wanted


@pytest.mark.parametrize("among", [[], [{"value": 5}]], ids=["alone", "beside what is no text"])
def test_lists_are_their_values_where_they_have_one_each(among):
    for value, shown in (
        (None, ""),
        ([], ""),
        ({}, ""),
        (["a", "b"], "a; b"),
        ([{"value": "a", "kind": "work"}, "b"], "a; b"),
        ([{"city": "Bonn"}], '[{"city":"Bonn"}]'),
        ([["a"]], '[["a"]]'),
        ({"a": 1}, '{"a":1}'),
        (["=1+1"], "'=1+1"),
    ):
        given = [value] if not among else [value, among]
        raw = [None if v is None else msgspec.Raw(msgspec.json.encode(v)) for v in given]
        rows = csv.reader(file_of(["json", "uuid"], [(r, "x") for r in raw]).splitlines())
        assert next(rows) == [shown, "x"]


def sheet_of(kinds: list[str], *stretches: list[Any]) -> list[Any]:
    """The cells of a sheet but for its header, as another program reads them."""
    columns = [Column(f"c{n}", kind, literal_column("NULL")) for n, kind in enumerate(kinds)]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "file.xlsx"
        writer = XlsxWriter(path, columns)
        try:
            for rows in stretches:
                writer.write(rows)
        except Invalid:
            writer.discard()
            assert list(Path(folder).iterdir()) == []
            raise
        writer.close()
        head, *rows = openpyxl.load_workbook(path).active.iter_rows(values_only=True)
        assert [path.name] == [left.name for left in Path(folder).iterdir()]
    assert list(head) == [column.name for column in columns]
    return rows


# What XML takes as it is; a sheet has escapes of its own for the rest.
WORDS = st.text(alphabet="ab &<>\"'=;,ä🙂_", max_size=8)


@given(st.lists(st.tuples(WORDS | st.none(), WORDS), min_size=1, max_size=5))
def test_texts_of_sheets_are_what_they_were(rows):
    assert sheet_of(["text", "uuid"], rows, rows) == [*rows, *rows]


def test_what_looks_like_markup_of_a_sheet_is_text():
    rich = "<r><t>half</r>"
    assert sheet_of(["text"], [(rich,), ("a\nb",)]) == [(rich,), ("a\nb",)]


def test_a_sheet_has_numbers_days_and_booleans_where_that_loses_nothing():
    moment = datetime(2026, 1, 31, 12, tzinfo=UTC)
    rows = [
        ("12.50", date(2026, 1, 31), True, moment, 5, msgspec.Raw(b'["a", "b"]')),
        ("-0.000001", date(1899, 1, 1), False, None, 10**16, None),
        (Decimal("1E+3"), None, None, None, "Total", None),
        ("123456789012345.67", None, None, None, -7, None),
    ]
    kinds = ["amount", "day", "boolean", "instant", "integer", "json"]
    assert sheet_of(kinds, rows) == [
        (12.5, datetime(2026, 1, 31), True, "2026-01-31T12:00:00Z", 5, "a; b"),
        (-0.000001, "1899-01-01", False, None, str(10**16), None),
        (1000, None, None, None, "Total", None),
        ("123456789012345.67", None, None, None, -7, None),
    ]
    assert sheet_of(["day"]) == []


def test_a_sheet_takes_no_longer_texts():
    with pytest.raises(Invalid, match="too long"):
        sheet_of(["text"], [("x" * 32_768,)])
