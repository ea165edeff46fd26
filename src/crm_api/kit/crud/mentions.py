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
    faults: list[Fault] = []
    named: dict[str, tuple[Listing, UUID]] = {}
    for at, one in new.items():
        listing = _listing(tx, one["target"])
        if listing is None:
            message = f"There are no records of the kind {one['target'][:60]!r}."
            faults.append(Fault("not_a_choice", message, f"{at}/target"))
        else:
            named[f"{at}/record_id"] = (listing, UUID(one["record_id"]))
    faults += await absent(tx, named)
    if faults:
        raise Invalid(faults[0].message, faults=faults)


async def absent(tx: Tx, named: Mapping[str, tuple[Listing, UUID]]) -> list[Fault]:
    """What is wrong with records that are not there, or not seen, by where they are named.

    None of the others goes before the commit.
    """
    listings = {listing.entity: listing for listing, _ in named.values()}
    ids = sorted({id for _, id in named.values()})
    kinds = await kinds_of(tx, list(listings.values()), ids, lock=not tx.read_only)
    return [
        Fault("unknown_reference", f"There is no such {listing.entity}.", at)
        for at, (listing, id) in named.items()
        if kinds.get(id) != listing.entity
    ]


def _listing(tx: Tx, entity: str) -> Listing | None:
    found = target_of(entity)
    if found is None or (found.part and entity not in tx.catalogue.objects):
        return None
    return found if tx.actor.holds(f"{found.area}:read") else None
