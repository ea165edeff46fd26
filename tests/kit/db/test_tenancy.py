"""The wall between organizations, as the database keeps it."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import Select

from crm_api.kit.query import page
from support.clients import Api
from support.factories import KINDS
from support.people import joined

TABLES = """
    SELECT c.oid::regclass::text AS name, c.relrowsecurity, c.relforcerowsecurity,
           pg_get_userbyid(c.relowner) AS owner
    FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND c.relname <> 'alembic_version'
"""
KEYS = """
    SELECT c.conrelid::regclass::text AS name, c.conname, c.contype::text,
           (SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = c.conrelid AND a.attnum = c.conkey[1]) AS first
    FROM pg_constraint c
    WHERE c.connamespace = 'public'::regnamespace AND c.contype IN ('p', 'u', 'f')
"""
UNIQUE_INDEXES = """
    SELECT i.indrelid::regclass::text AS name, i.indexrelid::regclass::text AS index,
           (SELECT a.attname FROM pg_attribute a
             WHERE a.attrelid = i.indrelid AND a.attnum = i.indkey[0]) AS first
    FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
    WHERE c.relnamespace = 'public'::regnamespace AND i.indisunique
"""
ROOT = "organizations"
# Rows of the whole installation, each open only to a transaction that names it.
SHARED = {
    "accounts": "account",
    "login_attempts": "attempts",
    "signing_keys": "signing",
    "schedules": "schedule",
}


async def tables(owner):
    return [row["name"] for row in await owner.fetch(TABLES) if row["name"] != "alembic_version"]


@pytest.fixture
async def as_app(world):
    """A connection with the application's role and no organization."""
    connection = await asyncpg.connect(world.url, server_settings={"role": "crm_app"})
    yield connection
    await connection.close()


async def test_every_table_is_forced_behind_row_level_security(owner):
    for row in await owner.fetch(TABLES):
        assert row["relrowsecurity"], row["name"]
        assert row["relforcerowsecurity"], row["name"]
        assert row["owner"] not in {"crm_app", "crm_worker"}, row["name"]


async def test_every_table_has_a_policy_for_reading_and_writing(owner):
    query = "SELECT policyname, roles, qual, with_check FROM pg_policies WHERE tablename = $1"
    for name in await tables(owner):
        policies = {row["policyname"]: row for row in await owner.fetch(query, name)}
        own = "named" if name in SHARED else "tenant"
        column = "id" if name == ROOT else "organization_id"
        for part in (policies[own]["qual"], policies[own]["with_check"]):
            if name in SHARED:
                assert part.count("=") == part.count(f"current_setting('app.{SHARED[name]}'"), name
                continue
            assert part.startswith(f"({column} = "), name
            assert "app.organization_id" in part
        # Whoever sees all is none of the roles that serve requests.
        for other in policies.keys() - {own}:
            assert set(policies[other]["roles"]) <= {"crm_worker", "crm_definer", "crm_rotator"}, (
                name,
                other,
            )


async def test_organization_leads_every_key(owner):
    for row in [*await owner.fetch(KEYS), *await owner.fetch(UNIQUE_INDEXES)]:
        if row["name"] not in {ROOT, "alembic_version", *SHARED}:
            assert row["first"] == "organization_id", dict(row)


async def test_roles_can_do_nothing_beyond_their_rows(owner):
    query = """
        SELECT rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolcanlogin
        FROM pg_roles WHERE rolname LIKE 'crm\\_%'
    """
    rows = await owner.fetch(query)
    assert {row["rolname"] for row in rows} >= {"crm_app", "crm_worker", "crm_definer"}
    assert not [dict(row) for row in rows if any(list(row)[1:])]
    owned = "SELECT count(*) FROM pg_class WHERE relowner IN ('crm_app'::regrole, 'crm_worker'::regrole)"
    assert await owner.fetchval(owned) == 0
    for right in ("TRUNCATE", "REFERENCES", "TRIGGER"):
        for name in await tables(owner):
            assert not await owner.fetchval(
                "SELECT has_table_privilege('crm_app', $1, $2)", name, right
            )
    assert not await owner.fetchval("SELECT has_schema_privilege('crm_app', 'public', 'CREATE')")


async def test_definer_functions_have_a_fixed_search_path(owner):
    query = """
        SELECT proname, proconfig, pg_get_userbyid(proowner) AS owner,
               has_function_privilege('public', oid, 'EXECUTE') AS everybody
        FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
    """
    rows = await owner.fetch(query)
    assert rows
    for row in rows:
        assert row["owner"] == "crm_definer"
        assert row["proconfig"][0] == "search_path=pg_catalog, public, pg_temp"
        assert not row["everybody"], row["proname"]


async def test_rows_of_the_installation_are_open_to_who_names_them(as_app, client):
    one, two = await joined(client), await joined(client)
    seen = "SELECT email FROM accounts"
    assert await as_app.fetch(seen) == []
    async with as_app.transaction():
        await as_app.execute("SELECT set_config('app.account', $1, true)", one.email)
        assert [row["email"] for row in await as_app.fetch(seen)] == [one.email]
        update = "UPDATE accounts SET epoch = 9 WHERE email = $1"
        assert await as_app.execute(update, two.email) == "UPDATE 0"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with as_app.transaction():
                await as_app.execute("UPDATE accounts SET email = 'x', id = gen_random_uuid()")
    assert await as_app.fetch(seen) == []
    for table in SHARED:
        assert await as_app.fetch(f"SELECT 1 FROM {table}") == [], table


async def test_events_are_never_changed(as_app):
    for statement in ("UPDATE events SET type = 'x'", "DELETE FROM events"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_app.execute(statement)


async def test_nothing_is_seen_without_an_organization(as_app, client, owner):
    for kind in KINDS:
        await kind.make(client)
    for bound in (None, "", str(uuid4())):
        if bound is not None:
            await as_app.execute("SELECT set_config('app.organization_id', $1, false)", bound)
        for name in await tables(owner):
            assert await as_app.fetchval(f"SELECT count(*) FROM {name}") == 0, name


async def test_nothing_is_written_without_or_for_another_organization(as_app, client, org):
    await client.made("companies", {"name": "Example"})
    insert = (
        "INSERT INTO search_documents (organization_id, record_id, entity, words) "
        "VALUES ($1, $2, 'contact', ''::tsvector)"
    )
    for bound in (None, str(uuid4())):
        if bound is not None:
            await as_app.execute("SELECT set_config('app.organization_id', $1, false)", bound)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await as_app.execute(insert, org.id, uuid4())
        assert await as_app.execute("UPDATE companies SET name = 'Taken'") == "UPDATE 0"
        assert await as_app.execute("DELETE FROM companies") == "DELETE 0"
    await as_app.execute("SELECT set_config('app.organization_id', $1, false)", str(org.id))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await as_app.execute("UPDATE companies SET organization_id = $1", uuid4())


async def test_references_stay_inside(owner, client, other):
    mine = await client.made("companies", {"name": "Mine"})
    theirs = await other.made("contacts", {"last_name": "Theirs"})
    answer = await other.patch(f"/v1/contacts/{theirs['id']}", json={"company_id": mine["id"]})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/company_id"


async def test_connections_that_change_hands_never_leak(world, app):
    orgs = [await world.org() for _ in range(20)]
    clients = [Api(app, org.token) for org in orgs]
    made = [await api.made("companies", {"name": f"Of {n}"}) for n, api in enumerate(clients)]

    async def ask(turn: int) -> None:
        n = turn % len(orgs)
        kind = turn % 3
        if kind == 0:
            page = await clients[n].read("companies")
            assert [row["id"] for row in page["data"]] == [made[n]["id"]]
        elif kind == 1:
            foreign = made[(n + 7) % len(orgs)]["id"]
            assert (await clients[n].get(f"/v1/companies/{foreign}")).status_code == 404
        else:
            path = f"/v1/companies/{made[n]['id']}"
            changed = await clients[n].patch(path, json={"source": f"turn {turn}"})
            assert changed.status_code == 200

    for begin in range(0, 400, 50):
        await asyncio.gather(*(ask(turn) for turn in range(begin, begin + 50)))
    for api in clients:
        await api.aclose()


async def test_second_wall_holds_without_the_first(client, other, monkeypatch, other_org):
    """Reads show nothing foreign even when every statement has lost its tenant."""
    made = {kind: await kind.make(other) for kind in KINDS}

    def unfiltered(listing, query: Select, deleted):
        return query

    monkeypatch.setattr(page, "base", unfiltered)
    for kind in KINDS:
        monkeypatch.setitem(kind.listing.__dict__, "statements", {})
        foreign = made[kind]["id"]
        for params in ({"limit": 200}, {"deleted": "include"}, {"filter[id]": foreign}):
            listed = await client.read(kind.path, **params)
            assert foreign not in {row["id"] for row in listed["data"]}
        assert (await client.get(f"/v1/{kind.path}/{foreign}")).status_code == 404


async def test_search_stays_inside(client, other):
    await client.made("contacts", {"last_name": "Unmistakable"})
    assert (await other.read("contacts", q="unmistakable"))["data"] == []
    assert len((await client.read("contacts", q="unmistakable"))["data"]) == 1


STRAYS = {
    test_every_table_is_forced_behind_row_level_security: (
        "CREATE TABLE strays (organization_id uuid, id uuid, PRIMARY KEY (organization_id, id))"
    ),
    test_every_table_has_a_policy_for_reading_and_writing: (
        "CREATE TABLE strays (organization_id uuid, id uuid, PRIMARY KEY (organization_id, id)); "
        "ALTER TABLE strays ENABLE ROW LEVEL SECURITY; ALTER TABLE strays FORCE ROW LEVEL SECURITY"
    ),
    test_organization_leads_every_key: "CREATE TABLE strays (id uuid PRIMARY KEY)",
}


@pytest.mark.commits
@pytest.mark.parametrize(
    ("check", "stray"), STRAYS.items(), ids=lambda v: getattr(v, "__name__", "")
)
async def test_a_table_that_was_forgotten_is_found(own_database, check, stray):
    """The checks above say something: each of them fails for a table without its wall."""
    await check(own_database.owner)
    await own_database.owner.execute(stray)
    with pytest.raises((AssertionError, KeyError)):
        await check(own_database.owner)
