"""Orders that are made, moved and changed."""

from typing import Any

from support.clients import Api
from support.quoting import act as act_on_quote
from support.quoting import quote

Body = dict[str, Any]


async def accepted(api: Api, **more: Any) -> Body:
    """A quote that was sent and accepted, of a deal unless it says otherwise."""
    if "deal_id" not in more:
        company = await api.made("companies", {"name": "Example Industries"})
        body = {"name": "New office", "company_id": company["id"]}
        deal = await api.made("deals", body)
        more |= {"deal_id": deal["id"], "company_id": company["id"]}
    made = await quote(api, **more)
    await act_on_quote(api, made["id"], "send")
    return await act_on_quote(api, made["id"], "accept", by="An example")


async def order_of(api: Api, quote_id: str, status: int = 201) -> Body:
    """The answer to making the order of a quote."""
    answer = await api.post(f"/v1/quotes/{quote_id}/order")
    assert answer.status_code == status, answer.text
    return answer.json()


async def order(api: Api, **more: Any) -> Body:
    """A draft by hand."""
    if "company_id" not in more:
        company = await api.made("companies", {"name": "Example Industries"})
        more["company_id"] = company["id"]
    lines = [{"name": "Assembly", "unit_price": "90", "quantity": "2"}]
    return await api.made("orders", {"currency": "EUR", "lines": lines, **more})


async def act(api: Api, id: str, verb: str, status: int = 200, **body: Any) -> Body:
    """The answer to an action, which must have this status."""
    answer = await api.post(f"/v1/orders/{id}/{verb}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def win(api: Api, deal_id: str, status: int = 200, **body: Any) -> Body:
    """The answer to winning a deal."""
    answer = await api.post(f"/v1/deals/{deal_id}/win", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()
