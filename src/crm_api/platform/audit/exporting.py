"""The trail as the lines of a file that is verified without the database."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.watching import read_of
from crm_api.platform.audit import chain
from crm_api.platform.audit.chain import Anchor, Sealed
from crm_api.platform.audit.repository import Anchors, Seals
from crm_api.platform.audit.schemas import AuditExportInput
from crm_api.platform.audit.service import AREA, AuditService


class AuditLines:
    """What `exports` needs to know to write the trail of an organization to a file."""

    target = "audit_event"
    area = AREA
    route = "audit"
    shape: ClassVar[type[AuditExportInput]] = AuditExportInput
    summary = "Have the sealed trail written to a file"
    description = (
        "NDJSON, as a job: every event with its seal, and the anchors, so that "
        "`crm-api audit verify --file` verifies it anywhere. What the credential may not read is "
        "left out, and its digest stands for it. Takes the scope `audit:export`."
    )

    async def count(self, tx: Tx, asked: Mapping[str, Any]) -> int:
        """How many events it will be; raises `Invalid` where there is no such stretch."""
        head = await Seals(tx.fetch, tx.organization_id).head()
        top: int = head["top"] if head else 0
        last = min(asked["until"] or top, top)
        if asked["after"] > last:
            message = f"Nothing is sealed behind that position; the last one is {last}."
            raise Invalid.at("/after", "out_of_range", message)
        return last - asked["after"]

    async def lines(self, tx: Tx, asked: Mapping[str, Any]) -> AsyncIterator[list[bytes]]:
        """The file, in stretches of lines."""
        after: int = asked["after"]
        last = after + await self.count(tx, asked)
        async for stretch in _Stretch(tx, after, last).lines():
            yield [chain.canonical(line) + b"\n" for line in stretch]


class _Stretch:
    """The positions of a chain that are written down."""

    def __init__(self, tx: Tx, after: int, last: int) -> None:
        self._tx, self._after, self._last = tx, after, last
        self._seals = Seals(tx.fetch, tx.organization_id)
        self._service = AuditService(tx)

    async def lines(self) -> AsyncIterator[list[dict[str, Any]]]:
        own = self._tx.organization_id
        start = await self._seals.before(self._after) if self._after else None
        number, hash = 0, chain.genesis(own)
        if start is not None:
            number, hash = start["anchors"], start["hash"]
        yield [_first(own, self._after, hash, number)]
        anchors = Anchors(self._anchors(number or 0))
        async for page in self._seals.pages(self._after, self._last):
            found: list[dict[str, Any]] = []
            unseen = await self._unseen(page)
            for sealed in page:
                found.append(chain.event_line(self._seen(sealed, unseen)))
                found += map(chain.anchor_line, await anchors.until(sealed.position))
            hash = page[-1].hash
            yield found
        yield [
            *map(chain.anchor_line, await anchors.until(None)),
            *await self._witnesses(),
            {"kind": "end", "last": self._last, "hash": hash.hex()},
        ]

    async def _anchors(self, number: int) -> AsyncIterator[Anchor]:
        async for anchor in self._seals.anchors(number, self._last):
            if anchor.last > self._after:
                yield anchor

    async def _unseen(self, page: list[Sealed]) -> set[UUID]:
        headers = (sealed.header for sealed in page if sealed.header is not None)
        return await self._service.sight.unseen(
            (h["entity"], UUID(str(h["record_id"]))) for h in headers
        )

    def _seen(self, sealed: Sealed, unseen: set[UUID]) -> Sealed:
        """The position as its reader may see it."""
        if sealed.header is None or sealed.values is None:
            return sealed
        entity: str = sealed.header["entity"]
        about = UUID(str(sealed.header["record_id"]))
        if about in unseen or self._service.withholds(entity, sealed.values):
            return replace(sealed, values=None)
        self._note(entity, sealed.values)
        return sealed

    def _note(self, entity: str, values: tuple[Any, Any]) -> None:
        watched = self._tx.catalogue.watched.get(entity)
        if watched:
            told = {name for part in values for name in part or ()}
            if fields := read_of(watched, told):
                self._tx.readings.add_many(entity, fields, 1, self._tx.cause_id)

    async def _witnesses(self) -> list[dict[str, Any]]:
        """The erasures that came later, which the stretch itself cannot prove."""
        told = await self._seals.erasures(self._last)
        return [{"kind": "witness", "data": data} for data in told]


def _first(own: UUID, after: int, hash: bytes, anchors: int | None) -> dict[str, Any]:
    return {
        "kind": "chain",
        "form": chain.FORM,
        "organization_id": str(own),
        "after": after,
        "before": hash.hex(),
        "anchors": anchors,
    }
