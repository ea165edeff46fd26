import datetime as dt
import struct
import time
import tracemalloc
import zipfile

import openpyxl
import pytest

from crm_api.platform.transfer.reading import limits
from crm_api.platform.transfer.reading.cells import Style, format_style, number_text
from crm_api.platform.transfer.reading.detect import detect
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.rows import count_rows, read_rows


def refused_as(path):
    with pytest.raises(UnreadableFile) as refused:
        list(read_rows(path, detect(path, path.name)))
    return refused.value.code


def values(path):
    return [row.values for row in read_rows(path, detect(path, path.name))]


@pytest.fixture
def workbook(tmp_path):
    path = tmp_path / "example.xlsx"
    book = openpyxl.Workbook()
    hidden = book.active
    hidden.title, hidden.sheet_state = "Hidden", "hidden"
    hidden.append(["not", "this"])
    book.create_sheet("Empty")
    sheet = book.create_sheet("People")
    sheet.append([])
    sheet.append(["Name", "Born", "Seen", "At", "Age", "Score", "Active", "Zip", "Sum", "Took"])
    sheet.append(
        [
            "Zoë Example",
            dt.date(1990, 2, 3),
            dt.datetime(2024, 1, 2, 3, 4, 5),
            dt.time(13, 30),
            41,
            0.1 + 0.2,
            True,
            "00123",
            "=1+1",
            dt.timedelta(hours=30),
        ]
    )
    sheet.append([])
    sheet.append(["Bob\nExample", None, None, None, 4915112345678, 1e15, False, "", "#N/A"])
    book.save(path)
    return path


def test_cells_become_text(workbook):
    fmt = detect(workbook, "example.xlsx")
    assert (fmt.kind, fmt.sheet, fmt.header) == ("xlsx", "People", True)
    assert fmt.columns[:2] == ("Name", "Born")
    rows = list(read_rows(workbook, fmt))
    assert [row.number for row in rows] == [1, 2]
    assert rows[0].values == [
        "Zoë Example",
        "1990-02-03",
        "2024-01-02T03:04:05",
        "13:30:00",
        "41",
        "0.3",
        "true",
        "00123",
        "=",
        "30:00:00",
    ]
    assert rows[1].values[:1] == ["Bob\nExample"]
    assert rows[1].values[4:9] == ["4915112345678", "1000000000000000", "false", None, "#N/A"]
    assert count_rows(workbook, fmt) == 2
    assert list(read_rows(workbook, fmt, start_row=2)) == rows[1:]


def test_formulas_give_their_cached_values(write_xlsx):
    path = write_xlsx(
        '<row><c t="inlineStr"><is><t>Total</t></is></c><c t="str"><v>Text</v></c></row>'
        '<row><c><f>1+1</f><v>2</v></c><c t="str"><f>A()</f><v>two</v></c></row>'
    )
    assert values(path) == [["2", "two"]]


def test_shared_strings_rich_text_phonetics_and_escapes(write_xlsx):
    path = write_xlsx(
        '<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c></row>'
        '<row r="9"><c r="B9" t="s"><v>2</v></c><c r="A9" t="s"><v>77</v></c></row>',
        strings="<si><t>name</t></si>"
        "<si><r><t>ci</t></r><r><t>ty</t></r><rPh><t>nope</t></rPh></si>"
        "<si><t>one_x000A_two</t></si>",
    )
    assert detect(path, None).columns == ("name", "city")
    assert values(path) == [[None, "one\ntwo"]]


def test_1904_dates_and_own_formats(write_xlsx):
    path = write_xlsx(
        '<row><c t="str"><v>a</v></c><c t="str"><v>b</v></c><c t="str"><v>c</v></c></row>'
        '<row><c s="1"><v>1</v></c><c s="2"><v>1.5</v></c><c s="9"><v>7</v></c></row>',
        styles='<numFmts><numFmt numFmtId="170" formatCode="[$-407]dd.mm.yyyy;@"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf numFmtId="0"/><xf numFmtId="170"/><xf numFmtId="46"/></cellXfs>',
        properties='<workbookPr date1904="1"/>',
    )
    assert values(path) == [["1904-01-02", "36:00:00", "7"]]


@pytest.mark.parametrize(
    ("code", "stored", "text"),
    [
        ("00000", "1067", "01067"),
        ("00000", "123456", "123456"),
        ("00000;[Red]-0", "1067", "01067"),
        ("[$-407]00000", "1067", "01067"),
        ("0##########", "30123456", "00030123456"),
        ('"0"#', "3023125001", "03023125001"),
        ("\\0#", "3023125001", "03023125001"),
        ("00000-0000", "21345678", "02134-5678"),
        ('"+49" (000) 0000000', "303123456", "+49 (030) 3123456"),
        ("##000", "7", "007"),
        ("00000", "1.5", "1.5"),
        ("00000", "-5", "-5"),
        ("00000", "1e17", "100000000000000000"),
        ("#-##", "123", "123"),
        ("0", "7", "7"),
        ('0" 000"', "7", "7"),
        ("00.00", "7", "7"),
        ("[<=9999]0000;00000", "7", "7"),
    ],
)
def test_digits_are_written_as_they_are_shown(code, stored, text):
    assert number_text(stored, format_style(164, code), from_1904=False) == text


@pytest.mark.parametrize(
    ("format_id", "code", "style"),
    [
        (0, None, Style.NUMBER),
        (14, None, Style.DATE),
        (46, None, Style.ELAPSED),
        (2, None, Style.NUMBER),
        (164, "General", Style.NUMBER),
        (164, '0.00" days"', Style.NUMBER),
        (164, "#,##0.00 [$USD]", Style.NUMBER),
        (164, "[Red]0;[Blue]-0", Style.NUMBER),
        (164, "yyyy-mm-dd", Style.DATE),
        (164, "[hh]:mm", Style.ELAPSED),
        (164, "\\d0", Style.NUMBER),
    ],
)
def test_format_style(format_id, code, style):
    assert format_style(format_id, code) is style


@pytest.mark.parametrize(
    ("stored", "style", "text"),
    [
        ("59", Style.DATE, "1900-02-28"),
        ("61", Style.DATE, "1900-03-01"),
        ("45000.5", Style.DATE, "2023-03-15T12:00:00"),
        ("-1", Style.DATE, "-1"),
        ("99999999", Style.DATE, "99999999"),
        ("1E3", Style.NUMBER, "1000"),
        ("1e400", Style.NUMBER, "inf"),
        ("nan", Style.DATE, "nan"),
        ("2.50", Style.NUMBER, "2.5"),
        ("odd", Style.NUMBER, "odd"),
    ],
)
def test_numbers(stored, style, text):
    assert number_text(stored, style, from_1904=False) == text


def test_two_far_cells_cost_nothing(write_xlsx):
    path = write_xlsx(
        '<row r="1"><c r="A1" t="str"><v>name</v></c></row>'
        '<row r="2"><c r="A2" t="str"><v>Ann</v></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="str"><v>far</v></c></row>'
    )
    rows = list(read_rows(path, detect(path, None)))
    assert [row.error and row.error[0] for row in rows] == [None, "ragged_row"]


def test_one_long_string_told_a_million_times(write_xlsx):
    cells = '<c t="s"><v>1</v></c>' * 100
    path = write_xlsx(
        '<row><c t="s"><v>0</v></c></row>' + f"<row>{cells}</row>" * 200,
        strings=f"<si><t>name</t></si><si><t>{'x' * 90_000}</t></si>",
    )
    tracemalloc.start()
    try:
        errors = {row.error[0] for row in read_rows(path, detect(path, None))}
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert errors == {"row_too_large"}
    assert peak < 60_000_000


def test_too_large_fields_and_bad_characters(write_xlsx):
    long = "x" * 150_000
    path = write_xlsx(
        '<row><c t="str"><v>name</v></c></row>'
        f'<row><c t="str"><v>{long}</v></c></row>'
        f'<row><c t="s"><v>0</v></c></row>'
        '<row><c t="str"><v>a_x0000_b</v></c></row>'
        '<row><c t="str"><v>a_xD800_b</v></c></row>'
        '<row><c t="str"><v>fine</v></c></row>',
        strings=f"<si><t>{long}</t></si>",
    )
    rows = list(read_rows(path, detect(path, None)))
    assert [row.error and row.error[0] for row in rows] == [
        "row_too_large",
        "row_too_large",
        "control_character",
        "invalid_encoding",
        None,
    ]


def test_too_many_columns(write_xlsx):
    row = "<row>" + '<c t="str"><v>c</v></c>' * 600 + "</row>"
    assert refused_as(write_xlsx(row * 2)) == "too_many_columns"


def test_no_rows(write_xlsx):
    assert refused_as(write_xlsx("")) == "no_rows"
    assert refused_as(write_xlsx('<row><c t="str"><v>name</v></c></row>')) == "no_rows"


@pytest.mark.parametrize("sheet", ["<row><c>", "<row></c></row>", "&undefined;"])
def test_broken_xml(write_xlsx, sheet):
    assert refused_as(write_xlsx(sheet)) == "corrupt_xlsx"


def test_entities_are_refused(write_xlsx):
    path = write_xlsx("<row/>", doctype='<!DOCTYPE x [<!ENTITY a "aaaa">]>')
    assert refused_as(path) == "corrupt_xlsx"


def test_missing_sheet(workbook):
    fmt = detect(workbook, None)
    object.__setattr__(fmt, "sheet", "Gone")
    with pytest.raises(UnreadableFile) as refused:
        list(read_rows(workbook, fmt))
    assert refused.value.code == "corrupt_xlsx"


def test_zip_bomb_by_ratio(write_xlsx):
    path = write_xlsx("<row/>", extra={"xl/media/zeros.bin": b"\0" * 20_000_000})
    assert path.stat().st_size < 100_000
    started = time.process_time()
    assert refused_as(path) == "zip_bomb"
    assert time.process_time() - started < 1


def test_zip_bomb_by_total_size(write_xlsx):
    path = write_xlsx("<row/>")
    _patch_sizes(path, b"xl/worksheets/s.xml", (1 << 31) + 1)
    assert refused_as(path) == "zip_bomb"


def test_zip_bomb_by_entries_and_nesting(write_xlsx, tmp_path):
    assert refused_as(write_xlsx("", extra={f"x/{i}": b"" for i in range(10_001)})) == "zip_bomb"
    assert refused_as(write_xlsx("", extra={"inner.zip": b"PK"})) == "zip_bomb"


def test_zip_bomb_by_directory(write_xlsx):
    names = {f"x/{i}/{'n' * 60_000}": b"" for i in range(80)}
    assert refused_as(write_xlsx("", extra=names)) == "zip_bomb"


def test_a_directory_that_lies_ends_in_an_error(write_xlsx):
    rows = '<row><c t="str"><v>x</v></c></row>' * 50_000
    path = write_xlsx(rows)
    _patch_sizes(path, b"xl/worksheets/s.xml", 1000)
    assert refused_as(path) == "corrupt_xlsx"


def _patch_sizes(path, name, size):
    """State another unpacked size in the directory entry of a part."""
    raw = bytearray(path.read_bytes())
    at = raw.rindex(name) - 46
    assert raw[at : at + 4] == b"PK\x01\x02"
    struct.pack_into("<L", raw, at + 24, size)
    path.write_bytes(raw)


def test_sheet_too_large(write_xlsx, monkeypatch):
    monkeypatch.setattr(limits, "MAX_SHEET_BYTES", 1000)
    row = '<row><c t="str"><v>x</v></c></row>'
    assert refused_as(write_xlsx(row * 100)) == "file_too_large"


def test_too_many_shared_strings(write_xlsx, monkeypatch):
    monkeypatch.setattr(limits, "MAX_SHARED_STRINGS", 2)
    assert refused_as(write_xlsx("<row/>", strings="<si><t>x</t></si>" * 3)) == "file_too_large"


def test_prefixed_tags_and_other_parts(write_xlsx):
    path = write_xlsx("", extra={"xl/worksheets/t.xml": b""})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    cell = '<x:c r="B{0}" t="inlineStr"><x:is><x:t>{1}</x:t></x:is></x:c>'
    rows = "".join(f"<x:row>{cell.format(i, f'v{i}')}</x:row>" for i in (1, 2))
    parts["xl/worksheets/s.xml"] = (
        f'<x:worksheet xmlns:x="urn:example"><x:sheetData>{rows}</x:sheetData></x:worksheet>'
    ).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert detect(path, None).columns == ("column_1", "v1")
    assert values(path) == [[None, "v2"]]


def test_other_office_file(write_xlsx):
    path = write_xlsx("")
    content = path.read_bytes()
    with zipfile.ZipFile(path, "w") as archive:
        target = "word/document.xml"
        archive.writestr(
            "_rels/.rels",
            f'<r><Relationship Type="x/other" Target="a"/>'
            f'<Relationship Type="x/officeDocument" Target="{target}"/></r>',
        )
        archive.writestr(target, content)
    assert refused_as(path) == "unsupported_format"


def test_broken_and_oversized_directories(workbook):
    raw = bytearray(workbook.read_bytes())
    at = raw.rindex(b"PK\x05\x06")
    whole = bytes(raw)
    raw[at + 16 : at + 20] = b"\xff\xff\xff\x00"
    workbook.write_bytes(raw)
    assert refused_as(workbook) == "corrupt_xlsx"
    zip64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 40, 0)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1)
    workbook.write_bytes(whole[:at] + zip64 + locator + whole[at:])
    assert refused_as(workbook) == "zip_bomb"


def test_encrypted_and_odd_methods(tmp_path):
    path = tmp_path / "example.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("xl/workbook.xml", "x")
    raw = bytearray(path.read_bytes())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 8] |= 1
    path.write_bytes(raw)
    assert refused_as(path) == "encrypted_file"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("xl/workbook.xml", "x")
    assert refused_as(path) == "corrupt_xlsx"


def test_zip_without_workbook(tmp_path):
    path = tmp_path / "example.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("people.csv", "name\nAnn\n")
    assert refused_as(path) == "unsupported_format"


def test_a_broken_directory(workbook):
    workbook.write_bytes(workbook.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x03"))
    assert refused_as(workbook) == "corrupt_xlsx"


def test_what_openpyxl_reads(workbook):
    sheet = openpyxl.load_workbook(workbook)["People"]
    names = [str(cell) for cell in next(sheet.iter_rows(min_row=2, values_only=True))]
    assert detect(workbook, None).columns == tuple(names)


def test_same_part_twice(write_xlsx):
    assert refused_as(write_xlsx("", extra={"XL/Workbook.xml": b"<workbook/>"})) == "corrupt_xlsx"


def test_cut_file(workbook):
    workbook.write_bytes(workbook.read_bytes()[:-200])
    assert refused_as(workbook) == "corrupt_xlsx"


def test_large_sheet_stays_flat(tmp_path):
    path = tmp_path / "large.xlsx"
    book = openpyxl.Workbook(write_only=True)
    people = book.create_sheet("People")
    people.append(["name", "age", "city"])
    for i in range(8_000):
        people.append([f"Ann Example {i}", i, f"Town {i % 50}"])
    book.save(path)
    fmt = detect(path, None)
    tracemalloc.start()
    try:
        assert count_rows(path, fmt) == 8_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 5_000_000
