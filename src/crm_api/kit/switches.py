"""Which modules an organization has switched off, and what of the product that closes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from crm_api.kit.errors import ModuleDisabled, ModuleReadOnly

State = Literal["enabled", "read_only", "disabled"]
READING = frozenset({"read", "export"})
"""What may be done in a module that is read-only."""
_NO_MODULES: frozenset[str] = frozenset()


@dataclass
class Territory:
    """What belongs to the modules that can be switched off; the registry fills it once."""

    areas: dict[str, str] = field(default_factory=dict[str, str])
    """The module of the first half of a scope, such as `contacts`."""
    routes: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The modules without which a path is not there."""
    jobs: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])
    """The modules without which a kind of job is not run."""
    fields: dict[tuple[str, str], frozenset[str]] = field(
        default_factory=dict[tuple[str, str], frozenset[str]]
    )
    """The modules without which a field of a GraphQL root type is refused."""


TERRITORY = Territory()


@dataclass(frozen=True, slots=True)
class Closed:
    """An area whose module is not wholly on."""

    module: str
    state: State

    def opens_to(self, verb: str) -> bool:
        """Whether something may still be done in it."""
        return self.state != "disabled" and verb in READING

    def refuse(self, verb: str) -> None:
        """Raise `ModuleDisabled` or `ModuleReadOnly` unless it may still be done."""
        if not self.opens_to(verb):
            error = ModuleDisabled if self.state == "disabled" else ModuleReadOnly
            raise error(self.module)


Areas = Mapping[str, Closed]
NOTHING_CLOSED: Areas = {}


class Switches:
    """The modules that an organization does not have wholly on."""

    def __init__(self, states: Mapping[str, State] | None = None) -> None:
        self.states: dict[str, State] = {
            key: state for key, state in (states or {}).items() if state != "enabled"
        }

    def of(self, key: str) -> State:
        """The state of a module."""
        return self.states.get(key, "enabled")

    @cached_property
    def disabled(self) -> frozenset[str]:
        """The modules that are as good as not there."""
        return frozenset(key for key, state in self.states.items() if state == "disabled")

    @cached_property
    def areas(self) -> Areas:
        """The areas that are closed."""
        if not self.states:
            return NOTHING_CLOSED
        return {
            area: Closed(key, self.states[key])
            for area, key in TERRITORY.areas.items()
            if key in self.states
        }

    def need(self, keys: Iterable[str]) -> None:
        """Raise `ModuleDisabled` if one of these modules is."""
        if self.disabled:
            for key in sorted(self.disabled.intersection(keys)):
                raise ModuleDisabled(key)

    def need_route(self, path: str) -> None:
        """Raise `ModuleDisabled` if a path is not there for the organization."""
        self.need(TERRITORY.routes.get(path, _NO_MODULES))

    def need_job(self, kind: str) -> None:
        """Raise `ModuleDisabled` if a kind of job is not run for the organization."""
        self.need(TERRITORY.jobs.get(kind, _NO_MODULES))

    def need_field(self, type_name: str, field_name: str) -> None:
        """Raise `ModuleDisabled` if a field of a GraphQL root type is not there."""
        self.need(TERRITORY.fields.get((type_name, field_name), _NO_MODULES))


ALL_ON = Switches()
