"""A part of the product without its faces: what services may know of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from crm_api.kit.access import Managed
from crm_api.kit.automation import Step, Trigger
from crm_api.kit.crud.applying import Applier
from crm_api.kit.crud.personal import Person, Trace
from crm_api.kit.crud.service import CrudService
from crm_api.kit.customer360 import RollUp, Section, Signal
from crm_api.kit.jobs import Chore, Runner, Watch
from crm_api.kit.reporting import Metric, StandardReport
from crm_api.kit.secrets import SealedColumn
from crm_api.kit.standing import Standing
from crm_api.kit.tallying import Tally
from crm_api.kit.touches import Touch
from crm_api.kit.touchpoints import Touchpoint
from crm_api.kit.work import Workload


@dataclass(frozen=True)
class Use:
    """What one module keeps about the records of others, and that stops with them."""

    name: str
    """Such as `views`."""
    count: str
    """SQL that counts it: `$1` is the organization, `$2` the words for the records."""


@dataclass(frozen=True)
class Told:
    """What events of a topic are about, and say."""

    entity: str
    data: type[BaseModel]


@dataclass(frozen=True)
class Part:
    """A part of the product; organizations switch it off unless it belongs to the core."""

    key: str
    """What it goes by at `/v1/modules`."""
    title: str
    description: str
    depends_on: Sequence[str] = ()
    """The modules without which it cannot be; they come before it in the registry."""
    switchable: bool = True
    """False for what everything else is made of."""
    areas: Sequence[str] = ()
    """The first halves of its scopes, beside those of its collections."""
    managed: Mapping[str, Managed] = field(default_factory=dict[str, Managed])
    """The areas in which levels do not count: settings, which a permission opens as a whole."""
    acts: Mapping[str, str] = field(default_factory=dict[str, str])
    """What takes a permission of its own beside the right to write, with the area it is about."""
    jobs: Sequence[Runner] = ()
    chores: Sequence[Chore] = ()
    """What workers do from time to time."""
    watches: Sequence[Watch] = ()
    """What workers look after all the time."""
    services: Sequence[type[CrudService[Any]]] = ()
    """The plain collections, for the generic tests and for whatever walks all records."""
    events: Sequence[str] = ()
    """Topics beside `created`, `updated`, `deleted`, `restored` and `purged` of the collections."""
    told: Mapping[str, Told] = field(default_factory=dict[str, Told])
    """Of topics whose first word is no kind of record: what their events are about, and say."""
    reminders: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    """Topics that happen by themselves and that the owner of the record is told of, with what they
    are told in each language, such as `{record} ends soon`."""
    guarded: Mapping[str, str] = field(default_factory=dict[str, str])
    """Of some of these topics the permission whose holders are told where a record has no owner."""
    importers: Sequence[Any] = field(default=())
    """How files become records (`platform/transfer`)."""
    matchers: Sequence[Any] = field(default=())
    """How records are told to be one (`platform/duplicates`)."""
    mergers: Sequence[Any] = field(default=())
    """How records become one (`platform/merging`)."""
    appliers: Sequence[Applier] = ()
    """What packs set up by it (`platform/packs`)."""
    uses: Sequence[Use] = ()
    """What of it is about the records of other modules."""
    secrets: Sequence[SealedColumn] = ()
    """Where it keeps secrets at rest (`crm-api keys rotate`)."""
    traces: Sequence[Trace] = ()
    """What it keeps of people beside its collections (`platform/privacy`)."""
    standings: Sequence[Standing] = ()
    """How it fares, for whoever runs the organization (`platform/system`)."""
    triggers: Sequence[type[Trigger]] = ()
    """What can begin runs of rules by it (`platform/automations`)."""
    actions: Sequence[type[Step]] = ()
    """What rules can do by it."""
    work: Sequence[Workload] = ()
    """What users have to do by it, for their agendas and the ranked queue."""
    touchpoints: Sequence[Touchpoint] = ()
    """Which of its events are points of contact with a client (`domains/customers`)."""
    touches: Sequence[Touch] = ()
    """Which of its events may have brought what was won (`domains/attribution`)."""
    sections: Sequence[Section] = ()
    """What it shows of a customer in the picture of all departments."""
    roll_ups: Sequence[RollUp] = ()
    """What it adds up along the hierarchy of companies."""
    signals: Sequence[Signal] = ()
    """What it adds to the health of a customer."""
    metrics: Sequence[Metric] = ()
    """Its numbers that have a name and one definition (`domains/reports`)."""
    standard_reports: Sequence[StandardReport] = ()
    """Reports of its records that every organization has (`domains/reports`)."""
    tallies: Sequence[Tally] = ()
    """What is added up of its records in advance, for reports of very many (`domains/reports`)."""

    @property
    def entities(self) -> list[str]:
        """The words for its records."""
        return [service.repository.listing.entity for service in self.services]

    @property
    def topics(self) -> list[str]:
        """Every event type this module can emit."""
        verbs = ("created", "updated", "deleted", "restored", "purged")
        people = [
            f"{service.repository.listing.entity}.{verb}"
            for service in self.services
            if isinstance(service.personal, Person)
            for verb in ("erased", "readmitted")
        ]
        plain = (f"{e}.{verb}" for e in self.entities for verb in verbs)
        return sorted({*self.events, *people, *plain})

    @property
    def all_areas(self) -> frozenset[str]:
        """The first halves of its scopes."""
        return frozenset({*self.areas, *(service.area for service in self.services)})
