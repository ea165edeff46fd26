"""What the parts of the product declare of customers; the registry tells it once."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.sight import Services
from crm_api.kit.customer360 import RollUp, Section, Signal
from crm_api.kit.parts import Part
from crm_api.kit.touchpoints import Touchpoint


class Declared:
    """The points of contact, sections, roll-ups and signals of all parts."""

    services: ClassVar[Services] = {}
    """The collections by the word for a record."""
    touchpoints: ClassVar[Mapping[str, Touchpoint]] = {}
    """By the topic."""
    sections: ClassVar[Sequence[Section]] = ()
    roll_ups: ClassVar[Sequence[RollUp]] = ()
    signals: ClassVar[Sequence[Signal]] = ()

    @classmethod
    def tell(cls, parts: Iterable[Part], services: Services) -> None:
        """Take up what these parts declare; raises ValueError where a topic or name is unknown."""
        parts = list(parts)
        cls.services = services
        found = [one for part in parts for one in part.touchpoints]
        cls.touchpoints = {one.topic: one for one in found}
        cls.sections = tuple(one for part in parts for one in part.sections)
        cls.roll_ups = tuple(one for part in parts for one in part.roll_ups)
        cls.signals = tuple(one for part in parts for one in part.signals)
        unknown = [one.topic for one in found if one.entity not in services]
        names = [(type(one), one.name) for one in (*cls.sections, *cls.roll_ups)]
        if unknown or len(cls.touchpoints) < len(found) or len(set(names)) < len(names):
            raise ValueError(f"Declared twice, or of no collection: {unknown or names}.")

    @classmethod
    def service(cls, entity: str) -> type[CrudService[Any]] | None:
        """What is in charge of a kind of record, if there is such a kind."""
        return cls.services.get(entity)
