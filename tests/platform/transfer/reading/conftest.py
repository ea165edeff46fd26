"""Makes small table files."""

from collections.abc import Callable
from pathlib import Path

import pytest

from crm_api.platform.transfer.reading.detect import FileFormat, detect
from crm_api.platform.transfer.reading.rows import Row, read_rows


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
