"""Through every step of a tree, in the order in which they stand: what is wrong with them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from crm_api.kit.automation import Checking, Step, Trigger, moved
from crm_api.kit.errors import Fault, Forbidden, Invalid

MOST_STEPS = 50
MOST_LEVELS = 5
Body = Mapping[str, Any]


async def mistakes(part: Trigger | Step, about: Checking, at: str) -> list[Fault]:
    """What is wrong with a part, with pointers that begin with `at`; raises `Forbidden`."""
    try:
        await part.check(about)
    except Invalid as error:
        about.faults += moved(error, "", "")
    except Forbidden as error:
        raise error.under(at) from None
    return [replace(fault, pointer=at + (fault.pointer or "")) for fault in about.faults]


@dataclass
class Walk:
    """A walk; `read` makes a step of what is written, `about` is what a step may refer to."""

    read: Callable[[Body, str], Step]
    about: Callable[[frozenset[str]], Checking]
    faults: list[Fault] = field(default_factory=list[Fault])
    names: set[str] = field(default_factory=set[str])
    number: int = 0

    async def whole(self, steps: Sequence[Any]) -> list[Fault]:
        """All mistakes of the steps of a version."""
        await self.all(steps, "/steps", 1)
        if self.number > MOST_STEPS:
            self._fault("/steps", "too_many", f"At most {MOST_STEPS} steps.")
        return self.faults

    async def all(self, steps: Sequence[Any], at: str, level: int) -> bool:
        """Whether nothing comes after these steps."""
        if level > MOST_LEVELS:
            self._fault(at, "too_deep", f"At most {MOST_LEVELS} branches in each other.")
            return False
        ended = False
        for place, source in enumerate(steps):
            here = f"{at}/{place}"
            if ended:
                self._fault(here, "unreachable", "Nothing leads here.")
                return True
            ended = await self._one(source, here, level)
        return ended

    async def _one(self, source: Any, at: str, level: int) -> bool:
        self.number += 1
        try:
            step = self.read(source, at)
        except Invalid as error:
            self.faults += error.faults
            return False
        self.faults += await mistakes(step, self.about(frozenset(self.names)), at)
        if step.name is not None:
            if step.name in self.names:
                self._fault(f"{at}/name", "repeated_name", "Another step has this name.")
            self.names.add(step.name)
        ends = [
            await self.all(source.get(arm) or [], f"{at}/{arm}", level + 1) for arm in step.arms
        ]
        return step.action == "stop" or (bool(ends) and all(ends))

    def _fault(self, at: str, code: str, message: str) -> None:
        self.faults.append(Fault(code, message, pointer=at))
