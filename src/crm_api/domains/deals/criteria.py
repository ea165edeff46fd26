"""What stages ask of deals: whether that can be asked, and what of it a deal has not."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast
from uuid import UUID

from crm_api.domains.deals.repository import DEALS
from crm_api.domains.deals.schemas import DealUpdate
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.query.conditions import check, passes

CRITERIA = ("entry_criteria", "exit_criteria")
_CUSTOM = "custom."


def check_criteria(tx: Tx, values: Mapping[str, Any]) -> None:
    """Raise `Invalid` where a stage asks for what deals cannot have."""
    faults: list[Fault] = []
    for name in CRITERIA:
        try:
            check(tx, DEALS, values.get(name) or {})
        except (Invalid, Forbidden) as error:
            moved = [
                Fault(f.code, f.message, (f.pointer or "").replace("/filter", f"/{name}", 1))
                for f in error.faults
            ]
            faults += moved or [Fault(error.own_code, error.detail, f"/{name}")]
    known = tx.catalogue.of(DEALS.entity)
    faults += [
        Fault("unknown_field", f"Deals have no field {name!r}.", f"/required_fields/{place}")
        for place, name in enumerate(values.get("required_fields") or ())
        if not _is_field(known, name)
    ]
    if faults:
        raise Invalid("A stage asks for what deals cannot have.", faults=faults)


def _is_field(known: Any, name: str) -> bool:
    if name.startswith(_CUSTOM):
        return known.get(name.removeprefix(_CUSTOM)) is not None
    return name in DealUpdate.model_fields and name not in {"custom", "external_ids", "checked"}


def missing_fields(deal: Mapping[str, Any], names: Iterable[str]) -> list[Fault]:
    """The fields of some that a deal has nothing in; `custom.<name>` is at `/custom/<name>`."""
    faults: list[Fault] = []
    for name in names:
        is_custom = name.startswith(_CUSTOM)
        own = name.removeprefix(_CUSTOM)
        value = deal["custom"].get(own) if is_custom else deal.get(own)
        if value is None or value in ("", [], {}):
            at = f"/custom/{own}" if is_custom else f"/{own}"
            faults.append(Fault("required_field", f"The stage needs {name}.", at))
    return faults


def missing_roles(there: Collection[str], roles: Iterable[str]) -> list[Fault]:
    """The roles of some that nobody has in a deal."""
    return [
        Fault("missing_role", f"The stage needs somebody who is: {role}.", "/contacts")
        for role in roles
        if role not in there
    ]


def open_items(deal: Mapping[str, Any], checklist: Sequence[Mapping[str, Any]]) -> list[Fault]:
    """What of a checklist must be done and is not."""
    return [
        Fault("not_checked", f"{item['title']}: not done yet.", "/checked")
        for item in checklist
        if item["is_required"] and item["key"] not in deal["checked"]
    ]


async def unmet(tx: Tx, id: UUID, criteria: Mapping[str, Any], code: str) -> list[Fault]:
    """The parts of a condition that a deal does not meet, each with the field it begins with.

    One that does not fit any more, because a field has gone, is not met.
    """
    faults: list[Fault] = []
    for name, part in _parts(criteria):
        if not await passes(tx, DEALS, id, part, unfit=False):
            message = f"The {code.replace('_', ' ')} of the stage are not met: {name}."
            faults.append(Fault(code, message, f"/{_place(name)}"))
    return faults


def _place(name: str) -> str:
    """The field of a deal that a part of a condition is about."""
    relation = DEALS.related.get(name)
    if relation is not None and not relation.many:
        return relation.local.key
    return "stage_id" if name in {"or", "not"} else name


def _parts(criteria: Mapping[str, Any]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """What all has to hold of a condition, piece by piece."""
    for name, part in criteria.items():
        if name == "and" and isinstance(part, list):
            for inner in cast("list[Mapping[str, Any]]", part):
                yield from _parts(inner)
        else:
            yield name, {name: part}
