"""Why somebody may do what with a record."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from crm_api.kit.access import Access, Action
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Invalid, NotFound
from crm_api.platform.access.granting import role_of
from crm_api.platform.access.repository import Shares
from crm_api.platform.access.rights import Rights

_EXPLAINED: tuple[Action, ...] = ("read", "update", "delete")


async def explain(service: CrudService[Any], id: UUID, user_id: UUID | None) -> dict[str, Any]:
    """Why a user may do what with a record; of others it takes `manage_roles`.

    Raises `NotFound` where there is no such record, or none that the actor sees.
    """
    tx, listing = service.tx, service.records.listing
    service.need("read")
    access = await _access(service, user_id)
    record = await service.records.row(id)
    above = await _above(service, record)
    records = Shares(tx)
    having = await records.having(above.id, access.principals)
    return {
        "user_id": access.user_id,
        "record_id": id,
        "owner_id": above.owner_id,
        "owner_is": _owner_is(access, above.owner_id),
        **{
            action: _reached(access, service.area, action, above.owner_id, having)
            for action in _EXPLAINED
        },
        "roles": [_of_role(row, service.area) for row in await records.roles(access.roles)],
        "shares": [_shared(access, row) for row in having if row["rule"] is None],
        "rules": [_ruled(access, row) for row in having if row["rule"] is not None],
        "hidden": sorted(access.hidden.get(listing.entity, ())),
        "read_only": sorted(access.read_only.get(listing.entity, ())),
    }


async def _access(service: CrudService[Any], user_id: UUID | None) -> Access:
    """The rights of the user who is meant, if the actor may know them."""
    tx, actor = service.tx, service.tx.actor
    if user_id is None:
        user_id = actor.me if actor.access is not None else None
    if user_id is None:
        raise Invalid.parameter("user", "required", "Say whose rights are meant.")
    if user_id != actor.me:
        actor.require("roles:read")
        actor.permitted("manage_roles")
    access = await Rights(tx.database).of(tx.organization_id, user_id)
    if access is None:
        raise NotFound(f"There is no user with the id {user_id} who is let in.")
    return access


async def _above(service: CrudService[Any], record: Any) -> Any:
    """The record that another one is seen with: itself, or what it is a part of."""
    listing = service.records.listing
    if listing.within is None:
        return record
    relation = listing.related[listing.within]
    of_above = service_of(service.tx, relation.target().entity)
    above_id: UUID = getattr(record, relation.local.key)
    return await of_above.records.row(above_id, deleted="include")


def _reached(
    access: Access, area: str, action: Action, owner_id: UUID | None, having: list[Any]
) -> dict[str, Any]:
    level, because = access.level(area, action), None
    if level == "all":
        because = "role"
    elif owner_id is not None and owner_id in access.owners(level):
        because = "owner" if owner_id == access.user_id else "team"
    elif level != "none":
        because = _opened(row for row in having if action == "read" or row["writes"])
    return {"allowed": because is not None, "level": level, "because": because}


def _opened(having: Iterable[Any]) -> str | None:
    ways = {"share" if row["rule"] is None else "rule" for row in having}
    return max(ways, default=None)


def _owner_is(access: Access, owner_id: UUID | None) -> str | None:
    levels = ("own", "team", "subtree")
    return next((level for level in levels if owner_id in access.owners(level)), None)


def _of_role(row: Any, area: str) -> dict[str, Any]:
    stored = {name: decode(row[name]) for name in ("levels", "masks", "permissions")}
    access = Access(
        row["id"],
        levels=stored["levels"],
        permissions=role_of({"id": row["id"], **stored}).permissions,
    )
    levels = {action: access.level(area, action) for action in _EXPLAINED}
    return {"id": row["id"], "name": row["name"], **levels}


def _shared(access: Access, row: Any) -> dict[str, Any]:
    given = _given(access, row)
    return {"share_id": row["source_id"], **given, "expires_at": row["expires_at"]}


def _ruled(access: Access, row: Any) -> dict[str, Any]:
    return {"rule_id": row["source_id"], "name": row["rule"], **_given(access, row)}


def _given(access: Access, row: Any) -> dict[str, Any]:
    by = "role"
    if row["principal_id"] == access.user_id:
        by = "user"
    elif row["principal_id"] in access.teams:
        by = "team"
    return {
        "by": by,
        "principal_id": row["principal_id"],
        "access": "write" if row["writes"] else "read",
    }
