"""Words that an older version wrote, written anew."""

from crm_api.kit.db.database import WORKER_ROLE, Database
from crm_api.platform.search.reindexing import reindex
from crm_api.registry import SEARCHED


async def test_reindexing_finds_again_what_was_lost(client, other, org, owner, world, monkeypatch):
    monkeypatch.setattr("crm_api.platform.search.reindexing._BATCH", 2)
    names = ["Anna", "Berta", "Clara", "Dora", "Emma"]
    for name in names:
        await client.made("contacts", {"first_name": name, "last_name": "Example"})
    gone = await client.made("contacts", {"last_name": "Example"})
    await client.delete(f"/v1/contacts/{gone['id']}")
    await client.made("companies", {"name": "Example"})
    await other.made("contacts", {"last_name": "Example"})
    for table in ("search_documents", "search_words"):
        await owner.execute(f"DELETE FROM {table} WHERE organization_id = $1", org.id)
    assert (await client.read("search", q="exampl"))["data"] == []
    database = Database(world.url, signing_key=b"x" * 32, role=WORKER_ROLE)
    try:
        assert await reindex(database, SEARCHED, [org.id]) == 6
        assert len((await client.read("search", q="example"))["data"]) == 6
        assert len((await client.read("search", q="exampel"))["data"]) == 6
        found = await database.ask("SELECT id FROM crm_organization_ids()")
        assert org.id in {row[0] for row in found}
    finally:
        await database.close()
