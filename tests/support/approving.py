"""Policies of a test's organization, and what is asked by them."""

from typing import Any

from support.clients import Api
from support.members import Member, custom_role, member

STEP: dict[str, Any] = {"name": "Sales"}


def by(*who: Member, **more: Any) -> dict[str, Any]:
    """A step that asks these users."""
    return {**STEP, "approvers": [{"kind": "user", "id": one.id} for one in who], **more}


class Approving:
    """What tests do with approvals, as one client."""

    def __init__(self, client: Api) -> None:
        self.client = client

    async def policy(self, *steps: Any, **more: Any) -> str:
        """The id of a new policy for companies."""
        body = {"name": "Large customers", "target": "company", "steps": list(steps), **more}
        return (await self.client.made("approval-policies", body))["id"]

    async def company(self, **more: Any) -> dict[str, Any]:
        return await self.client.made("companies", {"name": "Example Industries", **more})

    async def asked(self, record: Any, api: Api | None = None, **more: Any) -> dict[str, Any]:
        """A new request about a company."""
        body = {"target": "company", "record_id": record["id"], **more}
        return await (api or self.client).made("approvals", body)

    async def refused(self, record: Any, **more: Any) -> Any:
        body = {"target": "company", "record_id": record["id"], **more}
        return await self.client.post("/v1/approvals", json=body)

    async def act(self, api: Api, id: str, action: str, status: int = 200, **body: Any) -> Any:
        """What came of an action."""
        answer = await api.post(f"/v1/approvals/{id}/{action}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def now(self, id: str) -> dict[str, Any]:
        return await self.client.read(f"approvals/{id}")

    async def approvers(self, count: int) -> list[Member]:
        """Users who see and may change all records."""
        reach = dict.fromkeys(("read", "create", "update", "delete"), "all")
        role = await custom_role(self.client, levels={"*": reach})
        return [await member(self.client, role) for _ in range(count)]
