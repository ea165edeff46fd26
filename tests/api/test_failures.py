"""What breaks behind the edge: masked, logged once, and told apart from a client's mistake."""

import pytest

from crm_api.main import create_app
from support.clients import Api, problem

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"
BREAK = "ALTER TABLE companies RENAME TO gone"


@pytest.mark.commits
async def test_a_mistake_of_ours_is_masked_at_both_faces(own_database):
    org = await own_database.org()
    api = await own_database.client(org)
    await own_database.owner.execute(BREAK)
    for answer in (
        await api.get("/v1/companies"),
        await api.post("/v1/companies", json={"name": "Example"}),
        # Two of a parameter are nothing that the direct way reads.
        await api.get("/v1/companies", params=[("sort", "name"), ("sort", "name")]),
    ):
        if answer.status_code != 422:
            found = problem(answer, 500, "internal")
            assert "companies" not in found["detail"]
    answer = await api.gql("{ companies { nodes { id } } }")
    (error,) = answer["errors"]
    assert error["message"] == "Something went wrong here."
    assert error["extensions"]["code"] == "internal"
    assert error["extensions"]["request_id"]


async def readiness(app):
    async with app.router.lifespan_context(app), Api(app) as api:
        return await api.get("/readyz")


async def test_nothing_is_ready_without_a_database(settings):
    answer = await readiness(create_app(settings.model_copy(update={"database_url": NOWHERE})))
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "database": "unreachable",
        "schema_revision": None,
    }


@pytest.mark.commits
async def test_nothing_is_ready_before_the_migrations(settings, empty_database):
    changed = settings.model_copy(update={"database_url": empty_database})
    answer = await readiness(create_app(changed))
    assert answer.status_code == 503
    assert answer.json()["database"] == "not migrated"
