"""Records of any kind that a record names by kind and id."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.targets import target_of

Mention = Mapping[str, Any]
"""`target`, the kind of a record, and `record_id`, as text."""


async def need_mentioned(
    tx: Tx, mentions: Mapping[str, Mention], before: Sequence[Mention]
) -> None:
    """Raise `Invalid` where what is named is not there, or not seen by whoever names it.

    `mentions` by where they stand (`/links/0`); what was named `before` may have gone since.
    """
    known = {(one["target"], one["record_id"]) for one in before}
    new = {
        at: one for at, one in mentions.items() if (one["target"], one["record_id"]) not in known
    }
    listings: dict[str, Listing] = {}
    faults: list[Fault] = []
    for at, one in new.items():
        listing = _listing(tx, one["target"])
        if listing is None:
            message = f"There are no records of the kind {one['target'][:60]!r}."
            faults.append(Fault("not_a_choice", message, f"{at}/target"))
        else:
            listings[one["target"]] = listing
    ids = sorted({UUID(one["record_id"]) for one in new.values() if one["target"] in listings})
    kinds = await kinds_of(tx, list(listings.values()), ids, lock=not tx.read_only)
    for at, one in new.items():
        target = one["target"]
        if target in listings and kinds.get(UUID(one["record_id"])) != target:
            message = f"There is no such {target}."
            faults.append(Fault("unknown_reference", message, f"{at}/record_id"))
    if faults:
        raise Invalid(faults[0].message, faults=faults)


def _listing(tx: Tx, entity: str) -> Listing | None:
    found = target_of(entity)
    if found is None or (found.part and entity not in tx.catalogue.objects):
        return None
    return found if tx.actor.holds(f"{found.area}:read") else None
