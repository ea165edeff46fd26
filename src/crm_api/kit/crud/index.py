"""Look-up keys, search words and indexed custom values, which follow their record."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, func

from crm_api.kit.custom.catalogue import CustomFields, Indexed
from crm_api.kit.db.tables import CustomValue, RecordKey, SearchDocument
from crm_api.kit.query.documents import document_of

_ALWAYS = frozenset({"custom", "external_ids", "deleted_at"})
"""What every record may be found by."""


class IndexRows:
    """The keys, words and indexed values of the records of one collection."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._tx = service.tx
        self._entity: str = service.records.listing.entity

    def add(self, record: Mapping[str, Any]) -> None:
        """Those of a new record."""
        self._insert(record["id"], *self._of(record))

    def follows(self, changed: Collection[str], record: Any) -> bool:
        """Whether a record of which these columns changed may be found by something else now.

        What a service's own `keys` go by is not known here, nor what is left of one in the bin.
        """
        if self._service.is_keyed or record.deleted_at is not None:
            return True
        searched = self._service.records.listing.search
        names = () if searched is None else searched.fields
        return not _ALWAYS.isdisjoint(changed) or any(name in changed for name in names)

    async def move(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Bring them in line with what a record has become."""
        is_worded = self._rewords(before, after)
        old_keys, old_words, old_values = self._of(before, is_worded=is_worded)
        new_keys, new_words, new_values = self._of(after, is_worded=is_worded)
        tx, id = self._tx, after["id"]
        if tx.describes(id):
            # Removals leave before new rows, but these must be there to be removed.
            await tx.flush()
        if after["deleted_at"] is not None:
            # Also the keys that came from records merged into this one.
            tx.remove(RecordKey, record_id=id)
            old_keys = set[tuple[str, str]]()
        for kind, value in old_keys - new_keys:
            tx.remove(RecordKey, record_id=id, kind=kind, value=value)
        reworded = old_words != new_words
        if reworded:
            tx.remove(SearchDocument, record_id=id)
        revalued = old_values != new_values
        if revalued:
            tx.remove(CustomValue, record_id=id)
        words, values = new_words if reworded else "", new_values if revalued else ()
        self._insert(id, new_keys - old_keys, words, values)

    async def remove(self, ids: Sequence[UUID]) -> None:
        """Take away all of some records."""
        await self._tx.flush()
        for table in (RecordKey, SearchDocument, CustomValue):
            for id in ids:
                self._tx.remove(table, record_id=id)

    async def renew(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Write the words of some records anew, and what custom fields have to do with."""
        own, ids = self._tx.organization_id, [record["id"] for record in records]
        mine = (RecordKey.organization_id == own, RecordKey.record_id.in_(ids))
        await self._tx.run(
            delete(RecordKey).where(*mine, func.starts_with(RecordKey.kind, "custom."))
        )
        for record in records:
            for table in (SearchDocument, CustomValue):
                self._tx.remove(table, record_id=record["id"])
            keys, words, values = self._of(record)
            custom = [key for key in keys if key[0].startswith("custom.")]
            self._insert(record["id"], custom, words, values)

    def _rewords(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
        """Whether anything differs that words are made of."""
        searched = self._service.records.listing.search
        if searched is None:
            return False
        names = (*searched.fields, "custom", "deleted_at")
        return any(before.get(name) != after.get(name) for name in names)

    def _of(
        self, record: Mapping[str, Any], *, is_worded: bool = True
    ) -> tuple[set[tuple[str, str]], str, list[Indexed]]:
        if record.get("deleted_at") is not None:
            return set(), "", []
        fields: CustomFields = self._service.fields
        custom: dict[str, Any] = record["custom"] or {}
        ids: dict[str, str] = record["external_ids"] or {}
        external = (("external", external_key(s, i)) for s, i in ids.items())
        listing = self._service.records.listing
        words = (
            document_of(listing, self._tx.organization_id, record, fields.words(custom))
            if is_worded
            else ""
        )
        keys = {*self._service.keys(record), *external, *fields.keys(custom)}
        return keys, words, fields.index(custom)

    def _insert(
        self,
        id: UUID,
        keys: Iterable[tuple[str, str]],
        words: str,
        values: Iterable[Indexed],
    ) -> None:
        for kind, value in keys:
            key = {"entity": self._entity, "kind": kind, "value": value, "record_id": id}
            self._tx.insert(RecordKey, key)
        if words:
            document = {"entity": self._entity, "words": words, "record_id": id}
            self._tx.insert(SearchDocument, document)
        for place, entry in enumerate(values):
            stored = msgspec.structs.asdict(entry)
            self._tx.insert(CustomValue, {"record_id": id, "place": place, **stored})


def external_key(source: str, id: str) -> str:
    """How an id in another system stands among the look-up keys; a source has no colon."""
    return f"{source}:{id}"
