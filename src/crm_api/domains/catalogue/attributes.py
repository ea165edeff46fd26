"""Attributes of products: what a category says of them, and values that fit it."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_api.kit.custom.fields import CustomField, Option
from crm_api.kit.custom.values import read
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.values.errors import BadValue

Schema = Mapping[str, Mapping[str, Any]]
"""What counts for a category: the definitions by their keys."""
_ANY = UUID(int=0)


def read_values(schema: Schema, given: Mapping[str, Any], country: str | None) -> dict[str, Any]:
    """Values as they are stored; raises `Invalid` with all that do not fit."""
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for key, value in given.items():
        pointer = f"/attributes/{key}"
        if key not in schema:
            message = "Products of the category have no such attribute."
            faults.append(Fault("unknown_attribute", message, pointer))
            continue
        try:
            found[key] = read(field_of(schema[key]), value, country)
        except BadValue as error:
            faults.append(Fault(error.code, str(error), pointer))
    if faults:
        raise Invalid("An attribute does not fit the category.", faults=faults)
    return found


def lacking(schema: Schema, values: Mapping[str, Any]) -> list[Fault]:
    """The required attributes that are not there."""
    return [
        Fault("required", f"The category requires {told['label']}.", f"/attributes/{key}")
        for key, told in schema.items()
        if told["required"] and values.get(key) is None
    ]


def combined(levels: Iterable[tuple[UUID, Iterable[Mapping[str, Any]]]]) -> dict[str, Any]:
    """What counts for the last of some categories, of which each stands below the one before."""
    return {
        definition["key"]: {**definition, "category_id": category_id}
        for category_id, definitions in levels
        for definition in definitions
    }


def field_of(told: Mapping[str, Any]) -> CustomField:
    """A definition as a custom field: there is one way to read values that an organization defines."""
    return CustomField(
        id=_ANY,
        target="product",
        name=told["key"],
        label=told["label"],
        type=told["type"],
        options=tuple(Option(choice, choice) for choice in told["choices"]),
    )
