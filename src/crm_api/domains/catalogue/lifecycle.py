"""Where a product or variant stands: draft, active, discontinued, archived."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.catalogue.models import Status
from crm_api.kit.crud.service import CrudService, E
from crm_api.kit.db.json import parsed
from crm_api.kit.errors import Fault, Invalid, WrongState

MAY_FOLLOW: Mapping[str, tuple[Status, ...]] = {
    "draft": ("active", "archived"),
    "active": ("discontinued",),
    "discontinued": ("active", "archived"),
    "archived": ("discontinued",),
}
FIRST = ("draft", "active")
VERBS: Mapping[str, str] = {
    "active": "activated",
    "discontinued": "discontinued",
    "archived": "archived",
}
"""How the event is called that tells of a status."""


class LifecycleService(CrudService[E]):
    """Keeps the status to what may follow, and has events tell of it by its own name."""

    async def blockers(self, record: Mapping[str, Any]) -> list[Fault]:
        """What stands in the way of a record's being active."""
        del record
        return []

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """Refuse a status that may not follow; raises `WrongState`, `Invalid`."""
        values = await super().prepare(values, current)
        status = values.get("status")
        if current is None and status not in FIRST:
            raise not_a_beginning()
        before: str | None = getattr(current, "status", None)
        if before is not None and status not in {None, before}:
            _need_following(before, str(status))
        return values

    async def need_ready(self, record: Mapping[str, Any]) -> None:
        """Refuse a record that cannot be active; raises `Invalid`."""
        if faults := await self.blockers(record):
            raise not_ready(faults)

    async def change(
        self,
        current: E,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Set what differs; another status has an event of its own name."""
        status = values.get("status", getattr(current, "status", None))
        if verb == "updated" and status != getattr(current, "status", None):
            verb = VERBS.get(str(status), verb)
        return await super().change(current, values, verb=verb, told=told)

    async def transitions(self, id: UUID) -> dict[str, Any]:
        """Where a record stands and what may follow, with what stands in the way."""
        self.need("read")
        row = await self.records.row(id)
        record = {name: parsed(getattr(row, name)) for name in self.records.listing.shown}
        status = record["status"]
        blockers = await self.blockers(record) if "active" in MAY_FOLLOW[status] else []
        return {
            "status": status,
            "allowed": [
                {"status": next, "blockers": _told(blockers) if next == "active" else []}
                for next in MAY_FOLLOW[status]
            ],
        }


def not_a_beginning() -> Invalid:
    """The error for a new record that is at its end already."""
    return Invalid.at("/status", "not_a_beginning", "A new one is a draft, or active.")


def not_ready(faults: Sequence[Fault]) -> Invalid:
    """The error for a record that cannot be active, with what stands in the way."""
    return Invalid("It cannot be active yet.", code="not_ready", faults=faults)


def _need_following(before: str, after: str) -> None:
    allowed = MAY_FOLLOW[before]
    if after not in allowed:
        message = f"From {before} it may become {' or '.join(allowed)}, not {after}."
        raise WrongState(
            message,
            code="illegal_transition",
            faults=[Fault("illegal_transition", message, "/status")],
            details={"allowed": list(allowed)},
        )


def _told(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{"code": f.code, "message": f.message, "pointer": f.pointer} for f in faults]
