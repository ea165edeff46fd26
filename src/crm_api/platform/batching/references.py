"""What is wrong with the references of a batch."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.references import references


def faults_of(operations: Sequence[tuple[str | None, Any]]) -> dict[int, Invalid]:
    """What is wrong with names and references, by the place of the operation.

    An operation is its name and the value that holds its references. Each refers only to those
    before it, so that nothing can go round in a circle.
    """
    places: dict[str, int] = {}
    faults: dict[int, list[Fault]] = {}
    for place, (name, _) in enumerate(operations):
        if name is not None and places.setdefault(name, place) != place:
            message = f"Operation {places[name]} has this name."
            faults.setdefault(place, []).append(Fault("repeated_name", message, "/name"))
    named = [list(references(value)) for _, value in operations]
    after = [{_target(value, places) for _, value in found} - {None} for found in named]
    for place, found in enumerate(named):
        for pointer, value in found:
            fault = _fault(value, pointer, place, places, after)
            if fault is not None:
                faults.setdefault(place, []).append(fault)
    return {place: Invalid(of[0].message, faults=of) for place, of in faults.items()}


def _fault(
    value: Mapping[str, Any],
    pointer: str,
    place: int,
    places: Mapping[str, int],
    after: Sequence[set[Any]],
) -> Fault | None:
    name, dot, field = str(value["$ref"]).partition(".")
    if len(value) > 1 or not isinstance(value["$ref"], str) or not (name and dot and field):
        message = 'A reference is {"$ref": "name.field"} and nothing else.'
        return Fault("invalid_ref", message, pointer)
    target = places.get(name)
    if target is None:
        return Fault("unknown_ref", f"No operation is named {name[:60]!r}.", pointer)
    if target < place:
        return None
    if place in _reached(target, after):
        return Fault("ref_cycle", f"{name} waits for this operation itself.", pointer)
    return Fault("forward_ref", f"{name} comes later; only earlier ones can be named.", pointer)


def _reached(start: int, after: Sequence[set[Any]]) -> set[int]:
    """The operations that one refers to, by whatever way, itself included."""
    seen: set[int] = set()
    left = [start]
    while left:
        place = left.pop()
        if place not in seen:
            seen.add(place)
            left += after[place]
    return seen


def _target(value: Mapping[str, Any], places: Mapping[str, int]) -> int | None:
    return places.get(str(value["$ref"]).partition(".")[0])
