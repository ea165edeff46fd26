"""Who was erased stays away, and what is held stays."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
    """Keeps out who was erased, as whichever kind of person they come."""

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = list(kinds)

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
        new = [hashed(hasher, keys_of(service, record) - old) for record in records]
        asked = {hash for known in new for hash in known.values()}
        if not asked:
            return set()
        found = await ErasedKeys(service.tx).among(self._kinds, asked)
        own = service.records.listing.entity
        met = {(kind == own, hash) for kind, hash in found}
        return {place for place, known in enumerate(new) if any(map(_meets(met), known.items()))}


def _meets(met: Collection[tuple[bool, str]]) -> Callable[[tuple[Key, str]], bool]:
    """Whether a key is one of somebody erased; ids elsewhere are told apart by their kind."""
    return lambda known: (
        (True, known[1]) in met or (known[0][0] != "external" and (False, known[1]) in met)
    )


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
