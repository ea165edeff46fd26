"""People who have joined an organization and log in."""

from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from support.clients import Api
from support.members import custom_role, role_of

PASSWORD = "plainly an example of 2026"
_addresses = count(1)


@dataclass
class Person:
    """An account, and its membership of the organization that invited it."""

    email: str
    user_id: str
    organization_id: str
    password: str = PASSWORD


def new_address() -> str:
    """An address that no account has."""
    return f"member-{next(_addresses)}-{uuid4().hex[:8]}@example.com"


async def invited(
    admin: Api, email: str | None = None, *, role: str | None = None
) -> tuple[dict[str, Any], str]:
    """A user of the admin's organization, and the token of the invitation.

    Without a `role` the user may do everything, and is not the last who must be kept.
    """
    role_id = await (
        custom_role(admin, permissions=["*"]) if role is None else role_of(admin, role)
    )
    body = {"name": "Sample Member", "email": email or new_address(), "role_ids": [role_id]}
    user = await admin.made("users", body)
    answer = await admin.post(f"/v1/users/{user['id']}/invite")
    assert answer.status_code == 200, answer.text
    return user, answer.json()["token"]


async def joined(
    admin: Api, email: str | None = None, password: str = PASSWORD, *, role: str | None = None
) -> Person:
    """A person who has accepted an invitation."""
    user, token = await invited(admin, email, role=role)
    body = {"token": token, "password": password}
    answer = await admin.post("/v1/auth/accept-invitation", json=body)
    assert answer.status_code == 200, answer.text
    return Person(user["email"], user["id"], answer.json()["organization_id"], password)


async def logged_in(app: Any, person: Person, **more: Any) -> dict[str, Any]:
    """The tokens of a new session."""
    async with Api(app) as api:
        body = {"email": person.email, "password": person.password, **more}
        answer = await api.post("/v1/auth/login", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()
