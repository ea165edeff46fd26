"""Users with roles, and clients that act for them."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from support.clients import Api


@dataclass(frozen=True)
class Member:
    """A user, and a client whose key acts for them."""

    id: str
    api: Api


async def role_of(api: Api, key: str) -> str:
    """The id of a role that every organization begins with."""
    (role,) = (await api.read("roles", **{"filter[key]": key}))["data"]
    return role["id"]


async def custom_role(api: Api, **body: Any) -> str:
    """The id of a new role."""
    return (await api.made("roles", {"name": "Example", **body}))["id"]


async def new_user(api: Api, *role_ids: str) -> str:
    """The id of a new user who has these roles."""
    body = {"email": f"member-{uuid4().hex[:12]}@example.com", "name": "Sample Member"}
    return (await api.made("users", {**body, "role_ids": role_ids}))["id"]


async def key_for(api: Api, user_id: str, *scopes: str) -> Api:
    """A client whose key acts for a user."""
    body = {"name": "Example", "scopes": scopes or ("*",), "user_id": user_id}
    return Api(api.app, (await api.made("api-keys", body))["token"])


async def member(api: Api, *roles: str, scopes: tuple[str, ...] = ()) -> Member:
    """A new user with roles, each by the key of a common one or by its id."""
    ids = [role if len(role) == 36 else await role_of(api, role) for role in roles]
    user_id = await new_user(api, *ids)
    return Member(user_id, await key_for(api, user_id, *scopes))


async def team(api: Api, *members: Member, parent: str | None = None) -> str:
    """The id of a new team with these members."""
    made = await api.made("teams", {"name": "Example Team", "parent_id": parent})
    for one in members:
        await api.made("team-members", {"team_id": made["id"], "user_id": one.id})
    return made["id"]
