import csv
import random

import pytest

from crm_api.platform.transfer.reading.detect import detect
from crm_api.platform.transfer.reading.errors import UnreadableFile
from crm_api.platform.transfer.reading.rows import count_rows

RUSSIAN = "Имя;Фамилия;Город\nИван;Примеров;Казань\nОльга;Образцова;Тверь\n"
GERMAN = "Vorname;Nachname;Straße\nJürgen;Müller;Königsallee 1\nBärbel;Weiß;Große Gasse 2\n"
FRENCH = "Prénom;Nom;Société\nHélène;Lefèvre;Café à Côté\nRené;Garçon;Été & fils\n"
SPANISH = "Nombre;Apellidos;Dirección\nÁngel;Muñoz;Peñón 3\nÍñigo;Ibáñez;León 4\n"


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        (RUSSIAN, "utf-8", "utf-8"),
        (RUSSIAN, "utf-8-sig", "utf-8-sig"),
        (RUSSIAN, "cp1251", "cp1251"),
        ("Имя\nИван\n", "cp1251", "cp1251"),
        ("email,name\na@example.com,Яна\n", "cp1251", "cp1251"),
        ("Ім'я,Місто\nЇжак,Київ\n", "cp1251", "cp1251"),
        (RUSSIAN.upper(), "cp1251", "cp1251"),
        (GERMAN, "cp1252", "cp1252"),
        (FRENCH, "cp1252", "cp1252"),
        (SPANISH, "latin-1", "cp1252"),
        ("Nachname\nMüller\n", "cp1252", "cp1252"),
        ("Name;Preis\nTee;5 €\n", "cp1252", "cp1252"),
        ("name;text\nMüller;\x81\n", "latin-1", "latin-1"),
        (RUSSIAN, "utf-16-le", "utf-16-le"),
        (RUSSIAN, "utf-16-be", "utf-16-be"),
        (GERMAN, "utf-16-le", "utf-16-le"),
        (GERMAN, "utf-16-be", "utf-16-be"),
        ("name,city\nAnna,Rome\n", "utf-8", "utf-8"),
    ],
)
def test_encoding_is_found(read, text, encoding, found):
    fmt, rows = read(text.encode(encoding))
    assert fmt.encoding == found
    assert fmt.columns[0] == text.splitlines()[0].replace(";", ",").split(",")[0]
    assert rows[0].error is None
    assert rows[-1].values[0] == text.splitlines()[-1].replace(";", ",").split(",")[0]


@pytest.mark.parametrize(("mark", "encoding"), [("\ufeff", "utf-16-le"), ("\ufeff", "utf-16-be")])
def test_utf16_mark_is_no_part_of_the_first_name(read, mark, encoding):
    fmt, rows = read((mark + GERMAN).encode(encoding))
    assert (fmt.encoding, fmt.columns[0], rows[0].values[1]) == (encoding, "Vorname", "Müller")


@pytest.mark.parametrize("at", [0.3, 0.55, 0.97])
def test_a_rare_accent_between_the_samples_is_found(read, at):
    lines = ["name,city"] + [f"Anna {i},Rome" for i in range(120_000)]
    lines[int(at * len(lines))] = "Jürgen,Köln"
    fmt, _ = read("\n".join(lines).encode("cp1252"))
    assert fmt.encoding == "cp1252"


def test_given_encoding_and_delimiter_win(read):
    fmt, rows = read("name;a,b\nx;1,2\n", encoding="windows-1252", delimiter=";")
    assert (fmt.encoding, fmt.delimiter) == ("cp1252", ";")
    assert rows[0].values == ["x", "1,2"]
    assert read(GERMAN.encode("utf-16"), encoding="utf-16")[0].encoding == "utf-16-le"
    assert read(GERMAN.encode("utf-8-sig"), encoding="utf-8")[0].columns[0] == "Vorname"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (GERMAN.encode("cp1252"), "utf-8"),
        (GERMAN.encode(), "utf-16"),
        (GERMAN.encode(), "utf-16-le"),
        (GERMAN.encode("utf-16"), "cp1252"),
        (GERMAN.encode("utf-16-be"), "cp1251"),
        (GERMAN.encode("utf-8-sig"), "cp1252"),
        (GERMAN.encode(), "rot13"),
        (GERMAN.encode(), "no such encoding"),
    ],
)
def test_wrong_encoding_is_refused(read, content, encoding):
    with pytest.raises(UnreadableFile) as refused:
        read(content, encoding=encoding)
    assert refused.value.code == "encoding_mismatch"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiter_by_even_rows_with_quotes(read, delimiter):
    text = "name,note,city\n" + '"Ann, ; | Lee","a;b,c",Rome\n' * 3 + "Bob,,\n"
    text = text.replace("name,note,city", delimiter.join(["name", "note", "city"]))
    text = text.replace('Lee","a', f'Lee"{delimiter}"a').replace('c",Rome', f'c"{delimiter}Rome')
    text = text.replace("Bob,,", f"Bob{delimiter}{delimiter}")
    fmt, rows = read(text)
    assert (fmt.delimiter, fmt.columns) == (delimiter, ("name", "note", "city"))
    assert rows[0].values == ["Ann, ; | Lee", "a;b,c", "Rome"]


def test_decimal_commas_do_not_divide(read):
    fmt, rows = read("Firma;Umsatz\nBeispiel A;1,5\nBeispiel B;2,5\n")
    assert fmt.columns == ("Firma", "Umsatz")
    assert rows[1].values == ["Beispiel B", "2,5"]


def test_single_column(read):
    fmt, rows = read("email\na@example.com\nb@example.com\n")
    assert fmt.columns == ("email",)
    assert [row.values for row in rows] == [["a@example.com"], ["b@example.com"]]


def test_single_quotes(read):
    fmt, rows = read("'name','city'\n'Ann, Lee','Rome'\n'Bob','Bonn'\n")
    assert (fmt.quotechar, fmt.columns) == ("'", ("name", "city"))
    assert rows[0].values == ["Ann, Lee", "Rome"]


def test_sep_line_and_leading_blank_lines_are_skipped(read):
    fmt, rows = read("\r\n\r\nsep=;\r\nname;city\r\nAnn;Rome, Italy\r\n")
    assert (fmt.delimiter, fmt.columns) == (";", ("name", "city"))
    assert [(row.number, row.values) for row in rows] == [(1, ["Ann", "Rome, Italy"])]
    assert read("\n\n ;\nname;city\nAnn;Rome\n")[0].columns == ("name", "city")
    assert read('"sep=|"\nname|city\nAnn|Rome\n')[0].columns == ("name", "city")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(read, end):
    fmt, rows = read(end.join(["name,city", "Ann,Rome", "Bob,Bonn"]))
    assert fmt.columns == ("name", "city")
    assert [row.values for row in rows] == [["Ann", "Rome"], ["Bob", "Bonn"]]


@pytest.mark.parametrize(
    ("first", "header"),
    [
        ("Name,Mail,Since", True),
        ("Ann,ann@example.com,2020-01-01", False),
        ("Foo,Bar,Baz", True),
        ("Name,2021,2022", False),
        ("email,first name,2022", True),
        ("Carl,www.example.com,Rome", False),
    ],
)
def test_header_or_data(read, first, header):
    fmt, rows = read(f"{first}\nBob,bob@example.com,2021-01-01\nEve,eve@example.com,2022-01-01\n")
    assert fmt.header is header
    assert len(rows) == (2 if header else 3)
    if not header:
        assert fmt.columns == ("column_1", "column_2", "column_3")
        assert rows[0].values == first.split(",")


TITLED = "Vorname;Nachname;E-Mail;Ort\nA;Muster;a@example.com;Bonn\nB;Muster;;\n"


@pytest.mark.parametrize(
    ("above", "count"),
    [
        ("Contacts, 30 November\n\n", 1),
        ("Contacts;;;\n;;;\n;;of the fair;\n", 2),
        ("\n\n", 0),
    ],
)
def test_titles_stand_above_the_header(read, write, above, count):
    fmt, rows = read(above + TITLED)
    assert (fmt.header, fmt.above) == (True, count)
    assert fmt.columns == ("Vorname", "Nachname", "E-Mail", "Ort")
    assert [(row.number, row.values[0], row.error) for row in rows] == [
        (1, "A", None),
        (2, "B", None),
    ]
    assert count_rows(write(above + TITLED), fmt) == 2


@pytest.mark.parametrize(
    "text",
    [
        "Deal;Board;Step\nX;Y;Z\n",
        "Email;;;\nBert;Example;Bonn;x\nC;Example;Rome;y\n",
        "a@example.com;;;\nBert;Example;Bonn;x\nC;Example;Rome;y\n",
        "Anna;;;\nb@example.com;Bert;Bonn;1\nc@example.com;Carl;Rome;2\n",
        "Name\nBert;Example;Bonn\nCarl;Example;Rome\n",
    ],
)
def test_what_may_be_data_is_no_title(read, text):
    fmt, _ = read(text, delimiter=";")
    assert fmt.above == 0


def test_a_title_stands_above_names_that_are_not_known(read):
    fmt, _ = read("Machines of 2026;;\nSerial;Model;Hall\n12;X5;North\n13;X5;South\n")
    assert (fmt.above, fmt.columns) == (1, ("Serial", "Model", "Hall"))


def test_values_that_repeat_below_are_no_header(read):
    assert read("Carl,Rome\nBob,Rome\nEve,Bonn\n")[0].header is False


def test_one_row_of_data_without_header(read):
    fmt, rows = read("ann@example.com,+49 30 1234567\n")
    assert (fmt.header, len(rows)) == (False, 1)


def test_duplicate_and_empty_names(read):
    fmt, rows = read("name,email,,email,email (2),email,\nA,b,c,d,e,f,\n")
    assert fmt.columns == ("name", "email", "column_3", "email (3)", "email (2)", "email (4)")
    assert rows[0].values == ["A", "b", "c", "d", "e", "f"]
    assert rows[0].error is None


def test_simple_duplicates_are_numbered(read):
    assert read("email,email,email\na,b,c\n")[0].columns == ("email", "email (2)", "email (3)")


def test_same_answer_every_time(write):
    path = write(FRENCH.encode("cp1252"))
    assert len({detect(path, None) for _ in range(5)}) == 1


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_file"),
        (b"\xef\xbb\xbf", "empty_file"),
        (b"\r\n  \n\n", "empty_file"),
        (b"name,email\n", "no_rows"),
        (b",,\n;;\n", "no_rows"),
        (b"%PDF-1.7 example", "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n", "unsupported_format"),
        (b"\x1f\x8b\x08\x00", "unsupported_format"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "unsupported_format"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "encrypted_file",
        ),
        ("name,city\nA,B\n".encode("utf-32"), "unsupported_format"),
        (random.Random(1).randbytes(5000), "not_a_table"),
        (b"\x00" * 500, "not_a_table"),
        (b"<!DOCTYPE html><table><tr><td>1</td></tr></table>", "not_a_table"),
        (b'<?xml version="1.0"?><a/>', "not_a_table"),
        (b'[{"a": 1}, {"a": 2}]', "not_a_table"),
        (b'[\n  {"a": 1}\n]\n', "not_a_table"),
        (b'{\n  "a": 1\n}\n', "not_a_table"),
        (",".join(f"c{i}" for i in range(513)).encode() + b"\n1\n", "too_many_columns"),
        ("{" + ",".join(f'"c{i}":1' for i in range(513)) + "}", "too_many_columns"),
        (b"[" * 100_000, "not_a_table"),
        (b"PK\x03\x04 no directory", "corrupt_xlsx"),
    ],
)
def test_unreadable_files(read, content, code):
    with pytest.raises(UnreadableFile) as refused:
        read(content)
    assert refused.value.code == code
    assert refused.value.message == str(refused.value)


def test_json_array_is_told_to_come_as_ndjson(read):
    with pytest.raises(UnreadableFile, match="NDJSON"):
        read('[{"a": 1}]')


def test_bracketed_names_are_no_json(read):
    assert read('["id"];["name"]\n1;Ann\n')[0].columns == ('["id"]', '["name"]')
    assert read("[id],[name]\n1,Ann\n")[0].columns == ("[id]", "[name]")


def test_file_too_large(write):
    path = write("name,city\n")
    with path.open("r+b") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(UnreadableFile) as refused:
        detect(path, None)
    assert refused.value.code == "file_too_large"


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n"])
def test_impossible_delimiter(read, delimiter):
    with pytest.raises(UnreadableFile):
        read("name,city\nA,B\n", delimiter=delimiter)


def test_a_field_beyond_the_csv_modules_limit(read):
    before = csv.field_size_limit(1000)
    try:
        fmt, rows = read(f"name;city\n{'x' * 2000};Rome\n")
    finally:
        csv.field_size_limit(before)
    assert fmt.columns == ("name;city",)
    assert rows[0].error is None


def test_first_rows_that_are_spoiled(read):
    with pytest.raises(UnreadableFile) as refused:
        read(f"{'x' * 100}\0b,c\n" * 300 + "x,y\n")
    assert refused.value.code == "no_rows"
