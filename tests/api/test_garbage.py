"""Requests leave nothing to the collector of garbage, whose turns keep other requests waiting."""

import gc
from collections import Counter
from contextlib import contextmanager

from crm_api.kit.crud.reads import Reads
from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.tx import Tx

NAMES = "{ contacts(first: 5) { nodes { id name company { name } } } }"


@contextmanager
def left_over():
    """Counts what only the collector would free of what a block has made."""
    found = Counter()
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        yield found
        gc.collect()
        ours = (one for one in gc.garbage if isinstance(one, Tx | Reads | Repository))
        found.update(type(one).__name__ for one in ours)
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


async def test_what_a_request_has_made_is_freed_at_its_end(client):
    made = (await client.post("/v1/contacts", json={"last_name": "Sample"})).json()

    async def ask():
        path = f"/v1/contacts/{made['id']}"
        answers = [
            await client.get(path),
            await client.get("/v1/contacts?limit=2&filter[last_name]=Sample&count=exact"),
            await client.patch(path, json={"title": "Buyer"}),
            await client.post("/v1/contacts", json={"last_name": "Other"}),
            await client.post("/graphql", json={"query": NAMES}),
        ]
        assert all(answer.status_code < 300 for answer in answers)

    await ask()  # what is learned once stays
    with left_over() as found:
        for _ in range(3):
            await ask()
    assert not found
