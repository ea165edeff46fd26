"""The rules of a definition: what goes together, and what a computed field may be over."""

from collections.abc import Collection, Mapping
from typing import Any

from crm_api.kit.custom.catalogue import Catalogue, CustomFields
from crm_api.kit.custom.fields import (
    COMPUTED_TYPES,
    SEARCHABLE_TYPES,
    UNIQUE_TYPES,
    CustomField,
    Option,
    Rollup,
)
from crm_api.kit.custom.formulas import OPERANDS, RESULTS, Kind, compiled
from crm_api.kit.custom.values import read
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.query.filters import rolled
from crm_api.kit.query.targets import target_of
from crm_api.kit.values.errors import BadValue

_CHOICES = {"select", "multiselect"}
# They change with every write, or are no part of what a record says.
_UNSTEADY = {"version", "updated_at", "deleted_at"}
_ROLLED = {"day": "date", "instant": "datetime", "integer": "integer"}


Rule = tuple[str, Any, str]
"""A field, whether it is wrong, and why."""


def definition_faults(after: Mapping[str, Any], targets: Collection[str]) -> list[Fault]:
    """What of a definition does not go together."""
    rules = [*_parts(after, targets), *_switches(after)]
    found = [Fault("invalid", text, pointer=f"/{name}") for name, broken, text in rules if broken]
    if after["default"] is not None and not found:
        try:
            default_of(after)
        except BadValue as error:
            found.append(Fault(error.code, str(error), pointer="/default"))
    return found


def _parts(after: Mapping[str, Any], targets: Collection[str]) -> list[Rule]:
    """What a type takes, and no other does."""
    kind, relates_to = after["type"], after["relates_to"]
    listed = ", ".join(sorted(targets))
    leads_nowhere = kind == "relation" and relates_to not in targets
    return [
        ("target", after["target"] not in targets, f"Records with custom fields are: {listed}."),
        (
            "options",
            (kind in _CHOICES) != bool(after["options"]),
            "A select has options, and nothing else has.",
        ),
        (
            "relates_to",
            leads_nowhere or (kind != "relation" and relates_to is not None),
            f"A relation refers to one of {listed}; nothing else does.",
        ),
        ("currency", after["currency"] and kind != "money", "Only amounts have a currency."),
        (
            "formula",
            (kind == "formula") != (after["formula"] is not None),
            "A formula field has a formula, and nothing else has.",
        ),
        (
            "result_type",
            (kind == "formula") != (after["result_type"] is not None) and kind != "rollup",
            "A formula field says the type of its result, and nothing else does.",
        ),
        (
            "rollup",
            (kind == "rollup") != (after["rollup"] is not None),
            "A rollup field has a rollup, and nothing else has.",
        ),
    ]


def _switches(after: Mapping[str, Any]) -> list[Rule]:
    """What may be switched on for which types."""
    kind, is_computed = after["type"], after["type"] in COMPUTED_TYPES
    bare = after["unique"] or kind == "relation" or is_computed
    return [
        ("required", after["required"] and is_computed, "What is computed is not required."),
        ("indexed", after["indexed"] and kind == "rollup", "A rollup has no index."),
        (
            "unique",
            after["unique"] and kind not in UNIQUE_TYPES,
            f"A {kind} field cannot be unique.",
        ),
        (
            "searchable",
            after["searchable"] and (after["result_type"] or kind) not in SEARCHABLE_TYPES,
            f"The words of a {kind} field are not searched.",
        ),
        (
            "default",
            after["default"] is not None and bare,
            "A unique field, a relation and what is computed have no default.",
        ),
    ]


def default_of(after: Mapping[str, Any]) -> Any:
    field = CustomField(
        id=new_id(),
        target=after["target"],
        name=after["name"],
        label=after["label"],
        type=after["type"],
        options=tuple(Option(**option) for option in after["options"]),
        currency=after["currency"],
    )
    return read(field, after["default"], None)


def computed_faults(after: dict[str, Any], fields: CustomFields, tx: Tx) -> list[Fault]:
    """What is wrong with a formula or a rollup; fills in what it reads, and its result."""
    after["uses"] = {}
    try:
        if after["formula"] is not None:
            after["uses"] = _uses(after, fields)
        if after["rollup"] is not None:
            after["result_type"] = _result(after, tx)
        return _sight_faults(after, fields)
    except BadValue as error:
        return [Fault(error.code, str(error), pointer="/formula")]
    except (Invalid, Forbidden) as error:
        return list(error.faults) or [Fault(error.own_code, error.detail, pointer="/rollup")]


def _sight_faults(after: Mapping[str, Any], fields: CustomFields) -> list[Fault]:
    """Where a search would tell everybody what only some may see."""
    reads = [fields.get(used.removeprefix("custom.")) for used in after["uses"] if "." in used]
    guarded = after["visible_to"] or any(field and field.walls for field in reads)
    if after["searchable"] and guarded:
        message = "A search would tell everybody what only some may see."
        return [Fault("invalid", message, pointer="/searchable")]
    readers = [f.name for f in fields.by_name.values() if f.searchable and _reads(f, after, fields)]
    if after["visible_to"] and readers:
        message = f"{readers[0]!r} is computed from it, and searched by everybody."
        return [Fault("invalid", message, pointer="/visible_to")]
    return []


def _reads(field: CustomField, after: Mapping[str, Any], fields: CustomFields) -> bool:
    """Whether a formula is computed from a field, by way of others too."""
    return any(
        used == f"custom.{after['name']}"
        or ((inner := fields.get(used.removeprefix("custom."))) and _reads(inner, after, fields))
        for used in field.uses
        if "." in used
    )


def _uses(after: Mapping[str, Any], fields: CustomFields) -> dict[str, str]:
    """What a formula reads."""
    listing = target_of(after["target"])
    assert listing is not None

    def kind_of(name: str) -> Kind | None:
        head, _, own = name.partition(".")
        if own:
            field = fields.get(own)
            readable = field is not None and field.type != "rollup" and own != after["name"]
            return OPERANDS.get(field.kind) if field is not None and readable else None
        known = listing.fields.get(head)
        return OPERANDS.get(known.kind) if known is not None and head not in _UNSTEADY else None

    found = compiled(after["formula"], kind_of)
    wanted = RESULTS[after["result_type"]]
    if found.kind != wanted:
        message = (
            f"The formula gives a {found.kind}; a {after['result_type']} is made of a {wanted}."
        )
        raise BadValue("wrong_result", message)
    _refuse_circle(after["name"], found.uses, fields)
    return dict(found.uses)


def _refuse_circle(name: str, uses: Collection[str], fields: CustomFields) -> None:
    left, seen = [*uses], set[str]()
    while left:
        used = left.pop()
        if used == f"custom.{name}":
            raise BadValue("circle", "The formula would be computed from itself.")
        field = fields.get(used.removeprefix("custom.")) if "." in used else None
        if field is not None and used not in seen:
            seen.add(used)
            left += field.uses


def _result(after: Mapping[str, Any], tx: Tx) -> str:
    """The type of what a rollup computes."""
    listing = target_of(after["target"])
    assert listing is not None
    rollup = Rollup(**after["rollup"])
    if (rollup.function == "count") != (rollup.field is None):
        message = "All but `count` are over a field."
        raise Invalid.at("/rollup/field", "invalid", message)
    field = CustomField(
        id=new_id(),
        target=after["target"],
        name=after["name"],
        label=after["label"],
        type="rollup",
        rollup=rollup,
        result_type="decimal",
    )
    core, _ = rolled(field, listing, tx)
    *_, source, _filter = core
    if rollup.function == "count":
        return "integer"
    return "decimal" if rollup.function == "avg" else _ROLLED.get(source[2], "decimal")


def users_of(catalogue: Catalogue, target: str, name: str) -> list[str]:
    """What reads a custom field: computed fields, as `contact.score`, and rules that share."""
    rules = [
        f"sharing_rule.{rule.id}"
        for rule in catalogue.rules.get(target, ())
        if _names(rule.filter, name, inside=False)
    ]
    return rules + [
        f"{entity}.{field.name}"
        for entity, fields in catalogue.entities.items()
        for field in fields.by_name.values()
        if (entity == target and f"custom.{name}" in field.uses)
        or (field.rollup is not None and _rolls(field.rollup, entity, target, name))
    ]


def rollups_over(catalogue: Catalogue, object: str) -> list[str]:
    """The rollups of other kinds over the records of a custom object, as `contact.cars`."""
    return [
        f"{entity}.{field.name}"
        for entity, fields in catalogue.entities.items()
        for field in fields.by_name.values()
        if entity != object
        and field.rollup is not None
        and field.rollup.relation.startswith(f"{object}.")
    ]


def _rolls(rollup: Rollup, entity: str, target: str, name: str) -> bool:
    back = f"{target}.{name}"
    if rollup.relation == back or _names(rollup.filter, back, inside=False):
        return True
    over, _, reverse = rollup.relation.partition(".")
    listing = target_of(entity)
    if not reverse and listing is not None:
        relation = listing.related.get(over)
        over = relation.target().entity if relation is not None else ""
    return over == target and (
        rollup.field == f"custom.{name}" or _names(rollup.filter, name, inside=False)
    )


def _names(filter: Any, name: str, *, inside: bool) -> bool:
    """Whether a filter names a custom field, of whatever record."""
    if isinstance(filter, list):
        return any(_names(part, name, inside=inside) for part in filter)
    if not isinstance(filter, dict):
        return False
    named = filter.get("field")
    if named == f"custom.{name}" or (inside and named == name):
        return True
    return any(
        (inside and key == name) or _names(part, name, inside=key == "custom")
        for key, part in filter.items()
    )
