"""A client that sends files."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.clients import Api

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


@dataclass
class Files:
    """The import API as a frontend uses it."""

    client: Api

    async def upload(
        self,
        content: bytes | str | Path,
        *,
        entity: str = "contact",
        name: str = "people.csv",
        **form: str,
    ) -> Any:
        data = _bytes_of(content)
        return await self.client.post(
            "/v1/imports", files={"file": (name, data)}, data={"entity": entity, **form}
        )

    async def made(self, content: bytes | str | Path, **options: Any) -> dict[str, Any]:
        answer = await self.upload(content, **options)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def begin(self, id: str, verb: str) -> str:
        answer = await self.client.post(f"/v1/imports/{id}/{verb}")
        assert answer.status_code == 202, answer.text
        assert answer.headers["location"] == f"/v1/jobs/{answer.json()['job_id']}"
        return answer.json()["job_id"]

    async def wait(self, job_id: str, status: str = "succeeded") -> dict[str, Any]:
        return await self.client.ended(job_id, status)

    async def done(self, id: str, verb: str) -> dict[str, Any]:
        job = await self.wait(await self.begin(id, verb))
        return job["result"].get("counts", job["result"])

    async def tried(self, content: str, entity: str) -> Any:
        """An import, and the faults by row and the counts of its dry run and of its run."""
        made, told = await self.made(content, entity=entity), list[Any]()
        for verb in ("validate", "start"):
            counts = await self.done(made["id"], verb)
            errors = await self.errors(made["id"])
            told.append(({e["row"]: (e["code"], e["column"]) for e in errors}, counts))
        return made, told

    async def imported(self, content: bytes | str | Path, **options: Any) -> dict[str, Any]:
        record = await self.made(content, **options)
        await self.done(record["id"], "start")
        return await self.client.read(f"imports/{record['id']}")

    async def errors(self, id: str) -> list[dict[str, str]]:
        answer = await self.client.get(f"/v1/imports/{id}/errors")
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))

    async def all(self, path: str, **params: Any) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = await self.client.read(
                path, limit=200, **({"cursor": cursor} if cursor else {}), **params
            )
            found += page["data"]
            cursor = page["next_cursor"]
            if cursor is None:
                return found


def _bytes_of(content: bytes | str | Path) -> bytes:
    if isinstance(content, Path):
        return content.read_bytes()
    return content.encode() if isinstance(content, str) else content


@pytest.fixture
def files(client: Api) -> Files:
    return Files(client)


def table(columns: Sequence[str], *rows: Sequence[str | None]) -> str:
    """A CSV file."""
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    return text.getvalue()


@pytest.fixture
def csv_of() -> Callable[..., str]:
    return table


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
