"""Contacts, companies, their look-up keys and search words, made by SQL: the same every time."""

from uuid import UUID

import asyncpg

TABLES = ("companies", "contacts", "record_keys", "search_documents")
CONTACTS_PER_COMPANY = 20

# One record a minute, ending at a fixed moment; ids are version 7, as the service makes them.
_MADE_AT = "timestamptz '2025-01-01 00:00Z' - ($2::int - n) * interval '1 minute'"
_ID = (
    "(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7000{kind}' "
    "|| lpad(to_hex(n), 15, '0'))::uuid"
)
_CONTACT_ID = _ID.format(at=_MADE_AT, kind="8")
_COMPANY_ID = "('0190000000007000b' || lpad(to_hex({n}), 15, '0'))::uuid"
_POINT = "jsonb_build_array(jsonb_build_object('value', {}, 'kind', 'work', 'primary', true, 'status', 'ok'))"
_EMAIL = "'person' || n || '@example.com'"
# Area codes x the exchange 555, which is kept for examples.
_PHONE = "'+1' || (201 + n % 700) || '555' || lpad((n / 700 % 10000)::text, 4, '0')"

COMPANIES = f"""
INSERT INTO companies (organization_id, id, name, sort_name, domains, lifecycle, country,
  emails, phones, addresses, tags, version, created_at, updated_at)
SELECT $1, {_COMPANY_ID.format(n="n")}, 'Company ' || n, 'company ' || n,
  jsonb_build_array('company' || n || '.example'), 'prospect', 'US',
  '[]', '[]', '[]', '[]', 1, {_MADE_AT}, {_MADE_AT}
FROM generate_series(1, $2::int) n
"""
CONTACTS = f"""
INSERT INTO contacts (organization_id, id, name, sort_name, first_name, last_name, birth_date,
  language, country, lifecycle, company_id, title, email, phone, emails, phones, addresses, tags,
  source, version, created_at, updated_at)
SELECT $1, {_CONTACT_ID}, 'First' || n % 997 || ' Last' || n % 49999,
  'last' || n % 49999 || ' first' || n % 997, 'First' || n % 997, 'Last' || n % 49999,
  date '1950-01-01' + n % 20000, 'en', 'US',
  (ARRAY['lead', 'prospect', 'customer', 'former'])[1 + n % 4],
  {_COMPANY_ID.format(n="1 + n % $3::int")}, 'Title ' || n % 40, {_EMAIL}, {_PHONE},
  {_POINT.format(_EMAIL)}, {_POINT.format(_PHONE)},
  jsonb_build_array(jsonb_build_object('kind', 'work', 'primary', true, 'street', n || ' Example St',
    'city', 'Sampletown', 'region', null, 'postal_code', lpad((n % 99999)::text, 5, '0'),
    'country', 'US')),
  jsonb_build_array('tag' || n % 50, 'tag' || 50 + n % 7), 'benchmark', 1, {_MADE_AT}, {_MADE_AT}
FROM generate_series(1, $2::int) n
"""
KEYS = """
INSERT INTO record_keys (organization_id, entity, kind, value, record_id)
SELECT organization_id, 'contact', kind, value, id
FROM contacts, LATERAL (VALUES ('email', email), ('phone', phone)) k (kind, value)
WHERE organization_id = $1
UNION ALL
SELECT organization_id, 'company', 'domain', domains ->> 0, id
FROM companies WHERE organization_id = $1
"""
WORDS = """
INSERT INTO search_documents (organization_id, record_id, entity, words)
SELECT organization_id, id, 'contact', array_to_tsvector(ARRAY[lower(first_name),
  lower(last_name), split_part(email, '@', 1), 'example', 'com', ltrim(phone, '+')])
FROM contacts WHERE organization_id = $1
"""


async def fill(connection: asyncpg.Connection, organization_id: UUID, rows: int) -> None:
    """Make `rows` contacts; indexes are built after the rows, constraints are not checked."""
    indexes = await connection.fetch(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' "
        "AND tablename = ANY($1) AND indexname NOT LIKE 'pk_%'",
        list(TABLES),
    )
    await connection.execute("SET session_replication_role = replica")
    for name, _ in indexes:
        await connection.execute(f'DROP INDEX "{name}"')
    companies = max(1, rows // CONTACTS_PER_COMPANY)
    await connection.execute(COMPANIES, organization_id, companies)
    await connection.execute(CONTACTS, organization_id, rows, companies)
    await connection.execute(KEYS, organization_id)
    await connection.execute(WORDS, organization_id)
    for _, definition in indexes:
        await connection.execute(definition)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
