"""A path answers to its own methods; to every other it says which those are."""

import pytest

from support.clients import pointers, problem
from support.factories import KINDS

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PLACES = {
    "{id}": "01990000-0000-7000-8000-0000000000ff",
    "{entity}": "contact",
    "{source}": "legacy",
    "{external_id}": "151",
    "{token}": "token",
    "{key}": "contacts",
    "{name}": "win_rate",
    "{object}": "vehicle",
    "{user_id}": "01990000-0000-7000-8000-0000000000fe",
}


def concrete(path):
    for place, value in PLACES.items():
        path = path.replace(place, value)
    return path


@pytest.mark.parametrize("method", METHODS)
async def test_other_methods_are_refused_with_the_known_ones(client, app, method):
    refused = 0
    for path, item in app.openapi()["paths"].items():
        known = {method.upper() for method in item}
        assert "{" not in concrete(path), f"say what stands for the parts of {path}"
        if method in known:
            continue
        answer = await client.request(method, concrete(path))
        assert answer.status_code == 405, path
        problem(answer, 405, "method_not_allowed")
        allowed = set(answer.headers["allow"].split(", "))
        # Not every document names what follows from GET.
        assert allowed - {"HEAD"} == known - {"HEAD"}, path
        refused += 1
    assert refused


@pytest.mark.parametrize("kind", KINDS, ids=str)
async def test_words_of_paths_are_no_ids(client, kind):
    """Whatever the rest of the path is, and with every method."""
    path = f"/v1/{kind.path}/query"
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        answer = await client.request(method, path, json={})
        problem(answer, 405, "method_not_allowed")
        assert answer.headers["allow"] == "POST"
    problem(await client.post(f"{path}/restore"), 404, "no_route")
    problem(await client.get(f"{path}/history"), 404, "no_route")
    assert (await client.post(path, json={})).status_code == 200
    found = problem(await client.get(f"/v1/{kind.path}/nothing"), 422, "validation")
    assert pointers(found) == ["id"]


@pytest.mark.parametrize(
    ("method", "params"),
    [("POST", {"first": "1"}), ("POST", {"filter[name]": "x"}), ("GET", {"_": "1"})],
)
async def test_graphql_knows_its_parameters(client, method, params):
    body = {"json": {"query": "{ __typename }"}} if method == "POST" else {}
    answer = await client.request(method, "/graphql", params=params, **body)
    found = problem(answer, 400, "unknown_parameter")
    assert pointers(found) == list(params)
    assert (await client.gql("{ __typename }"))["data"] == {"__typename": "Query"}
