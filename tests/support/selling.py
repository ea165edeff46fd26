"""Pipelines with stages, and deals that move through them."""

from typing import Any

from support.clients import Api


class Pipeline:
    """A pipeline and its stages by their names."""

    def __init__(self, id: str, stages: dict[str, str]) -> None:
        self.id, self.stages = id, stages

    def __getitem__(self, name: str) -> str:
        return self.stages[name]


async def pipeline(api: Api, graph: str = "free", **stages: dict[str, Any]) -> Pipeline:
    """New, Offer and Terms, then Won and Lost; by a name what else such a stage has."""
    made = await api.made("pipelines", {"name": "Partners", "graph": graph})
    found = await api.read("stages", **{"filter[pipeline_id]": made["id"]})
    by_name = {stage["name"]: stage["id"] for stage in found["data"]}
    for place, name in enumerate(("Offer", "Terms"), 2):
        body = {
            "name": name,
            "pipeline_id": made["id"],
            "position": place,
            "probability": 20 * place,
        }
        by_name[name] = (await api.made("stages", body))["id"]
    for name, more in stages.items():
        await api.changed(f"stages/{by_name[name]}", more)
    return Pipeline(made["id"], by_name)


async def deal(api: Api, where: Pipeline, stage: str = "New", **more: Any) -> dict[str, Any]:
    """A deal in a stage."""
    return await api.made("deals", {"name": "Office", "stage_id": where[stage], **more})


async def act(api: Api, id: str, verb: str, status: int = 200, **body: Any) -> dict[str, Any]:
    """The answer to an action, which must have this status."""
    answer = await api.post(f"/v1/deals/{id}/{verb}", **({"json": body} if body else {}))
    assert answer.status_code == status, answer.text
    return answer.json()


async def ways(api: Api, id: str) -> dict[tuple[str, str], list[str]]:
    """By verb and stage the codes of what stands in the way."""
    found = await api.read(f"deals/{id}/transitions")
    return {
        (one["verb"], one["stage_name"]): [b["code"] for b in one["blockers"]]
        for one in found["allowed"]
    }


async def reason(api: Api) -> str:
    """Why deals are lost."""
    return (await api.made("loss-reasons", {"name": "Price"}))["id"]


async def board(api: Api, where: Pipeline, **params: Any) -> dict[str, Any]:
    """The columns of a board by the names of their stages."""
    found = await api.read(f"pipelines/{where.id}/board", **params)
    return {column["stage"]["name"]: column for column in found["columns"]}


async def places(api: Api, where: Pipeline, stage: str = "New") -> list[str]:
    """The names of the deals of a stage, as they stand."""
    column = (await board(api, where, limit=50))[stage]
    return [one["name"] for one in column["deals"]["data"]]


async def known(api: Api, made: dict[str, Any], *roles: str, **more: Any) -> dict[str, Any]:
    """A new person with these roles in a deal."""
    contact = await api.made("contacts", {"last_name": "Person"})
    body = {"deal_id": made["id"], "contact_id": contact["id"], "roles": list(roles)}
    return await api.made("deal-contacts", {**body, **more})
