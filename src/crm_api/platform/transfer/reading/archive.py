"""Opens a zip file only after its directory has shown that unpacking it is safe.

`zipfile` never yields more bytes of an entry than the directory states, and inflates no further
than it was asked to read, so a directory that lies ends in `corrupt_xlsx`, not in a full memory.
That holds for stored and deflated entries alone; other methods are refused.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from crm_api.platform.transfer.reading import limits
from crm_api.platform.transfer.reading.errors import UnreadableFile

_CHUNK_BYTES: Final = 64 * 1024
_NESTED: Final = (".zip", ".gz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_END: Final = b"PK\x05\x06"
_ZIP64_LOCATOR: Final = b"PK\x06\x07"


class Archive:
    """A checked zip file, read part by part in bounded chunks."""

    def __init__(self, path: Path) -> None:
        _check_directory_size(path)
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
            raise _corrupt() from error
        try:
            self._parts = _checked_parts(self._zip.infolist())
        except UnreadableFile:
            self._zip.close()
            raise

    def close(self) -> None:
        """Close the zip file."""
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._parts

    def chunks(self, name: str, *, most: int) -> Iterator[bytes]:
        """The inflated bytes of a part, which may be no longer than `most`."""
        part = self._parts.get(name.lower())
        if part is None:
            raise _corrupt()
        if part.file_size > most:
            raise UnreadableFile(
                "file_too_large", "The workbook is too large; save the sheet as CSV and send that."
            )
        try:
            with self._zip.open(part) as stream:
                while chunk := stream.read(_CHUNK_BYTES):
                    yield chunk
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError) as error:
            raise _corrupt() from error


def _corrupt() -> UnreadableFile:
    return UnreadableFile("corrupt_xlsx", "The workbook is damaged and cannot be opened.")


def _check_directory_size(path: Path) -> None:
    """`zipfile` loads the whole directory at once, so its size is looked at first."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 66_000))
        tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) < end + 22:
        raise _corrupt()
    directory_bytes: int = struct.unpack_from("<L", tail, end + 12)[0]
    if tail[max(0, end - 20) : end].startswith(_ZIP64_LOCATOR) and end >= 76:
        directory_bytes = max(struct.unpack_from("<Q", tail, end - 76 + 40)[0], 0)
    if directory_bytes > limits.MAX_ZIP_DIRECTORY_BYTES:
        raise UnreadableFile("zip_bomb", "The workbook holds too many parts.")


def _checked_parts(entries: list[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    if len(entries) > limits.MAX_ZIP_ENTRIES:
        raise UnreadableFile("zip_bomb", "The workbook holds too many parts.")
    if sum(entry.file_size for entry in entries) > limits.MAX_UNZIPPED_BYTES:
        raise UnreadableFile("zip_bomb", "The workbook unpacks to more than 1 GiB.")
    parts: dict[str, zipfile.ZipInfo] = {}
    for entry in entries:
        _check_entry(entry)
        name = entry.filename.replace("\\", "/").lstrip("/").lower()
        if name in parts:
            raise _corrupt()
        parts[name] = entry
    return parts


def _check_entry(entry: zipfile.ZipInfo) -> None:
    if entry.flag_bits & 0x1:
        raise UnreadableFile("encrypted_file", "The file is encrypted; send it without a password.")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise _corrupt()
    if entry.filename.lower().endswith(_NESTED):
        raise UnreadableFile("zip_bomb", "The file holds another archive.")
    ratio = entry.file_size / max(1, entry.compress_size)
    if entry.file_size > limits.ZIP_RATIO_FLOOR_BYTES and ratio > limits.MAX_ZIP_RATIO:
        raise UnreadableFile("zip_bomb", "A part of the workbook unpacks to far too much.")
