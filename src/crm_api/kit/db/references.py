"""Which columns refer to a table: found in the foreign keys, so that none can be forgotten."""

from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import ForeignKeyConstraint, Table

from crm_api.kit.db.base import Base, Entity


@dataclass(frozen=True)
class Reference:
    """A column of a record that holds the id of another record."""

    entity: str
    table: str
    column: str

    @property
    def name(self) -> str:
        """`employments.contact_id`."""
        return f"{self.table}.{self.column}"


class NotARecord(Exception):
    """A table that is no record refers to records, so a merge could not write down what it moves."""


@lru_cache(maxsize=64)
def references_to(model: type[Entity]) -> tuple[Reference, ...]:
    """Every column that refers to a kind of record; raises `NotARecord`.

    Rows that the database removes with a record are a part of it, and no references.
    """
    found: list[Reference] = []
    for mapper in Base.registry.mappers:
        table = mapper.local_table
        assert isinstance(table, Table)
        for column in _columns(table, model):
            if not issubclass(mapper.class_, Entity):
                raise NotARecord(f"{table.name}.{column}")
            found.append(Reference(mapper.class_.entity, table.name, column))
    return tuple(sorted(found, key=lambda reference: reference.name))


def _columns(table: Table, model: type[Entity]) -> list[str]:
    return [
        element.parent.name
        for constraint in table.constraints
        if isinstance(constraint, ForeignKeyConstraint)
        and constraint.referred_table is model.__table__
        and constraint.ondelete is None
        for element in constraint.elements
        if element.column.name == "id"
    ]
