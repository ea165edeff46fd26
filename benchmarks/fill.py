"""Contacts, companies, their look-up keys and search words, made by SQL: the same every time."""

from uuid import UUID

import asyncpg

from benchmarks.names import FIRST, columns, last_names
from crm_api.kit.query.documents import scope_of

TABLES = ("companies", "contacts", "record_keys", "search_documents", "search_words")
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
_EMAIL = (
    "f.latin || '.' || l.latin || n || '@' || (ARRAY['example.com', 'example.org', "
    "'mail.example', 'office' || n % 9973 || '.example'])[1 + n % 4]"
)
# A few names are frequent, most are rare.
_NAMES = """
  JOIN bench_first f ON f.place = 1 + floor(power(((n * 7919::bigint) % 10007) / 10007.0, 2) * $4)::int
  JOIN bench_last l ON l.place = 1 + floor(power(((n * 104729::bigint) % 1000003) / 1000003.0, 3) * $5)::int
"""
# Area codes x the exchange 555, which is kept for examples.
_PHONE = "'+1' || (201 + n % 700) || '555' || lpad((n / 700 % 10000)::text, 4, '0')"
NAMES = """
CREATE TEMPORARY TABLE {table} (place integer, name text COLLATE "C" PRIMARY KEY,
  sort_name text COLLATE "C", latin text, words text)
"""

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
SELECT $1, {_CONTACT_ID}, f.name || ' ' || l.name, l.sort_name || ' ' || f.sort_name,
  f.name, l.name,
  date '1950-01-01' + n % 20000, 'en', 'US',
  (ARRAY['lead', 'prospect', 'customer', 'former'])[1 + n % 4],
  {_COMPANY_ID.format(n="1 + n % $3::int")}, 'Title ' || n % 40, {_EMAIL}, {_PHONE},
  {_POINT.format(_EMAIL)}, {_POINT.format(_PHONE)},
  jsonb_build_array(jsonb_build_object('kind', 'work', 'primary', true, 'street', n || ' Example St',
    'city', 'Sampletown', 'region', null, 'postal_code', lpad((n % 99999)::text, 5, '0'),
    'country', 'US')),
  jsonb_build_array('tag' || n % 50, 'tag' || 50 + n % 7), 'benchmark', 1, {_MADE_AT}, {_MADE_AT}
FROM generate_series(1, $2::int) n {_NAMES}
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
# As `index_words` makes them: names, parts of the address, the number from three places.
WORDS = """
INSERT INTO search_documents (organization_id, record_id, entity, words)
SELECT c.organization_id, c.id, 'contact', array_to_tsvector(ARRAY(SELECT DISTINCT $2 || word FROM unnest(
    string_to_array(f.words || ' ' || l.words, ' ') || ARRAY['d' || split_part(p.local, '.', 2),
    'd' || p.host, 'd' || split_part(p.host, '.', 1), 'dtitle', 'd' || split_part(c.title, ' ', 2),
    'd' || (c.tags ->> 0), 'd' || (c.tags ->> 1), 'd' || p.number, 'd' || substr(p.number, 2),
    'd~' || reverse(p.number)]) word))
FROM contacts c
JOIN bench_first f ON f.name = c.first_name JOIN bench_last l ON l.name = c.last_name,
LATERAL (SELECT split_part(c.email, '@', 1) AS local, split_part(c.email, '@', 2) AS host,
  ltrim(c.phone, '+') AS number) p
WHERE c.organization_id = $1
"""
COMPANY_WORDS = """
INSERT INTO search_documents (organization_id, record_id, entity, words)
SELECT organization_id, id, 'company', array_to_tsvector(ARRAY[$2 || 'acompany',
  $2 || 'bcompani', $2 || 'a' || split_part(name, ' ', 2), $2 || 'd' || (domains ->> 0),
  $2 || 'd' || split_part(domains ->> 0, '.', 1)])
FROM companies WHERE organization_id = $1
"""
SIMILAR = """
INSERT INTO search_words (organization_id, word, record_id)
SELECT $1, word, $1 FROM (SELECT DISTINCT substr(word, 2) AS word
  FROM (SELECT words FROM bench_first UNION SELECT words FROM bench_last) n,
  unnest(string_to_array(words, ' ')) word) w WHERE length(word) > 2
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
    first, last = columns(FIRST), columns(last_names())
    for table, names in (("bench_first", first), ("bench_last", last)):
        # Not `CREATE … AS`, which takes no parameters.
        await connection.execute(NAMES.format(table=table))
        await connection.copy_records_to_table(
            table, records=[(n, *name) for n, name in enumerate(zip(*names, strict=True), 1)]
        )
    await connection.execute(
        CONTACTS, organization_id, rows, companies, len(first[0]), len(last[0])
    )
    await connection.execute(KEYS, organization_id)
    await connection.execute(WORDS, organization_id, scope_of(organization_id, "contact"))
    await connection.execute(COMPANY_WORDS, organization_id, scope_of(organization_id, "company"))
    await connection.execute(SIMILAR, organization_id)
    for _, definition in indexes:
        await connection.execute(definition)
    await connection.execute("VACUUM ANALYZE")
    await connection.execute("CHECKPOINT")
