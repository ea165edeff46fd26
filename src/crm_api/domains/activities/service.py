"""The rules of activities."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from crm_api.domains.activities.linking import TYPED, LinkedService
from crm_api.domains.activities.models import Activity
from crm_api.domains.activities.repository import Activities
from crm_api.domains.activities.schemas import ActivityCreate, ActivityUpdate
from crm_api.domains.activities.states import BESIDE, need_changeable
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of, merged_in, patched
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.ids import new_id

LOGGED = "activity.logged"
_PARTIES = frozenset({*TYPED, "links", "is_internal"})
_TIMES = frozenset({"starts_at", "ended_at", "duration"})
_REMINDING = frozenset({"starts_at", "remind_minutes"})
_NOTHING = dict.fromkeys(("corrected_at", "correction_reason", "timer_started_at", "timer_user_id"))


class ActivityService(LinkedService[Activity]):
    """What is done with customers, or was: by whom, with whom, and how it went."""

    repository = Activities
    area = "activities"
    plural = "activities"
    personal = About(("contact_id",), end="removed", reason="What was done with somebody.")
    create_shape = ActivityCreate
    update_shape = ActivityUpdate
    records: Activities

    async def prepare(self, values: dict[str, Any], current: Activity | None) -> dict[str, Any]:
        """It has a party or is internal; what is completed stays as it is."""
        if current is not None:
            need_changeable(current, self.derive(dict(values), current))
        values = await super().prepare(values, current)
        if current is None:
            values = self.begun(values)
        return self.checked(values, current)

    def checked(
        self,
        values: dict[str, Any],
        current: Activity | None,
        *,
        whole: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """The values with the duration and the reminder that follow; raises `Invalid`."""
        if whole is None:
            whole = {**({} if current is None else columns_of(current)), **values}
        if _PARTIES & values.keys():
            _need_party(whole)
        if _TIMES & values.keys():
            values = {**values, **_lasted(whole, values)}
        if _REMINDING & values.keys():
            values = {**values, "remind_at": _reminded(whole)}
        return values

    def begun(self, values: dict[str, Any]) -> dict[str, Any]:
        """A new activity with what follows from when it is."""
        status, starts_at = values["status"], values["starts_at"]
        if status is None:
            status = "planned" if starts_at and starts_at > self.tx.now else "completed"
        done = values["ended_at"] or starts_at or self.tx.now
        return {
            **values,
            **_NOTHING,
            "id": values.get("id") or new_id(),
            "status": status,
            "completed_at": min(done, self.tx.now) if status == "completed" else None,
        }

    def add(self, values: dict[str, Any]) -> Any:
        """A new activity; one that has happened is told of as such."""
        shown = super().add({**_NOTHING, **values})
        if values["status"] == "completed":
            listing = self.records.listing
            self.tx.record(
                LOGGED,
                entity=listing.entity,
                record_id=shown.id,
                version=shown.version,
                data=listing.event_shape(*(getattr(shown, name) for name in listing.shown)),
            )
        return shown

    async def log(self, data: ActivityCreate) -> Any:
        """Write down what has happened; returns its representation."""
        return await self.create(data.model_copy(update={"status": "completed"}))

    async def corrected(self, current: Activity, data: Any) -> dict[str, Any]:
        """The values that a correction of a completed activity sets; raises `Invalid`."""
        await self._may_set(data, "update")
        given = {n: v for n, v in data.model_dump().items() if n in data.model_fields_set}
        for name in merged_in(self.create_shape) & given.keys():
            given[name] = patched(getattr(current, name), given[name])
        if "custom" in given:
            given["custom"] = await self._patched(current, given["custom"])
        await self.guard.owner_of(given, "update", current.owner_id)
        await self.guard.refer(given)
        values = await super().prepare(given, current)
        return self.checked(values, current)

    async def remove(self, records: Sequence[Activity]) -> None:
        """What goes to the bin is not timed any more."""
        for record in records:
            if record.timer_user_id is not None:
                await self.change(record, {"timer_started_at": None, "timer_user_id": None})
        await super().remove(records)

    async def put_back(self, record: Activity, values: dict[str, Any]) -> Any:
        """What an undo takes back goes by the same rules; what is completed stays."""
        if record.status == "completed" or values.get("status", record.status) == "completed":
            values = {name: value for name, value in values.items() if name in BESIDE}
        return await super().put_back(record, values)


def _need_party(whole: Mapping[str, Any]) -> None:
    if whole["is_internal"] or whole["links"]:
        return
    if all(whole[name] is None for name in TYPED):
        message = "It is about a company, a contact, a deal or another record, or is internal."
        faults = [Fault("required", message, "/links")]
        raise Invalid(message, code="no_party", faults=faults)


def _lasted(whole: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    starts_at, ended_at = whole["starts_at"], whole["ended_at"]
    if starts_at is None or ended_at is None:
        return {}
    if ended_at < starts_at:
        raise Invalid.at("/ended_at", "before_start", "It ends before it starts.")
    if values.get("duration") is not None:
        return {}
    return {"duration": int((ended_at - starts_at).total_seconds())}


def _reminded(whole: Mapping[str, Any]) -> datetime | None:
    starts_at, minutes = whole["starts_at"], whole["remind_minutes"]
    if starts_at is None or minutes is None:
        return None
    return starts_at - timedelta(minutes=minutes)


def me_of(service: ActivityService) -> UUID:
    """The user who acts; raises `Invalid` where a program does."""
    access = service.tx.actor.access
    if access is None:
        raise Invalid("A timer is a user's; this credential is nobody's.", code="no_user")
    return access.user_id
