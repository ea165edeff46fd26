"""Look-up keys and search words, which follow their record."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import delete

from crm_api.kit.db.tables import RecordKey, SearchDocument
from crm_api.kit.query.documents import document_of


class IndexRows:
    """The keys and words of the records of one collection."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._tx = service.tx
        self._entity: str = service.model.entity

    def add(self, record: Mapping[str, Any]) -> None:
        """Those of a new record."""
        keys, words = self._of(record)
        self._insert(record["id"], keys, words)

    async def move(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Bring them in line with what a record has become."""
        old_keys, old_words = self._of(before)
        new_keys, new_words = self._of(after)
        id, own = after["id"], self._tx.organization_id
        if after["deleted_at"] is not None:
            # Also the keys that came from records merged into this one.
            mine = (RecordKey.organization_id == own, RecordKey.record_id == id)
            await self._tx.run(delete(RecordKey).where(*mine))
            old_keys = set[tuple[str, str]]()
        for kind, value in old_keys - new_keys:
            await self._tx.run(
                delete(RecordKey).where(
                    RecordKey.organization_id == own,
                    RecordKey.entity == self._entity,
                    RecordKey.kind == kind,
                    RecordKey.value == value,
                    RecordKey.record_id == id,
                )
            )
        reworded = old_words != new_words
        if reworded:
            await self._tx.run(
                delete(SearchDocument).where(
                    SearchDocument.organization_id == own, SearchDocument.record_id == id
                )
            )
        self._insert(id, new_keys - old_keys, new_words if reworded else "")

    async def remove(self, ids: Sequence[UUID]) -> None:
        """Take away all of some records."""
        for table in (RecordKey, SearchDocument):
            own = table.organization_id == self._tx.organization_id
            await self._tx.run(delete(table).where(own, table.record_id.in_(ids)))

    async def reword(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write the words of some records anew."""
        mine = SearchDocument.organization_id == self._tx.organization_id
        ids = [record["id"] for record in records]
        await self._tx.run(delete(SearchDocument).where(mine, SearchDocument.record_id.in_(ids)))
        for record in records:
            self._insert(record["id"], (), self._words(record))

    def _of(self, record: Mapping[str, Any]) -> tuple[set[tuple[str, str]], str]:
        if record.get("deleted_at") is not None:
            return set(), ""
        ids: dict[str, str] = record["external_ids"] or {}
        external = (("external", external_key(s, i)) for s, i in ids.items())
        return {*self._service.keys(record), *external}, self._words(record)

    def _words(self, record: Mapping[str, Any]) -> str:
        return document_of(self._service.records.listing, self._tx.organization_id, record)

    def _insert(self, id: UUID, keys: Iterable[tuple[str, str]], words: str) -> None:
        for kind, value in keys:
            key = {"entity": self._entity, "kind": kind, "value": value, "record_id": id}
            self._tx.insert(RecordKey, key)
        if words:
            values = {"entity": self._entity, "words": words, "record_id": id}
            self._tx.insert(SearchDocument, values)


def external_key(source: str, id: str) -> str:
    """How an id in another system stands among the look-up keys; a source has no colon."""
    return f"{source}:{id}"
