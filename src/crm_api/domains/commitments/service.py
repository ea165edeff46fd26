"""The rules of commitments."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from crm_api.domains.commitments.models import Commitment
from crm_api.domains.commitments.repository import AREA, Commitments
from crm_api.domains.commitments.schemas import CommitmentCreate, CommitmentUpdate
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid, NotFound, WrongState

_PARTIES = ("company_id", "contact_id", "deal_id", "order_id", "project_id")
_SAID = ("promised_by", "text")
_DECIDED = ("status", "decided_at", "decision_comment", "overdue_told_at", "previous_id", "trail")


class CommitmentService(CrudService[Commitment]):
    """What was promised to whom, by us or by the customer."""

    repository = Commitments
    area = AREA
    plural = "commitments"
    personal = About(
        ("contact_id",), end="removed", reason="What was promised to somebody goes with them."
    )
    create_shape = CommitmentCreate
    update_shape = CommitmentUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "open",
        "overdue_told_at": None,
        "previous_id": None,
        "trail": [],
        "decided_at": None,
        "decision_comment": None,
    }
    records: Commitments

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Commitment | None, country: str | None
    ) -> dict[str, Any]:
        """Due by a day or by an instant; what is decided stays as it was promised."""
        values = super().normalise(values, current, country)
        if current is None:
            _check_due(values)
            if (values.get("source_target") is None) != (values.get("source_id") is None):
                message = "Where it comes from is a kind of record and its id."
                raise Invalid.at("/source_id", "incomplete_source", message)
        elif current.status != "open":
            changed = [n for n in _SAID if n in values and values[n] != getattr(current, n)]
            if changed:
                message = f"A commitment that is {current.status} stays as it was promised."
                faults = [Fault("commitment_decided", message, f"/{name}") for name in changed]
                raise WrongState(message, code="commitment_decided", faults=faults)
        return values

    async def prepare(self, values: dict[str, Any], current: Commitment | None) -> dict[str, Any]:
        """It is known from when on it is late, and what it comes from is there."""
        values = await super().prepare(values, current)
        if current is None:
            values["overdue_at"] = overdue_at(self.tx, values)
            await self._take_from_source(values)
        return values

    async def put_back(self, record: Commitment, values: dict[str, Any]) -> Any:
        """What an undo takes back is nothing that was decided."""
        if record.status == "open":
            return await super().put_back(record, values)
        kept = {*_SAID, *_DECIDED}
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})

    async def _take_from_source(self, values: dict[str, Any]) -> None:
        """Whom it is promised to, where that is not said, as its source says; which is seen."""
        target, id = values["source_target"], values["source_id"]
        if target is None:
            return
        try:
            source = service_of(self.tx, target)
        except NotFound:
            message = "There is no such kind of record."
            raise Invalid.at("/source_target", "not_a_choice", message) from None
        try:
            found = await source.get(id)
        except NotFound:
            message = f"There is no such {target}."
            raise Invalid.at("/source_id", "unknown_reference", message) from None
        for name in _PARTIES:
            if values[name] is None:
                values[name] = id if name == f"{target}_id" else getattr(found, name, None)
        # What the source refers to may be out of sight by itself.
        await self.guard.refer({name: values[name] for name in _PARTIES})


def _check_due(values: Mapping[str, Any]) -> None:
    if values.get("due_on") is not None and values.get("due_at") is not None:
        message = "It is due by a day or by an instant."
        raise Invalid.at("/due_at", "two_dues", message)


def overdue_at(tx: Tx, values: Mapping[str, Any]) -> datetime | None:
    """From when on it is late: the instant, or the end of the day in its time zone."""
    day = values["due_on"]
    if day is None:
        return values["due_at"]
    zone = ZoneInfo(values["time_zone"] or tx.actor.time_zone)
    return datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def successor(current: Commitment) -> dict[str, Any]:
    """The values of one that takes the place of another, but for what is agreed anew."""
    known = columns_of(current)
    stamps = ("id", "version", "created_at", "updated_at", "created_by", "updated_by")
    gone = {*stamps, "deleted_at", "deleted_by", "organization_id"}
    values = {name: value for name, value in known.items() if name not in gone}
    return {**values, **CommitmentService.begins_with, "external_ids": {}}
