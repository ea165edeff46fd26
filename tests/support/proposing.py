"""Recipes, what is proposed by them, and past quotes that something is learned of."""

from typing import Any
from uuid import uuid4

from support.clients import Api

Body = dict[str, Any]


async def company(api: Api, **more: Any) -> Body:
    return await api.made("companies", {"name": "Example Industries", **more})


async def sold(api: Api, name: str, price: str | None = "100", **more: Any) -> Body:
    """A product with a price in EUR."""
    body = {"sku": uuid4().hex, "name": name, "type": "good", "status": "active"}
    priced = {} if price is None else {"list_price": price, "currency": "EUR"}
    return await api.made("products", {**body, **priced, **more})


async def relation(api: Api, one: Body, kind: str, other: Body, **more: Any) -> Body:
    body = {"product_id": one["id"], "related_id": other["id"], "kind": kind, **more}
    return await api.made("product-relations", body)


async def recipe(api: Api, tiers: dict[str, list[Body]], **more: Any) -> Body:
    """An active recipe, by tier what it offers."""
    made = [{"tier": tier, "items": items} for tier, items in tiers.items()]
    return await api.made(
        "proposal-recipes", {"name": "Office", "status": "active", "tiers": made, **more}
    )


async def ask(api: Api, customer: Body, kind: str = "companies", **more: Any) -> Any:
    """The answer to a request, which may fail."""
    params = {"commit": "true"} if more.pop("commit", False) else {}
    headers = more.pop("headers", {})
    return await api.post(
        f"/v1/{kind}/{customer['id']}/proposals",
        json={"currency": "EUR", **more},
        params=params,
        headers=headers,
    )


async def proposed(api: Api, customer: Body, kind: str = "companies", **more: Any) -> Body:
    """What is proposed."""
    answer = await ask(api, customer, kind, **more)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


def names(found: Body) -> dict[str, list[str]]:
    """By label what the lines are called."""
    return {one["label"]: [line["name"] for line in one["lines"]] for one in found["drafts"]}


def draft(found: Body, label: str = "good") -> Body:
    return next(one for one in found["drafts"] if one["label"] == label)


def missing(found: Body) -> list[tuple[str, str | None]]:
    """What a draft has left out: code and name."""
    return [(one["code"], one["name"]) for one in found["left_out"]]


def reasons(found: Body) -> dict[str, str]:
    """By name of the line the kind of its reason."""
    return {line["name"]: line["reason"]["kind"] for line in found["lines"]}


async def past(api: Api, owner: Any, lines: list[list[Body]]) -> None:
    """Quotes that were accepted, one of each of these lists of products."""
    ids = []
    for products in lines:
        body = {"currency": "EUR", "lines": [{"product_id": one["id"]} for one in products]}
        ids.append((await api.made("quotes", body))["id"])
    await owner.execute(
        "UPDATE quotes SET status = 'accepted', number = 'P-' || id, sent_at = now(), "
        "decided_at = now() WHERE id = ANY($1)",
        ids,
    )
