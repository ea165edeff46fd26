"""How what bookings are reserved for stands: deals and projects, of which nobody decides meanwhile."""

from collections.abc import Mapping
from typing import Any, Literal

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid

Standing = Literal["waiting", "going", "over"]
"""Nothing is decided; it is to be done; it comes to nothing, or needs nothing more."""
_DEAL = """
    SELECT status, deleted_at FROM deals WHERE organization_id = $1 AND id = $2 FOR SHARE
"""
_PROJECT = """
    SELECT status, deleted_at FROM projects WHERE organization_id = $1 AND id = $2 FOR SHARE
"""
_ASKED = {"deal": _DEAL, "project": _PROJECT}
_STANDINGS: Mapping[str, Mapping[str, Standing]] = {
    "deal": {"open": "waiting", "won": "going"},
    "project": {"planned": "waiting", "active": "going", "on_hold": "going"},
}


def standing_of(kind: str, status: str, *, deleted: bool) -> Standing:
    """How a deal or a project stands that has this status."""
    return "over" if deleted else _STANDINGS[kind].get(status, "over")


async def need_going(tx: Tx, values: Mapping[str, Any]) -> Standing | None:
    """How that stands which a booking with these columns is reserved for; None, if for nothing.

    It is locked, so that it stands like that till the commit. Raises `Invalid` where there is no
    such record, and where it is over.
    """
    kind = values["reserved_for"]
    if kind is None:
        return None
    name = f"{kind}_id"
    if values[name] is None:
        message = f"It is said for which {kind}."
        raise Invalid.at(f"/{name}", "required", message)
    rows = await tx.write(_ASKED[kind], tx.organization_id, values[name])
    if not rows:
        raise Invalid.at(f"/{name}", "unknown_reference", f"There is no such {kind}.")
    found = standing_of(kind, rows[0]["status"], deleted=rows[0]["deleted_at"] is not None)
    if found == "over":
        message = f"The {kind} is over; nothing is reserved for it."
        fault = Fault(f"{kind}_over", message, f"/{name}")
        raise Invalid(message, faults=[fault])
    return found
