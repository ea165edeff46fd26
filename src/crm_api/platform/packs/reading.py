"""The packs that come with the product, as files of data."""

from importlib.resources import files
from typing import Any

import msgspec


class Pack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A preset: what it is for, and the sections that appliers carry out."""

    key: str
    version: int
    title: str
    description: str
    contents: dict[str, Any]


def read_packs() -> dict[str, Pack]:
    """All packs by their keys; raises where a file is not one."""
    library = files("crm_api.platform.packs") / "library"
    found = [
        msgspec.json.decode(file.read_bytes(), type=Pack)
        for file in library.iterdir()
        if file.name.endswith(".json")
    ]
    return {pack.key: pack for pack in sorted(found, key=lambda pack: pack.key)}
