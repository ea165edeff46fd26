"""What a transaction keeps back, to send it as few statements."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy.orm import InstanceState
from sqlalchemy.orm.attributes import set_committed_value

from crm_api.kit.db import copies, inserts, removals
from crm_api.kit.db.base import Base, TenantRow
from crm_api.kit.db.tables import RecordKey
from crm_api.kit.db.taken import model_of
from crm_api.kit.db.updates import Updates

Statement = tuple[str, list[Any]]
NewRows = dict[type[Base], list[dict[str, Any]]]


class Kept:
    """New rows, removals and changes that are not sent yet."""

    def __init__(self) -> None:
        self._rows: NewRows = {}
        self._gone: dict[removals.Kind, list[tuple[Any, ...]]] = {}
        self._changes = Updates()
        self._about: set[UUID] = set()
        self.writes = 0
        """How many there have been, sent or not."""
        self.keys: Sequence[Mapping[str, Any]] = ()
        """The look-up keys among the new rows that were sent last."""

    def insert(self, model: type[Base], values: Mapping[str, Any]) -> None:
        """A new row; the organization is filled in."""
        self._rows.setdefault(model, []).append(dict(values))
        if inserts.plan_of(model).describes:
            self._about.add(values["record_id"])
        self.writes += 1

    def new(self, model: type[Base]) -> Sequence[Mapping[str, Any]]:
        """The new rows of a table."""
        return self._rows.get(model, ())

    def describes(self, record_id: UUID) -> bool:
        """Whether there are new rows by which this record is found."""
        return record_id in self._about

    def remove(self, model: type[Base], which: Mapping[str, Any]) -> None:
        """The removal of the rows with these values."""
        self._gone.setdefault((model, tuple(which)), []).append(tuple(which.values()))
        self.writes += 1

    def change(self, row: TenantRow, values: Mapping[str, Any]) -> None:
        """New values of columns of a loaded row, which shows them at once."""
        _show(row, values)
        self._changes.add(model_of(row), row.id, values)
        self.writes += 1

    def alone(self, organization_id: UUID) -> Statement | None:
        """The one statement that is all there is to send; None where it takes more."""
        if self._gone or self._changes or not self._rows or _are_many(self._rows):
            return None
        return _statement(self._take_rows(), organization_id)

    async def send(self, driver: Any, organization_id: UUID) -> int:
        """Send everything within a transaction of the driver's; the number of statements.

        Removals first, then new rows: what is removed may make room for a new row, to which a
        change may refer.
        """
        gone, self._gone = self._gone, {}
        statements = [removals.statement(k, organization_id, gone[k]) for k in gone]
        rows, changes = self._take_rows(), self._changes.take(organization_id)
        many = _are_many(rows)
        if rows and not many:
            statements.append(_statement(rows, organization_id))
        for sql, args in statements:
            await driver.fetch(sql, *args)
        if many:
            await copies.send(driver, rows, organization_id)
        for sql, args in changes:
            await driver.fetch(sql, *args)
        return len(statements) + many + len(changes)

    def _take_rows(self) -> NewRows:
        rows, self._rows = self._rows, {}
        self._about.clear()
        self.keys = rows.get(RecordKey, ())
        return rows

    def clear(self) -> None:
        """Forget everything."""
        self._rows.clear()
        self._gone.clear()
        self._changes.clear()
        self._about.clear()

    def __bool__(self) -> bool:
        return bool(self._rows or self._gone or self._changes)


def _show(row: TenantRow, values: Mapping[str, Any]) -> None:
    state: InstanceState[Any] | None = vars(row).get("_sa_instance_state")
    if state is None or not (state.expired or state.expired_attributes or state.committed_state):
        # The ORM has nothing to forget of it, nor of one that it has not loaded.
        vars(row).update(values)
        return
    for name, value in values.items():
        set_committed_value(row, name, value)


def _statement(rows: NewRows, organization_id: UUID) -> Statement:
    models = tuple(sorted(rows, key=lambda model: model.__tablename__))
    args = [inserts.encoded(model, rows[model], organization_id) for model in models]
    return inserts.statement(models), args


def _are_many(rows: NewRows) -> bool:
    return sum(map(len, rows.values())) >= copies.ENOUGH
