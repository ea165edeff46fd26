"""What a field reads, said beside its resolver for those who read it without."""

from dataclasses import dataclass
from typing import Any

from crm_api.kit.crud.service import CrudService

READS = "reads"
"""The key in a field's metadata."""


@dataclass(frozen=True)
class Column:
    """A field of the representation that has a resolver all the same."""


@dataclass(frozen=True)
class One:
    """A record by its id."""

    service: type[CrudService[Any]]


@dataclass(frozen=True)
class Many:
    """A page of a collection."""

    service: type[CrudService[Any]]


@dataclass(frozen=True)
class Related:
    """A relation of the record above, by its name."""

    relation: str
