"""Which segments speak of which: no way leads back, and those that are spoken of come first."""

from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, cast
from uuid import UUID

from crm_api.kit.db.json import parsed
from crm_api.kit.errors import Invalid

KEY = "segment"
_NO_FILTERS = frozenset({"custom", "behaviour", "consent"})


def segments_in(source: Any) -> set[UUID]:
    """The segments that a filter speaks of, wherever in it."""
    return {id for _, id in mentions(source, "/filter")}


def need_known(source: Any, known: set[UUID]) -> None:
    """Raise `Invalid` where a filter speaks of a segment that is not there."""
    for at, id in mentions(source, "/filter"):
        if id not in known:
            raise unknown_segment(at)


def unknown_segment(at: str) -> Invalid:
    """The refusal of a segment that is not there."""
    return Invalid.at(at, "unknown_segment", "There is no such segment.")


def filter_in(row: Any) -> dict[str, Any]:
    """The filter of a row of segments."""
    return parsed(row["filter"])


def chain_with(rows: Sequence[Any], changed: UUID, values: Mapping[str, Any]) -> None:
    """Raise `Invalid`, which names the way, where a changed segment would lead back to itself."""
    names = {row["id"]: row["name"] for row in rows}
    names[changed] = values.get("name", names.get(changed, ""))
    leads = {row["id"]: segments_in(filter_in(row)) for row in rows}
    leads[changed] = segments_in(values["filter"])
    try:
        TopologicalSorter(leads).prepare()
    except CycleError as error:
        # Each is spoken of by the next one.
        way = cast("list[UUID]", error.args[1])
        told = " ← ".join(names.get(id, str(id)) for id in way)
        message = f"Segments would speak of one another: {told}."
        raise Invalid.at("/filter", "segment_cycle", message) from None


def in_order(leads: Mapping[UUID, Iterable[UUID]]) -> list[UUID]:
    """Segments, each behind those of which its filter speaks."""
    return list(TopologicalSorter({id: set(of) for id, of in leads.items()}).static_order())


def mentions(source: Any, at: str) -> Iterable[tuple[str, UUID]]:
    """The segments that a filter at `at` speaks of, and where."""
    if isinstance(source, Mapping):
        for key, inner in cast("Mapping[str, Any]", source).items():
            if key == KEY:
                yield from _named(inner, f"{at}/{key}")
            elif key not in _NO_FILTERS:
                yield from mentions(inner, f"{at}/{key}")
    elif isinstance(source, list):
        for place, inner in enumerate(cast("list[Any]", source)):
            yield from mentions(inner, f"{at}/{place}")


def _named(asked: Any, at: str) -> Iterable[tuple[str, UUID]]:
    if isinstance(asked, Mapping):
        for key, inner in cast("Mapping[str, Any]", asked).items():
            if key != "as_of":
                yield from _named(inner, f"{at}/{key}")
    elif isinstance(asked, list):
        for place, inner in enumerate(cast("list[Any]", asked)):
            yield from _named(inner, f"{at}/{place}")
    elif isinstance(asked, str):
        try:
            yield at, UUID(asked)
        except ValueError:
            return
