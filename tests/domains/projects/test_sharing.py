"""Shares of the revenue of projects: what they come to, and what they keep from happening."""

from uuid import UUID

from crm_api.domains.projects.importer import ProjectImporter
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem, tx_of


async def shared(api, *shares, revenue="1000.00"):
    """A project with a milestone for each share of its revenue."""
    made = await api.made("projects", {"name": "Office", "currency": "EUR", "revenue": revenue})
    of = {"project_id": made["id"], "kind": "milestone"}
    bodies = [{**of, "name": f"At {share} %", "billing_percent": share} for share in shares]
    return made, [await api.made("project-tasks", body) for body in bodies]


async def accept(api, mark):
    return await api.post(f"/v1/project-tasks/{mark['id']}/accept")


async def test_what_is_due_is_billed_before_a_project_goes(client, database, org):
    made, (mark,) = await shared(client, "50")
    assert (await accept(client, mark)).status_code == 200
    path = f"/v1/projects/{made['id']}"
    for query in ("", "?purge=true"):
        found = problem(await client.delete(path + query), 409, "open_billing")
        assert found["errors"][0]["message"] == "At 50 %: due, and not billed."
    id = UUID(made["id"])
    async with unit_of_work(tx_of(database, org)) as tx:
        assert await ProjectImporter().in_use(tx, "project", [id]) == {id}
    answer = await client.post(f"/v1/project-tasks/{mark['id']}/bill", json={"reference": "7"})
    assert answer.status_code == 200, answer.text
    assert (await client.delete(path)).status_code == 204
