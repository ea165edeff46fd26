import csv
import io
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from crm_api.kit.values.formulas import original
from crm_api.platform.transfer.reading.detect import FileFormat, detect
from crm_api.platform.transfer.reading.rows import count_rows, read_rows


def codes(rows):
    return [row.error[0] if row.error else None for row in rows]


def test_ragged_rows(read):
    _, rows = read("a,b,c\n1,2\n1,2,3,,\n1,2,3,4\n5,6,7\n")
    assert codes(rows) == [None, None, "ragged_row", None]
    assert [row.values for row in rows] == [
        ["1", "2", None],
        ["1", "2", "3"],
        ["1", "2", "3"],
        ["5", "6", "7"],
    ]


def test_blank_rows_have_no_number(read):
    _, rows = read("\na,b\n\nx,y\n  ,\n\t\n,,,\nz,\n\n")
    assert [(row.number, row.values) for row in rows] == [(1, ["x", "y"]), (2, ["z", None])]


def test_bad_bytes_spoil_one_row(read):
    good = "Jürgen,Köln\n".encode() * 20
    fmt, rows = read(b"name,city\n" + good + b"J\xfcrgen,Rome\n" + good)
    assert fmt.encoding == "utf-8"
    assert codes(rows) == [None] * 20 + ["invalid_encoding"] + [None] * 20
    assert rows[20].values == ["J\ufffdrgen", "Rome"]


def test_bad_utf16_spoils_one_row(read):
    text = "name,city\nÄnne,Rome\nB\ud800b,Bonn\nEve,Oslo\n"
    _, rows = read(text.encode("utf-16-le", "surrogatepass"), encoding="utf-16-le")
    assert codes(rows) == [None, "invalid_encoding", None]


def test_byte_undefined_in_cp1252(read):
    _, rows = read(b"name,city\nM\xfcller,K\xf6ln\nx\x81y,Rome\n", encoding="cp1252")
    assert codes(rows) == [None, "invalid_encoding"]


def test_nul_is_a_control_character(read):
    _, rows = read("name,city\nA\0nn,Rome\nBob,Bonn\n")
    assert codes(rows) == ["control_character", None]
    assert rows[0].values == ["A\ufffdnn", "Rome"]


def test_large_field_and_large_row(read):
    fields = ",".join(["y" * 90_000] * 12)
    text = f"a,b\n1,{'x' * 100_001}\n2,{'x' * 100_000}\n{fields}\n{'z' * 2_500_000},1\n3,4\n"
    _, rows = read(text)
    assert codes(rows) == ["row_too_large", None, "row_too_large", "row_too_large", None]
    assert rows[-1].values == ["3", "4"]
    assert all(len(value or "") <= 100_000 for row in rows for value in row.values)


def test_quoted_newlines(read):
    _, rows = read('name,note\n"Ann","one\ntwo\r\n\nthree"\nBob,"said ""hi"""\n')
    assert [row.values for row in rows] == [["Ann", "one\ntwo\r\n\nthree"], ["Bob", 'said "hi"']]
    assert codes(rows) == [None, None]


def test_unclosed_quote_spoils_one_row(read):
    rest = "".join(f"{i},x\n" for i in range(3000))
    _, rows = read(f'id,note\nA,"never closed\n{rest}')
    assert len(rows) == 3001
    assert codes(rows)[:2] == ["unclosed_quote", None]
    assert rows[0].values == ["A", "never closed"]
    assert rows[-1].values == ["2999", "x"]


def test_unclosed_quote_near_the_end(read):
    _, rows = read('id,note\n1,x\n2,"never closed\n3,y\n4,z')
    assert codes(rows) == [None, "unclosed_quote", None, None]


def test_unclosed_quote_before_a_quoted_row(read):
    _, rows = read('id,note\n1,"never closed\n2,"fine"\n3,"also fine"\n')
    assert codes(rows) == ["unclosed_quote", None, None]
    assert rows[1].values == ["2", "fine"]


def test_stray_quotes_within_a_line_are_harmless(read):
    _, rows = read('id,note\n1,"a" b\n2,5" pipe\n3,"x" "y"\n')
    assert codes(rows) == [None, None, None]
    assert rows[1].values == ["2", '5" pipe']


def test_a_long_line_inside_an_open_quote(read):
    _, rows = read(f'a,b\n1,"open\n2,x\n{"z" * 1_500_000}\n3,y\n')
    assert codes(rows) == ["unclosed_quote", None, "row_too_large", None]
    assert rows[-1].values == ["3", "y"]


def test_many_open_quotes_take_linear_time(write):
    path = write("a,b\n" + 'a","\n' * 20_000)
    fmt = FileFormat("csv", "utf-8", ",", '"', True, None, ("a", "b"))
    started = time.process_time()
    assert sum(1 for _ in read_rows(path, fmt)) > 0
    assert time.process_time() - started < 20


def test_a_header_alone_in_error_is_no_header(write):
    path = write(b"a,b\0\n")
    fmt = FileFormat("csv", "utf-8", ",", '"', True, None, ("a", "b"))
    assert list(read_rows(path, fmt)) == []


def test_resume_gives_the_same_rows(read, write):
    text = "\n\na,b\n" + "".join(f'{i},"x\n{i}"\n\n' if i % 3 else f"{i},y,z\n" for i in range(500))
    path = write(text)
    fmt = detect(path, None)
    rows = list(read_rows(path, fmt))
    assert [row.number for row in rows] == list(range(1, 501))
    for start in (1, 2, 77, 500, 501):
        assert list(read_rows(path, fmt, start_row=start)) == rows[start - 1 :]


ENCODINGS = ("utf-8", "utf-8-sig", "utf-16-le", "cp1251")


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4",
        "\n\na,b\r\n\r\n1,2\r\n ,\t\r\n3,4\r\n\r\n",
        "sep=,\na,b\n1,2\n,,,\n",
        'a,b\n1,"x\ny"\n2,z\n',
        "a,b\n" + f"{'x' * 40},2\n\n" * 30_000,
        "a\0,b\n1,2\n3,4\n",
        "a,b\n" + "x" * 1_200_000 + "\n3,4\n",
    ],
)
def test_count_is_what_is_read(write, text, encoding):
    path = write(text.encode(encoding))
    fmt = detect(path, None, encoding=encoding)
    assert count_rows(path, fmt) == sum(1 for _ in read_rows(path, fmt))


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet='ab,;"\n\r \té', max_size=60))
@example(text='a\n"b\r"')
def test_any_text_is_read_and_counted(write, text):
    path = write(text)
    fmt = FileFormat("csv", "utf-8", ",", '"', False, None, ("a", "b"))
    rows = list(read_rows(path, fmt))
    assert count_rows(path, fmt) == len(rows)
    assert [row.number for row in rows] == list(range(1, len(rows) + 1))
    assert all(len(row.values) == 2 for row in rows)


CELL = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.lists(st.tuples(CELL, CELL), max_size=8))
@example(table=[("", "'@")])
def test_what_the_csv_module_writes_comes_back(write, table):
    out = io.StringIO(newline="")
    csv.writer(out, quoting=csv.QUOTE_ALL).writerows(table)
    path = write(out.getvalue().removeprefix("\ufeff"))
    fmt = FileFormat("csv", "utf-8", ",", '"', False, None, ("a", "b"))
    # A quote that keeps a spreadsheet from running a cell is no part of it.
    expected = [[original(cell.strip()) or None for cell in row] for row in table]
    assert [row.values for row in read_rows(path, fmt)] == [row for row in expected if any(row)]


def test_memory_stays_flat(tmp_path):
    path = tmp_path / "large.csv"
    filler = "for her and all her examples, " * 9
    with path.open("w") as file:
        file.write("name,email,city,note\n")
        for i in range(60_000):
            file.write(f'Ann Example {i},ann{i}@example.com,Rome,"a note, number {i}, {filler}"\n')
    assert path.stat().st_size > 19_000_000
    tracemalloc.start()
    try:
        fmt = detect(path, None)
        assert sum(1 for _ in read_rows(path, fmt)) == count_rows(path, fmt) == 60_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12_000_000


def test_ndjson(read):
    fmt, rows = read(
        '{"name": "Ann", "age": 41, "tags": ["a", {"b": 1.5}], "ok": true}\n'
        "\n"
        '{"name": " ", "price": 1.10, "id": 12345678901234567890123}\n'
        '{"age": null}\n'
    )
    assert fmt.kind == "ndjson"
    assert fmt.columns == ("name", "age", "tags", "ok", "price", "id")
    assert [row.values for row in rows] == [
        ["Ann", "41", '["a",{"b":1.5}]', "true", None, None],
        [None, None, None, None, "1.10", "12345678901234567890123"],
        [None] * 6,
    ]
    assert codes(rows) == [None, None, None]


def test_ndjson_mistakes_spoil_one_row(write):
    lines = [b'{"a": 1, "b": "x"}'] * 1000
    lines += [
        b'{"a": 1, "c": 2}',
        b'{"a": 1',
        b"[1]",
        b'{"a": NaN}',
        b'{"a": "\xff"}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b'{"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"a": "' + b"x" * 100_001 + b'"}',
        b'{"a": "' + b"x" * 3_000_000 + b'"}',
        b'{"a": 2}',
    ]
    path = write(b"\xef\xbb\xbf" + b"\n".join(lines))
    fmt = detect(path, "example.jsonl")
    rows = list(read_rows(path, fmt))
    assert codes(rows)[999:] == [
        None,
        "unknown_key",
        "invalid_json",
        "invalid_json",
        "invalid_json",
        "invalid_encoding",
        "control_character",
        "invalid_encoding",
        "invalid_json",
        "row_too_large",
        "row_too_large",
        None,
    ]
    assert count_rows(path, fmt) == len(rows) == 1011
    assert list(read_rows(path, fmt, start_row=1005)) == rows[1004:]
    assert rows[-1].values == ["2", None]
