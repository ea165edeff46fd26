"""The way through the steps of a version: which comes first, which next, and where one stands.

A way is the place of a step in its list and, for each arm that was gone into before, the place of
its step and the arm's name: `[2, "then", 0]`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

Steps = Sequence[Mapping[str, Any]]
Way = tuple[int | str, ...]


def first(steps: Steps) -> Way | None:
    """The first step; None where there is none."""
    return (0,) if steps else None


def step_at(steps: Steps, way: Way) -> Mapping[str, Any]:
    """The step to which a way leads."""
    return _list_of(steps, way)[int(way[-1])]


def after(steps: Steps, way: Way) -> Way | None:
    """The step after this one: in its list, or else after the step whose arm the list is."""
    here = way
    while here:
        place = int(here[-1]) + 1
        if place < len(_list_of(steps, here)):
            return (*here[:-1], place)
        here = here[:-2]
    return None


def into(steps: Steps, way: Way, arm: str) -> Way | None:
    """The first step of an arm of this step; what comes after it where the arm is empty."""
    return (*way, arm, 0) if step_at(steps, way).get(arm) else after(steps, way)


def pointer_of(way: Way) -> str:
    """Where a step stands in its version, as a JSON pointer."""
    return "/steps/" + "/".join(map(str, way))


def _list_of(steps: Steps, way: Way) -> Steps:
    found = steps
    for place in range(0, len(way) - 1, 2):
        found = found[int(way[place])][str(way[place + 1])]
    return found
