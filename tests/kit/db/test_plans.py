"""How PostgreSQL reads a tenant of 50,000 contacts beside another one."""

import asyncio
import json
from uuid import UUID

import asyncpg
import pytest

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.kit.db.tx import Tx
from crm_api.kit.query import search
from crm_api.kit.query.documents import scope_of
from crm_api.kit.query.search import question_of
from support.members import member

ROWS = 50_000
ID = "('01990000-0000-7000-8000-' || lpad(to_hex({}), 12, '0'))::uuid"
FILL = f"""
    INSERT INTO companies (organization_id, id, name, sort_name, domains, lifecycle, emails, phones,
        addresses, tags, version, created_at, updated_at)
    SELECT $1, {ID.format("g + 9000000")}, 'Company ' || g, 'company ' || g, '[]', 'target', '[]',
        '[]', '[]', '[]', 1, now() - g * interval '1 minute', now() - g * interval '1 minute'
    FROM generate_series(1, $2 / 10) g
"""
FILL_CONTACTS = f"""
    INSERT INTO contacts (organization_id, id, name, sort_name, last_name, lifecycle, company_id,
        email, emails, phones, addresses, tags, version, created_at, updated_at)
    SELECT $1, {ID.format("g")}, 'Person ' || g, 'person ' || md5(g::text), 'Person ' || g, 'lead',
        {ID.format("9000001 + g % ($2 / 10)")}, 'p' || g || '@example.com',
        '[]', '[]', '[]', '[]', 1, now() - g * interval '1 second', now() - g * interval '7 second'
    FROM generate_series(1, $2) g
"""
FILL_KEYS = f"""
    INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
    SELECT $1, 'contact', 'email', 'p' || g || '@example.com', {ID.format("g")}
    FROM generate_series(1, $2) g
"""
FILL_WORDS = f"""
    INSERT INTO search_documents (organization_id, entity, words, record_id)
    SELECT $1, 'contact', array_to_tsvector(ARRAY[scope || 'aperson', scope || 'aw' || md5(g::text),
        scope || 'bgroup' || g % 5, scope || 'dthing' || g % 1000]), {ID.format("g")}
    FROM generate_series(1, $2) g, LATERAL (SELECT translate(left(encode(decode(
        md5($1::uuid::text || 'contact'), 'hex'), 'base64'), 4), '+/', '-_')) s (scope)
"""
FILL_EVENTS = f"""
    INSERT INTO events (organization_id, id, type, entity, record_id, version, data, actor_kind,
        occurred_at)
    SELECT $1, {ID.format("g")}, 'contact.created', 'contact', {ID.format("g")}, 1, '{{}}', 'key',
        now()
    FROM generate_series(1, $2) g
"""
FILL_PRODUCTS = f"""
    INSERT INTO products (organization_id, id, sku, name, sort_name, names, type, status,
        descriptions, attributes, options, needs, tags, version, created_at, updated_at)
    SELECT $1, {ID.format("g")}, 'SKU-' || g, 'Product ' || g, 'product ' || g, '{{}}', 'good',
        'active', '{{}}', '{{}}', '[]', '[]', '[]', 1, now(), now()
    FROM generate_series(1, $2) g
"""
FIELD = UUID("01990000-0000-7000-8000-0000000f1e1d")
FILL_REFERENCES = f"""
    INSERT INTO custom_values (organization_id, record_id, field_id, place, reference)
    SELECT $1, {ID.format("g")}, '{FIELD}', 0, {ID.format("9000001 + g % ($2 / 10)")}
    FROM generate_series(1, $2) g
"""
SHARER = "('01990000-0000-7000-9000-' || lpad(to_hex({}), 12, '0'))::uuid"
FILL_SHARES = f"""
    INSERT INTO record_access (organization_id, principal_id, entity, record_id, source_id, writes,
        record_created_at)
    SELECT $1, {SHARER.format("who")}, 'contact', {ID.format("g")}, {ID.format("g")}, false,
        now() - g * interval '1 second'
    FROM generate_series(1, $2) g, generate_series(1, 20) who WHERE (g + who) % ($2 / 200) = 0
"""


@pytest.fixture(scope="module")
async def big(servers):
    """The URL of a database with two tenants; the id of the large one."""
    name = "big_tenant"
    url = await asyncio.to_thread(servers.clone, f"{name}_{id(servers)}")
    connection = await asyncpg.connect(url)
    org = UUID("01990000-0000-7000-8000-00000000000a")
    small = UUID("01990000-0000-7000-8000-00000000000b")
    fills = (FILL, FILL_CONTACTS, FILL_KEYS, FILL_WORDS, FILL_EVENTS, FILL_SHARES, FILL_PRODUCTS)
    fills = (*fills, FILL_REFERENCES)
    for fill in fills:
        statement = await connection.prepare(fill)
        await statement.fetch(org, ROWS)
        await statement.fetch(small, ROWS // 10)
    await connection.execute("VACUUM ANALYZE")
    yield connection, org
    await connection.close()
    await asyncio.to_thread(servers.drop, f"{name}_{id(servers)}")


async def statement_of(monkeypatch, client, path, *, of="", json=None, **params):
    """The first SQL, with this in it, and its arguments that a request sends."""
    sent = []
    fetch = Tx.fetch

    async def recorded(self, sql, *args):
        sent.append((sql, list(args)))
        return await fetch(self, sql, *args)

    monkeypatch.setattr(Tx, "fetch", recorded)
    if json is None:
        answer = await client.get(path, params=params)
    else:
        answer = await client.post(path, json=json)
    assert answer.status_code in {200, 404, 422}, answer.text
    monkeypatch.undo()
    return next(found for found in sent if of in found[0])


def nodes(plan):
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def plan_of(connection, org, sql, args, *, role="crm_app", analyze=True):
    """The plan as a role that is bound to an organization."""
    async with connection.transaction():
        await connection.execute("SET LOCAL jit = off")
        await connection.execute(f"SET LOCAL ROLE {role}")
        await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(org))
        how = "ANALYZE, " if analyze else ""
        rows = await connection.fetch(f"EXPLAIN ({how}FORMAT JSON) {sql}", *args)
    return json.loads(rows[0][0])[0]["Plan"]


def check(plan, *, beyond=True, most=500):
    """No large table is read from end to end, and indexes are entered beyond the tenant."""
    conditions = []
    for node in nodes(plan):
        assert node["Node Type"] not in {"Seq Scan", "Parallel Seq Scan"}, plan
        if "Index Cond" in node:
            conditions.append(node["Index Cond"])
        if node["Node Type"] in {"Index Scan", "Index Only Scan", "Bitmap Heap Scan"}:
            removed = node.get("Rows Removed by Filter", 0)
            assert node["Actual Rows"] + removed <= most, node
        assert node["Node Type"] != "Sort" or node["Actual Rows"] <= most, node
    assert conditions, plan
    if beyond:
        assert any(c.count("=") + c.count("<") + c.count(">") > 1 for c in conditions), conditions


SORTS = ["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"]


@pytest.mark.parametrize("sort", SORTS)
async def test_first_page_is_read_in_order(big, monkeypatch, client, org, sort):
    connection, tenant = big
    sql, args = await statement_of(monkeypatch, client, "/v1/contacts", sort=sort)
    args = [tenant if arg == org.id else arg for arg in args]
    check(await plan_of(connection, tenant, sql, args), beyond=False, most=60)


@pytest.mark.parametrize("sort", SORTS)
async def test_later_page_costs_the_same(big, monkeypatch, client, org, sort):
    connection, tenant = big
    for n in range(3):
        await client.made("contacts", {"last_name": f"Person {n}"})
    first = await client.read("contacts", sort=sort, limit=1)
    sql, args = await statement_of(
        monkeypatch, client, "/v1/contacts", sort=sort, limit=1, cursor=first["next_cursor"]
    )
    column = sort.removeprefix("-")
    stored = {"name": "sort_name"}.get(column, column)
    middle = await connection.fetchrow(
        f"SELECT {stored}, id FROM contacts WHERE organization_id = $1 ORDER BY 1 OFFSET {ROWS // 2} "
        "LIMIT 1",
        tenant,
    )
    last = first["data"][0]["id"]
    args = [tenant if arg == org.id else arg for arg in args]
    args = [middle[1] if str(arg) == last else arg for arg in args]
    kind = type(middle[0])
    args = [middle[0] if type(arg) is kind else arg for arg in args]
    check(await plan_of(connection, tenant, sql, args), most=60)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        *(("/v1/contacts", {"sort": sort}) for sort in SORTS),
        ("/v1/contacts", {"count": "exact"}),
        ("/v1/contacts", {"filter[title]": "A"}),
        ("/v1/contacts/01990000-0000-7000-8000-000000000309", {}),
        ("/v1/contacts", {"filter[company][name][starts_with]": "Company 1"}),
    ],
    ids=str,
)
async def test_what_is_shared_is_looked_up(big, monkeypatch, client, org, path, params):
    """Somebody who has 200 of 50,000 records by shares reads these and no more."""
    connection, tenant = big
    rep = await member(client, "sales_rep")
    of = "count_1 \nFROM contacts" if "count" in params else "SELECT contacts."
    sql, args = await statement_of(monkeypatch, rep.api, path, of=of, **params)
    sharer = await connection.fetchval("SELECT " + SHARER.format("1"))
    given = [
        [sharer] if isinstance(arg, list | tuple) else tenant if arg == org.id else arg
        for arg in args
    ]
    plan = await plan_of(connection, tenant, sql, given)
    for node in nodes(plan):
        assert node.get("Relation Name") != "contacts" or node["Node Type"] != "Seq Scan", plan
        assert node["Actual Rows"] + node.get("Rows Removed by Filter", 0) <= 300, node
    if "-created_at" in params.values():
        records = [node for node in nodes(plan) if node.get("Index Name") == "pk_contacts"]
        assert [node["Actual Loops"] for node in records] == [51], plan
    conditions = [node["Index Cond"] for node in nodes(plan) if "Index Cond" in node]
    assert any("principal_id" in c or "record_id" in c for c in conditions), conditions


@pytest.mark.parametrize(
    ("params", "most"),
    [
        ({"filter[emails]": "p777@example.com"}, 60),
        ({"filter[id]": "01990000-0000-7000-8000-000000000309"}, 60),
        ({"filter[company_id]": "01990000-0000-7000-8000-000000895441"}, 200),
        ({"filter[created_at][gt]": "2199-01-01T00:00:00Z"}, 60),
    ],
    ids=lambda value: next(iter(value), "") if isinstance(value, dict) else "",
)
async def test_filters_use_indexes(big, monkeypatch, client, org, params, most):
    connection, tenant = big
    sql, args = await statement_of(monkeypatch, client, "/v1/contacts", **params)
    args = [tenant if arg == org.id else arg for arg in args]
    check(await plan_of(connection, tenant, sql, args), most=most)


@pytest.mark.parametrize(
    "asked",
    [
        {"count": {"gte": 1}},
        {"some": {"title": "A"}},
        {"none": {"title": "A"}},
        {"max": {"field": "version", "gte": 2}},
    ],
    ids=str,
)
async def test_what_refers_by_a_custom_field_is_looked_up(big, monkeypatch, client, org, asked):
    connection, tenant = big
    field = {"target": "contact", "name": "partner", "type": "relation", "relates_to": "company"}
    defined = await client.made("custom-fields", field)
    one = "01990000-0000-7000-8000-000000895441"
    body = {"filter": {"id": one, "custom": {"contact.partner": asked}}}
    sql, args = await statement_of(
        monkeypatch, client, "/v1/companies/query", of="custom_values", json=body
    )
    swapped = {org.id: tenant, UUID(defined["id"]): FIELD}
    plan = await plan_of(connection, tenant, sql, [_swapped(arg, swapped) for arg in args])
    check(plan, most=60)
    read = [node for node in nodes(plan) if node.get("Relation Name") == "custom_values"]
    assert read, plan
    assert all("reference" in node["Index Cond"] for node in read), read


def _swapped(arg, swapped):
    return swapped.get(arg, arg) if isinstance(arg, UUID) else arg


async def test_record_is_found_by_its_key(big, monkeypatch, client, org):
    connection, tenant = big
    id = "01990000-0000-7000-8000-000000000309"
    sql, args = await statement_of(monkeypatch, client, f"/v1/contacts/{id}")
    args = [tenant if arg == org.id else arg for arg in args]
    check(await plan_of(connection, tenant, sql, args), most=1)


async def test_look_up_keys_are_found_by_value(big):
    connection, tenant = big
    sql = (
        "SELECT value, record_id FROM record_keys WHERE organization_id = $1 AND entity = $2 "
        "AND kind = $3 AND value = ANY($4) ORDER BY record_id"
    )
    values = [f"p{n}@example.com" for n in range(20)]
    check(await plan_of(connection, tenant, sql, [tenant, "contact", "email", values]), most=25)


async def test_products_of_lines_are_found_by_their_ids(big, monkeypatch, client, org):
    connection, tenant = big
    known = [UUID(int=0x01990000_0000_7000_8000_000000000000 + n) for n in range(1, 51)]
    lines = [{"product_id": str(known[0]), "quantity": "1", "unit_price": "1"}]
    body = {"currency": "EUR", "lines": lines}
    sql, args = await statement_of(
        monkeypatch, client, "/v1/quotes/calculate", of="FROM products p", json=body
    )
    args = [tenant if arg == org.id else known if arg == known[:1] else arg for arg in args]
    plan = await plan_of(connection, tenant, sql, args)
    (read,) = [node for node in nodes(plan) if node.get("Relation Name") == "products"]
    assert "id = ANY" in read["Index Cond"], read


async def test_history_and_feed_use_indexes(big):
    connection, tenant = big
    sql = (
        "SELECT id FROM events WHERE organization_id = $1 AND record_id = $2 AND seq < 99 "
        "ORDER BY seq DESC LIMIT 51"
    )
    one = UUID("01990000-0000-7000-8000-000000000309")
    plan = await plan_of(connection, tenant, sql, [tenant, one])
    assert all(node["Node Type"] != "Seq Scan" for node in nodes(plan)), plan
    feed = (
        "SELECT id FROM events WHERE organization_id = $1 AND (tx, seq) > ($2, $3) "
        "ORDER BY tx, seq LIMIT 50"
    )
    check(await plan_of(connection, tenant, feed, [tenant, 0, 0]), most=60)


READ = (
    "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relname = 'search_documents'"
)


@pytest.mark.parametrize(
    ("asked", "most"),
    [("w{rare}", 10), ("w{rare:.12}", 10), ("person", 700), ("pers", 700), ("person w{rare:.4}", 40),
     ("person group3", 700), ("thing77", 60), ("thing7 w{rare:.3}", 60), ("nothing", 10)],
)  # fmt: skip
async def test_search_reads_its_index(big, asked, most):
    """What the search function reads of a tenant's documents, as the application."""
    connection, tenant = big
    rare = await connection.fetchval("SELECT md5('777')")
    question = question_of([CONTACTS], asked.format(rare=rare), None)
    scope = scope_of(tenant, "contact")
    sql = (
        "SELECT tier, record_id FROM crm_search('{contact}', $1::text[]::tsquery[], "
        "$2::text[]::tsquery[], 4, '{3,4}', 1, NULL, 21, true)"
    )
    async with connection.transaction():
        before = await connection.fetchrow(READ)
        await connection.execute("SET LOCAL ROLE crm_app")
        await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(tenant))
        found = await connection.fetch(sql, question.queries(scope), question.starts(scope))
        await connection.execute("RESET ROLE")
        after = await connection.fetchrow(READ)
    assert bool(found) == (asked != "nothing")
    assert after["seq_scan"] == before["seq_scan"]
    # The sample comes on top.
    assert after["idx_tup_fetch"] - before["idx_tup_fetch"] <= 256 + most


async def test_whole_fields_are_looked_up(big, monkeypatch, client, org):
    connection, tenant = big
    large = {"contacts", "companies", "record_keys"}
    for asked in ("Person 777", "p777@example.com", "01990000-0000-7000-8000-000000000309"):
        sql, args = await statement_of(monkeypatch, client, "/v1/search", q=asked)
        args = [tenant if arg == org.id else arg for arg in args]
        for mode in ("force_custom_plan", "force_generic_plan"):
            async with connection.transaction():
                await connection.execute(f"SET LOCAL plan_cache_mode = {mode}")
                plan = await plan_of(connection, tenant, sql, args)
            for node in nodes(plan):
                # Tables that the tenant has no rows of may be read as they like, and what never
                # runs reads nothing: no id is asked for by a name.
                if node["Actual Loops"] and node.get("Relation Name") in large:
                    assert "Index" in node["Node Type"], node
                    assert node["Actual Rows"] * node["Actual Loops"] <= 10


async def test_new_words_are_noted_by_index(big):
    """What a new document costs does not grow with the words that are known."""
    connection, tenant = big
    read = (
        "SELECT seq_scan, idx_tup_fetch FROM pg_stat_xact_all_tables WHERE relname = 'search_words'"
    )
    scope, id = scope_of(tenant, "contact"), UUID("01990000-0000-7000-8000-0000dead0000")
    async with connection.transaction():
        # What is read of an index alone is not counted.
        await connection.execute("SET LOCAL enable_indexonlyscan = off")
        before = await connection.fetchrow(read)
        await connection.execute("SET LOCAL ROLE crm_app")
        await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(tenant))
        await connection.execute(
            "INSERT INTO search_documents (organization_id, entity, words, record_id) "
            "VALUES ($1, 'contact', $2::text::tsvector, $3)",
            tenant,
            f"'{scope}aperson' '{scope}aunheardof'",
            id,
        )
        await connection.execute("RESET ROLE")
        after = await connection.fetchrow(read)
        noted = await connection.fetch("SELECT word FROM search_words WHERE record_id = $1", id)
        await connection.execute("DELETE FROM search_documents WHERE record_id = $1", id)
        await connection.execute("DELETE FROM search_words WHERE record_id = $1", id)
    assert [row["word"] for row in noted] == ["unheardof"]
    assert after["seq_scan"] == before["seq_scan"]
    assert after["idx_tup_fetch"] - before["idx_tup_fetch"] <= 5


async def test_frequent_words_are_looked_up_row_by_row(big, monkeypatch, client, org):
    """A sorted list whose search has too many hits walks in the order of its sort."""
    connection, tenant = big
    monkeypatch.setattr(search, "MANY", 1)
    for n in range(3):
        await client.made("contacts", {"last_name": f"Person Group1 {n}"})
    sent = []
    fetch = Tx.fetch

    async def recorded(self, sql, *args):
        sent.append((sql, list(args)))
        return await fetch(self, sql, *args)

    monkeypatch.setattr(Tx, "fetch", recorded)
    answer = await client.get("/v1/contacts", params={"q": "person group", "sort": "name"})
    assert len(answer.json()["data"]) == 3
    monkeypatch.undo()
    sql, args = sent[-1]
    own, theirs = scope_of(org.id, "contact"), scope_of(tenant, "contact")
    args = [arg.replace(own, theirs) if isinstance(arg, str) else arg for arg in args]
    args = [tenant if arg == org.id else arg for arg in args]
    plan = await plan_of(connection, tenant, sql, args)
    check(plan, beyond=False, most=60)
