"""The touches that parts of the product declare; the registry tells them once."""

from collections.abc import Iterable, Mapping
from typing import ClassVar

from crm_api.kit.crud.sight import Services
from crm_api.kit.parts import Part
from crm_api.kit.touches import Touch


class Declared:
    """The touches of all parts."""

    services: ClassVar[Services] = {}
    """The collections by the word for a record."""
    touches: ClassVar[Mapping[str, Touch]] = {}
    """By the topic."""

    @classmethod
    def tell(cls, parts: Iterable[Part], services: Services) -> None:
        """Take up what these parts declare; raises ValueError where a topic is there twice."""
        found = [(topic, one) for part in parts for one in part.touches for topic in one.topics]
        cls.services, cls.touches = services, dict(found)
        if len(cls.touches) < len(found):
            raise ValueError("A topic is declared twice.")
