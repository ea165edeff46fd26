"""Makes small table files."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from crm_api.platform.transfer.reading.detect import FileFormat, detect
from crm_api.platform.transfer.reading.rows import Row, read_rows

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[bytes | str], Path]:
    def make(content: bytes | str, name: str = "example.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


@pytest.fixture
def read(write: Callable[[bytes | str], Path]) -> Callable[..., tuple[FileFormat, list[Row]]]:
    def make(content: bytes | str, **options: str) -> tuple[FileFormat, list[Row]]:
        path = write(content)
        fmt = detect(path, path.name, **options)
        return fmt, list(read_rows(path, fmt))

    return make


@pytest.fixture
def write_xlsx(tmp_path: Path) -> Callable[..., Path]:
    """A workbook from raw sheet XML, so that a test can say what no library would write."""

    def make(
        sheet_data: str,
        *,
        strings: str = "",
        styles: str = "",
        doctype: str = "",
        properties: str = "",
        extra: dict[str, bytes] | None = None,
    ) -> Path:
        path = tmp_path / "example.xlsx"
        parts = {
            "_rels/.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship Id="r1" '
            f'Type="{OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}">{properties}<sheets>'
            '<sheet name="Example" sheetId="1" r:id="r1"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{RELATIONS}"><Relationship '
            f'Id="r1" Type="{OFFICE}/worksheet" Target="worksheets/s.xml"/></Relationships>',
            "xl/worksheets/s.xml": f'{doctype}<worksheet xmlns="{MAIN}"><sheetData>{sheet_data}'
            "</sheetData></worksheet>",
        }
        if strings:
            parts["xl/sharedStrings.xml"] = f'<sst xmlns="{MAIN}">{strings}</sst>'
        if styles:
            parts["xl/styles.xml"] = f'<styleSheet xmlns="{MAIN}">{styles}</styleSheet>'
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in {**parts, **(extra or {})}.items():
                archive.writestr(name, content)
        return path

    return make
