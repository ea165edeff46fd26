"""Who was erased stays away, and what is held stays."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.index import external_key
from crm_api.kit.db.hashes import Hasher, find_hasher
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Blocked
from crm_api.platform.privacy.repository import ErasedKeys, LegalHolds

Key = tuple[str, str]


def keys_of(service: Any, record: Mapping[str, Any]) -> set[Key]:
    """By what a person is known: points, ids elsewhere, and the name with the day of birth."""
    ids: Mapping[str, str] = record.get("external_ids") or {}
    found: set[Key] = {
        *service.keys(record),
        *(("external", external_key(source, id)) for source, id in ids.items()),
    }
    name, born = record.get("sort_name"), record.get("birth_date")
    if name and born:
        found.add(("birth", f"{name}|{born}"))
    if record.get("id") is not None:
        # So that the row itself is not filled again.
        found.add(("record", str(record["id"])))
    return found


def hashed(hasher: Hasher, keys: Iterable[Key]) -> dict[Key, str]:
    """The keyed hash of each of these."""
    return {key: hasher.of(*key) for key in keys}


class ErasedBar:
    """Keeps out who was erased from a collection of people."""

    async def barred(
        self,
        service: Any,
        records: Sequence[Mapping[str, Any]],
        before: Mapping[str, Any],
    ) -> set[int]:
        """The places of those records that would bring somebody back; one statement for all.

        Whoever shares an address with the erased goes on to have it.
        """
        hasher = await find_hasher(service.tx)
        if hasher is None:
            return set()
        old = keys_of(service, before) if before else set[Key]()
        new = [keys_of(service, record) - old for record in records]
        known = [set(hashed(hasher, keys).values()) for keys in new]
        asked = set[str]().union(*known)
        if not asked:
            return set()
        found = await ErasedKeys(service.tx).among(service.records.listing.entity, asked)
        return {place for place, hashes in enumerate(known) if hashes & found}


class HoldKeeper:
    """Keeps what is under a legal hold."""

    async def release(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
        """Let records go unless one of them is held; raises `Blocked`."""
        held = await LegalHolds(tx).keeping(ids, tx.now.date())
        if held:
            raise Blocked(
                f"A legal hold keeps this {entity}.",
                code="legal_hold",
                details={"record_ids": sorted(map(str, held))},
            )
