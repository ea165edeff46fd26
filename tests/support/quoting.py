"""Quotes that are made, moved and looked at, and those who sell by a policy."""

from typing import Any
from uuid import uuid4

from support.clients import Api
from support.members import Member, custom_role, member

REACH = dict.fromkeys(("read", "create", "update", "delete"), "all")


async def quote(api: Api, price: str = "90", **more: Any) -> dict[str, Any]:
    """A draft for a new company with one line, unless other lines are given."""
    if "company_id" not in more:
        company = await api.made("companies", {"name": "Example Industries"})
        more["company_id"] = company["id"]
    lines = [{"name": "Assembly", "unit_price": price}]
    return await api.made("quotes", {"name": "Office", "currency": "EUR", "lines": lines, **more})


async def act(api: Api, id: str, verb: str, status: int = 200, **body: Any) -> dict[str, Any]:
    """The answer to an action, which must have this status."""
    answer = await api.post(f"/v1/quotes/{id}/{verb}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def ways(api: Api, id: str) -> dict[str, list[str]]:
    """By what may be done with a quote the codes of what stands in the way."""
    found = await api.read(f"quotes/{id}/transitions")
    return {one["verb"]: [b["code"] for b in one["blockers"]] for one in found["allowed"]}


async def product(api: Api, **more: Any) -> dict[str, Any]:
    """A chair that is sold for 100 EUR and costs 40."""
    body = {"sku": uuid4().hex, "name": "Chair", "type": "good", "status": "active"}
    priced = {"list_price": "100", "cost": "40", "currency": "EUR"}
    return await api.made("products", {**body, **priced, **more})


async def calculated(api: Api, *lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What lines come to, in EUR unless it is said otherwise."""
    body = {"currency": "EUR", "lines": list(lines), **more}
    answer = await api.post("/v1/quotes/calculate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def told(found: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """The warnings of a quote: code, place, and whether it blocks sending."""
    return [(one["code"], one["pointer"], one["blocks"]) for one in found["warnings"]]


async def sellers(api: Api, percent: str = "10") -> tuple[Member, Member]:
    """Two users who may take off so much without an approval."""
    role = await custom_role(api, levels={"*": REACH})
    await api.made(
        "discount-policies", {"name": "Sellers", "role_id": role, "max_percent": percent}
    )
    return await member(api, role), await member(api, role)


async def approval_policy(api: Api, approver: Member, **more: Any) -> dict[str, Any]:
    """A policy that wants quotes approved by one user."""
    step = {"name": "Head of sales", "approvers": [{"kind": "user", "id": approver.id}]}
    return await api.made(
        "approval-policies",
        {"name": "Quotes", "target": "quote", "filter": {}, "steps": [step], **more},
    )


async def approved(api: Api, approver: Member, id: str) -> str:
    """Submit a quote and have its one request approved; the id of the request."""
    assert (await act(api, id, "submit"))["status"] == "in_approval"
    (request,) = (await approver.api.read("approvals/to-decide"))["data"]
    answer = await approver.api.post(f"/v1/approvals/{request['id']}/approve")
    assert answer.status_code == 200, answer.text
    return request["id"]


async def offered(api: Api, **more: Any) -> tuple[dict[str, Any], str]:
    """A quote that was sent, and the path of a link of it."""
    made = await quote(api, **more)
    await act(api, made["id"], "send")
    return made, await link(api, made["id"])


async def link(api: Api, quote_id: str, **more: Any) -> str:
    """The path of a new link of a quote."""
    made = await api.made("quote-links", {"quote_id": quote_id, **more})
    return f"/public/quotes/{made['token']}"


OPTIONS: dict[str, Any] = {
    "sections": [
        {"key": "base", "title": "Chairs"},
        {"key": "more", "title": "Extras", "kind": "optional"},
        {"key": "care", "title": "Care", "kind": "alternatives"},
    ],
    "lines": [
        {"name": "Chair", "unit_price": "100", "quantity": "3", "section": "base"},
        {"name": "Cushion", "unit_price": "10.01", "quantity": "3", "section": "more"},
        {"name": "Delivery", "unit_price": "50", "section": "more", "is_selected": True},
        {"name": "Basic", "unit_price": "5", "interval": "month", "section": "care"},
        {"name": "Full", "unit_price": "9", "interval": "month", "term": 24, "section": "care",
         "discounts": [{"percent": "10"}]},
    ],
}  # fmt: skip
"""A quote with one option that is chosen, one that is not, and two alternatives."""
