"""`custom` of the filter language: by the names of fields, or as a list that says their types too.

`{"tier": {"eq": "gold"}}` and `[{"field": "tier", "text": {"eq": "gold"}}]` are the same condition.
The list is what typed clients write, since it needs no keys of an organization's own.

`{"deal.partner": {"some": {…}}}` is of the deals whose relation field `partner` leads to the record;
in the list that is `{"field": "deal.partner", "referring": {"deal": {"some": {…}}}}` (ADR-0115).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from crm_api.kit.custom.catalogue import need_sight
from crm_api.kit.custom.fields import KINDS, CustomField, FilterKind
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.listing import Listing
from crm_api.kit.query.mistakes import escape, fault, short
from crm_api.kit.query.targets import kind_of, target_of

# Of types that are compared alike the one that is named first, such as `text` for `email`.
_NAMES = {kind: name for name, kind in reversed(KINDS.items())}
TYPES: dict[str, FilterKind] = {name: kind for name, kind in KINDS.items() if _NAMES[kind] == name}
"""The types that the list names, and the kind of field behind each; those of formulas and rollups
are the types of what they compute, and all that is written in letters is `text`."""
_KEYS = frozenset({"field", "currency", "related", "referring", *TYPES})


@dataclass(frozen=True)
class Asked:
    """What is asked of a field, and where that stands."""

    field: CustomField
    value: Any
    at: str
    source: Listing | None = None
    """The records that refer by the field, if it is about these."""


def asked_fields(value: Any, listing: Listing, tx: Tx, at: str) -> list[Asked]:
    """What `custom` asks; raises `Invalid`, `Forbidden` with the pointer of what is wrong."""
    if not isinstance(value, Mapping | list) or not value:
        raise fault(at, "invalid_filter", "Say a custom field, with an operator.")
    if isinstance(value, list):
        parts = (_typed(one, listing, tx, f"{at}/{n}") for n, one in enumerate(value))
        return list(chain.from_iterable(parts))
    return [_named(name, inner, listing, tx, at) for name, inner in value.items()]


def _named(name: str, inner: Any, listing: Listing, tx: Tx, at: str) -> Asked:
    here = f"{at}/{escape(name)}"
    if "." not in name:
        return Asked(_seen(name, listing, tx, here), inner, here)
    source, field = referring(name, listing, tx, here)
    return Asked(field, inner, here, source)


def there(entity: str, tx: Tx, at: str) -> Listing:
    """The collection of a kind of record that custom fields lead to or from.

    Raises `Invalid` where the organization has no such records, `Forbidden` where the actor may
    not read them.
    """
    target = target_of(entity)
    absent = target is not None and target.part and entity not in tx.catalogue.objects
    if target is None or absent:
        raise fault(at, "unknown_relation", f"There are no records of the kind {short(entity)!r}.")
    tx.actor.require(f"{target.area}:read")
    return target


def referring(name: str, listing: Listing, tx: Tx, at: str) -> tuple[Listing, CustomField]:
    """The records that `vehicle.holder` leads back to, and their field; raises as `there`."""
    entity, _, own = name.partition(".")
    source = there(entity, tx, at)
    field = tx.catalogue.of(entity).get(own)
    if field is None or field.relates_to != listing.entity:
        raise fault(at, "unknown_relation", f"{short(name)} does not lead here.")
    return source, _visible(field, tx, at)


def _seen(name: str, listing: Listing, tx: Tx, at: str) -> CustomField:
    field = tx.catalogue.of(listing.entity).get(name)
    if field is None:
        message = f"{listing.entity} has no custom field {short(name)!r}."
        raise fault(at, "unknown_field", message)
    return _visible(field, tx, at)


def _visible(field: CustomField, tx: Tx, at: str) -> CustomField:
    try:
        need_sight(field, tx.actor)
    except Forbidden as error:
        raise error.elsewhere(pointer=at) from None
    return field


def _typed(one: Any, listing: Listing, tx: Tx, at: str) -> Iterator[Asked]:
    said = _said(one, at)
    name = said.pop("field", None)
    if not isinstance(name, str):
        raise fault(f"{at}/field", "required", "Say which field.")
    if "." in name:
        yield _back(name, said, listing, tx, at)
        return
    field = _seen(name, listing, tx, f"{at}/field")
    currency = said.pop("currency", None)
    if currency is not None:
        if field.type != "money":
            raise _wrong(field, f"{at}/currency")
        yield Asked(field, {"currency": currency}, at)
    if len(said) != 1 and (said or currency is None):
        raise fault(at, "invalid_filter", f"Say {_name(field)}, and no other type.")
    for key, value in said.items():
        if key == "related":
            yield _related(field, value, f"{at}/related")
        elif key == "referring" or TYPES[key] != field.kind:
            raise _wrong(field, f"{at}/{key}")
        else:
            yield Asked(field, value, f"{at}/{key}")


def _said(one: Any, at: str) -> dict[str, Any]:
    if not isinstance(one, Mapping):
        raise fault(at, "invalid_filter", "Say a custom field, its type and an operator.")
    for key in one:
        if key not in _KEYS:
            raise fault(f"{at}/{escape(key)}", "unknown_key", f"Say {', '.join(sorted(_KEYS))}.")
    # Clients with types write null for what they leave out.
    return {key: inner for key, inner in one.items() if inner is not None}


def _related(field: CustomField, value: Any, at: str) -> Asked:
    """What is asked of the record that a field refers to, by the kind of that."""
    if field.type != "relation":
        raise _wrong(field, at)
    target = target_of(field.relates_to or "")
    kind = field.relates_to if target is None else kind_of(target)
    if not isinstance(value, Mapping) or len(value) != 1 or kind not in value:
        raise fault(at, "wrong_type", f"{field.name} refers to records of the kind {kind}.")
    return Asked(field, value[kind], f"{at}/{kind}")


def _back(name: str, said: Mapping[str, Any], listing: Listing, tx: Tx, at: str) -> Asked:
    """What is asked of the records that refer by a field, by their kind."""
    source, field = referring(name, listing, tx, f"{at}/field")
    kind, value = kind_of(source), said.get("referring")
    if said.keys() != {"referring"} or not isinstance(value, Mapping) or value.keys() != {kind}:
        message = f"Of {short(name)} say `referring`, with records of the kind {kind}."
        raise fault(at, "wrong_type", message)
    return Asked(field, value[kind], f"{at}/referring/{kind}", source)


def _wrong(field: CustomField, at: str) -> Invalid:
    return fault(at, "wrong_type", f"{field.name} is compared as {_name(field)}.")


def _name(field: CustomField) -> str:
    return _NAMES[field.kind]
