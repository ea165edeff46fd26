"""One filter, asked in every way in which it can be."""

from collections.abc import AsyncIterator
from typing import Any

from support.clients import Api
from support.filters import brackets
from support.graph import body_as_graph, camel


async def found_by(
    api: Api, path: str, type: str, node: Any, named: Any = None
) -> AsyncIterator[tuple[str, list[str]]]:
    """The ids that each transport finds in a collection, of which `type` is the one of GraphQL.

    `named` is the same filter by the names of custom fields, where `node` has them typed.
    """
    bodies = {"query": node} if named is None else {"query": node, "named": named}
    for way, filter in bodies.items():
        body = {"filter": filter, "limit": 200, "count": "exact"}
        posted = await api.post(f"/v1/{path}/query", json=body)
        assert posted.status_code == 200, (posted.text, filter)
        assert posted.json()["total"] == len(posted.json()["data"])
        yield way, [row["id"] for row in posted.json()["data"]]
    name = camel(path.replace("-", "_"))
    document = f"query($w: {type}Where) {{ {name}(where: $w, first: 200) {{ nodes {{ id }} }} }}"
    shown = await api.data(document, w=body_as_graph(node))
    yield "graphql", [row["id"] for row in shown[name]["nodes"]]
    params = brackets(node if named is None else named)
    if params is not None:
        listed = await api.read(path, limit=200, **params)
        yield "brackets", [row["id"] for row in listed["data"]]
