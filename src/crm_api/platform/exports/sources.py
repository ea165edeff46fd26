"""What is exported beside collections: something that writes its own lines."""

from collections.abc import AsyncIterator, Mapping
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel

from crm_api.kit.db.tx import Tx


class Source(Protocol):
    """A part of the product that makes the lines of an NDJSON file."""

    target: str
    """What the export calls it."""
    area: str
    """It takes the scopes `read` and `export` of it."""
    route: str
    """Where it is asked for, below the version."""
    shape: ClassVar[Any]
    """What may be asked of it, a `BaseModel`."""
    summary: str
    description: str

    async def count(self, tx: Tx, asked: Mapping[str, Any]) -> int:
        """How many things it will be; raises `Invalid` where it cannot be made."""
        ...

    def lines(self, tx: Tx, asked: Mapping[str, Any]) -> AsyncIterator[list[bytes]]:
        """The file, in stretches of lines."""
        ...


def asked_of(data: BaseModel) -> dict[str, Any]:
    """What was asked, as the export keeps it."""
    return data.model_dump(mode="json")
