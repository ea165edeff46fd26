"""Filters that the service has joined of several: sealed, so that lists take what is larger than one.

Whoever gets such a filter, as for the records behind a cell, gives it back with its seal.
"""

from collections.abc import Mapping
from typing import Any

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.taking import JOINED

_PARAMETER = "seal"


def joined(filter: Mapping[str, Any], listing: Listing, tx: Tx) -> Filter:
    """A filter of several, each within its limits; raises `Invalid`."""
    return parse(filter, listing, tx, limits=JOINED)


def sealed(filter: Mapping[str, Any], listing: Listing, tx: Tx) -> str:
    """The seal of such a filter, for lists of this organization's records."""
    return seal(tx.database.signing_key, _context(filter, listing, tx), [])


def opened(filter: Mapping[str, Any], given: str, listing: Listing, tx: Tx) -> Filter:
    """A filter that comes back with its seal; raises `Invalid` where that is of another one."""
    try:
        unseal(tx.database.signing_key, _context(filter, listing, tx), given, parameter=_PARAMETER)
    except Invalid:
        message = "The seal is not of this filter: give both as they were answered."
        raise Invalid.parameter(_PARAMETER, "wrong_seal", message) from None
    return joined(filter, listing, tx)


def _context(filter: Mapping[str, Any], listing: Listing, tx: Tx) -> bytes:
    return context_of("filter", tx.organization_id, listing.entity, _ordered(filter))


def _ordered(value: Any) -> Any:
    """The same whatever the order of its keys, and whether a whole number is written with a point.

    What writes JSON for whoever gives it back keeps neither.
    """
    if isinstance(value, Mapping):
        found: Mapping[str, Any] = value
        return [[key, _ordered(found[key])] for key in sorted(found)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_ordered(one) for one in value] if isinstance(value, list | tuple) else value
