"""The cells of files, by themselves."""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal_column

from crm_api.kit.query.columns import Column
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
