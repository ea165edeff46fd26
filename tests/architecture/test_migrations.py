"""Migrations: one line, there and back, and nothing that the models do not say."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError

from support.servers import ROOT, alembic_config, in_thread, migrate, run

# What a schema consists of, in words that two databases can be compared by.
SHAPE = r"""
    SELECT 'column', table_name, column_name, data_type || is_nullable || coalesce(column_default, '')
      FROM information_schema.columns WHERE table_schema = 'public'
    UNION ALL SELECT 'index', tablename, indexname, indexdef FROM pg_indexes
      WHERE schemaname = 'public'
    UNION ALL SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)
      FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT 'policy', tablename, policyname, coalesce(qual, '') || coalesce(with_check, '')
      FROM pg_policies
    UNION ALL SELECT 'right', table_name, grantee, privilege_type
      FROM information_schema.role_table_grants WHERE table_schema = 'public'
    UNION ALL SELECT 'function', proname, pg_get_userbyid(proowner)::text,
           regexp_replace(prosrc, '\s+', ' ', 'g') FROM pg_proc
      WHERE pronamespace = 'public'::regnamespace AND NOT EXISTS (
        SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    UNION ALL SELECT 'trigger', tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
      FROM pg_trigger WHERE NOT tgisinternal
    ORDER BY 1, 2, 3, 4
"""


async def shape(url):
    connection = await asyncpg.connect(url)
    try:
        return [tuple(row) for row in await connection.fetch(SHAPE)]
    finally:
        await connection.close()


def beside_version(rows):
    return [row for row in rows if row[1] != "alembic_version"]


def revisions():
    script = ScriptDirectory.from_config(alembic_config("postgresql://"))
    return script, list(script.walk_revisions())


def test_history_is_one_line():
    script, found = revisions()
    assert len(script.get_heads()) == 1
    assert len(script.get_bases()) == 1
    assert all(not revision.is_merge_point for revision in found)
    assert all(not revision.is_branch_point for revision in found)
    assert all(revision.doc for revision in found)


@pytest.mark.commits
def test_each_revision_goes_back_to_the_one_before(empty_database):
    _, found = revisions()
    shapes = []
    for revision in reversed(found):
        shapes.append(run(shape(empty_database)))
        migrate(empty_database, revision.revision)
    whole = run(shape(empty_database))
    assert len(whole) > 100
    config = alembic_config(empty_database)
    for revision, before in zip(found, reversed(shapes), strict=True):
        in_thread(lambda: command.downgrade(config, "-1"))
        assert beside_version(run(shape(empty_database))) == beside_version(before), (
            revision.revision
        )
    assert beside_version(run(shape(empty_database))) == []
    migrate(empty_database)
    assert run(shape(empty_database)) == whole


@pytest.mark.commits
async def test_coupons_of_people_without_a_company_are_not_forgotten(own_url):
    connection = await asyncpg.connect(own_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("""
            INSERT INTO coupon_redemptions (organization_id, id, version, created_at, updated_at,
                coupon_id, reference)
            VALUES (gen_random_uuid(), gen_random_uuid(), 1, now(), now(), gen_random_uuid(), 'x')
        """)
        config = alembic_config(own_url)
        with pytest.raises(DBAPIError, match="without a company"):
            in_thread(lambda: command.downgrade(config, "20270301_hashes_of_decisions"))
        await connection.execute("UPDATE coupon_redemptions SET company_id = gen_random_uuid()")
        in_thread(lambda: command.downgrade(config, "20270301_hashes_of_decisions"))
        assert await connection.fetchval("SELECT count(*) FROM coupon_redemptions") == 1
    finally:
        await connection.close()


EMPTY = {
    "uuid": "gen_random_uuid()",
    "jsonb": "'[]'",
    "text": "''",
    "timestamp with time zone": "now()",
    "date": "now()::date",
    "boolean": "false",
}


async def stored(connection, table, **given):
    """A row of what is given, as SQL, with something in each other column that takes no null."""
    rows = await connection.fetch(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = $1 "
        "AND is_nullable = 'NO' AND column_default IS NULL AND is_generated = 'NEVER'",
        table,
    )
    values = {row["column_name"]: EMPTY.get(row["data_type"], "1") for row in rows} | given
    names = ", ".join(f'"{name}"' for name in values)
    filled = ", ".join(values.values())
    await connection.execute(f"INSERT INTO {table} ({names}) SELECT {filled}")


@pytest.mark.commits
async def test_coupons_that_people_have_used_are_theirs(own_url):
    """By the number of their quote, in their organization; others stay as they were, and back."""
    connection = await asyncpg.connect(own_url)
    config = alembic_config(own_url)
    try:
        in_thread(lambda: command.downgrade(config, "20270304_contact_relationships"))
        await connection.execute("SET session_replication_role = replica")
        ours, other, person = (f"'{uuid4()}'::uuid" for _ in range(3))
        await stored(connection, "contacts", organization_id=ours, id=person, lifecycle="'lead'")
        quote = {"status": "'accepted'", "tax_rounding": "'document'", "number": "'Q-1'"}
        await stored(connection, "quotes", **quote, organization_id=ours, contact_id=person)
        used = {"reference": "'Q-1'", "organization_id": ours}
        for more in (
            {},
            {"company_id": "gen_random_uuid()"},
            {"reference": "'Q-2'"},
            {"organization_id": other},
        ):
            await stored(connection, "coupon_redemptions", **used | more)
        for revision in ("head", "20270304_contact_relationships", "head"):
            move = command.upgrade if revision == "head" else command.downgrade
            in_thread(lambda move=move, revision=revision: move(config, revision))
        found = await connection.fetch(
            "SELECT reference, company_id IS NULL AS alone FROM coupon_redemptions "
            f"WHERE contact_id = {person}"
        )
        assert [tuple(row) for row in found] == [("Q-1", True)]
        assert await connection.fetchval("SELECT count(*) FROM coupon_redemptions") == 4
    finally:
        await connection.close()


@pytest.mark.commits
async def test_schedules_of_standard_reports_go_with_what_they_need(own_url):
    """Back at what knew none of them; those of saved reports and runs stay, there and back."""
    connection = await asyncpg.connect(own_url)
    config = alembic_config(own_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        ours, gone = (f"'{uuid4()}'::uuid" for _ in range(2))
        plain = {"organization_id": ours, "sharing": "'private'"}
        standard = {"standard_report": "'x'"}
        await stored(connection, "report_schedules", **plain, **standard, id=gone)
        await stored(connection, "report_schedules", **plain, report_id="gen_random_uuid()")
        await stored(connection, "report_runs", organization_id=ours, **standard)
        keyed = {"organization_id": ours, "record_id": gone, "entity": "'report_schedule'"}
        await stored(connection, "record_keys", **keyed)
        for wrong in ({}, {**standard, "report_id": "gen_random_uuid()"}):
            with pytest.raises(asyncpg.CheckViolationError, match="one_report"):
                await stored(connection, "report_schedules", **plain, **wrong)
        for move, to in (
            (command.downgrade, "20270308_reverse_relations"),
            (command.upgrade, "head"),
        ):
            in_thread(lambda move=move, to=to: move(config, to))
        counts = [
            await connection.fetchval(f"SELECT count(*) FROM {table}")
            for table in ("report_schedules", "report_runs", "record_keys")
        ]
        assert counts == [1, 1, 0]
        assert await connection.fetchval("SELECT report_id IS NOT NULL FROM report_schedules")
    finally:
        await connection.close()


@pytest.mark.commits
async def test_audiences_follow_the_merges_that_were_before(own_url):
    """One entry each by what the others were, whoever is left of several merges; and back."""
    connection = await asyncpg.connect(own_url)
    config, before = alembic_config(own_url), "20270310_news_by_index"
    try:
        in_thread(lambda: command.downgrade(config, before))
        await connection.execute("SET session_replication_role = replica")
        ours, first, other = (f"'{uuid4()}'::uuid" for _ in range(3))
        held, middle, left, sent, alone = (f"'{uuid4()}'::uuid" for _ in range(5))
        for was, became in ((held, middle), (middle, left), (sent, left)):
            redirect = {"organization_id": ours, "record_id": was, "target_id": became}
            await stored(connection, "record_redirects", **redirect)
        kinds = {
            first: {held: {"is_holdout": "true"}, left: {"variant": "'A'"}, alone: {}},
            other: {held: {"is_holdout": "true"}, sent: {"variant": "'B'"}},
        }
        for campaign, people in kinds.items():
            for person, more in people.items():
                who = {"campaign_id": campaign, "contact_id": person, **more}
                await stored(connection, "campaign_members", organization_id=ours, **who)
        mailing = f"'{uuid4()}'::uuid"
        of = {"organization_id": ours, "campaign_id": other}
        await stored(connection, "mailings", **of, id=mailing, status="'running'")
        mail = {"organization_id": ours, "mailing_id": mailing, "contact_id": sent}
        await stored(connection, "mailing_sends", **mail, status="'sent'", handed_at="now()")
        read = "SELECT campaign_id, contact_id, is_holdout, variant FROM campaign_members"
        stood = {tuple(map(str, row)) for row in await connection.fetch(read)}
        for _ in range(2):
            in_thread(lambda: command.upgrade(config, "head"))
            found = {tuple(map(str, row)) for row in await connection.fetch(read)}
            expected = (
                (first, left, True, None),
                (first, alone, False, None),
                (other, left, False, "B"),
            )
            assert found == {
                (campaign[1:37], person[1:37], str(is_holdout), str(variant))
                for campaign, person, is_holdout, variant in expected
            }
            in_thread(lambda: command.downgrade(config, before))
            assert {tuple(map(str, row)) for row in await connection.fetch(read)} == stood
    finally:
        await connection.close()


OWNED = """
    DO $$ DECLARE one text; BEGIN
      FOR one IN SELECT format('%s %s', CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END,
            p.oid::regprocedure) FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
          AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
        UNION ALL SELECT format('TABLE %I', tablename) FROM pg_tables WHERE schemaname = 'public'
        UNION ALL SELECT 'SCHEMA public'
      LOOP EXECUTE format('ALTER %s OWNER TO {role}', one); END LOOP;
    END $$
"""


@asynccontextmanager
async def owned_by_nobody_special(connection):
    """Have whoever logs in to a database be the owner of its tables, who is no superuser."""
    role = f"plain_{uuid4().hex[:12]}"
    database = await connection.fetchval("SELECT current_database()")
    await connection.execute(f"CREATE ROLE {role} IN ROLE crm_app, crm_worker, crm_definer")
    try:
        await connection.execute(OWNED.replace("{role}", role))
        await connection.execute(f"ALTER DATABASE {database} SET role = {role}")
        yield
    finally:
        await connection.execute(f"ALTER DATABASE {database} RESET role")
        await connection.execute(f"REASSIGN OWNED BY {role} TO CURRENT_USER")
        await connection.execute(f"DROP ROLE {role}")


DEFAULT = {"organization_id": "gen_random_uuid()"}
GONE = {
    "20261207_duplicates": {
        "record_keys": [({"kind": "'mailbox'"}, False), ({"kind": "'email'"}, True)]
    },
    "20261208_computed_fields": {
        "custom_fields": [
            ({"name": "'a'", "type": "'formula'"}, False),
            ({"name": "'a'", "type": "'text'"}, True),
        ]
    },
    "20270106_deal_people": {
        "deal_moves": [({"verb": "'split'"}, False), ({"verb": "'moved'"}, True)]
    },
    "20270131_holds": {
        "record_keys": [
            ({"entity": "'booking'", "kind": "'resource'"}, False),
            ({"entity": "'booking'", "kind": "'external'"}, True),
        ],
        "bookings": [
            (
                {
                    "status": "'held'",
                    "reserved_for": "'deal'",
                    "deal_id": "gen_random_uuid()",
                    "ends_at": "now() + interval '1 hour'",
                },
                True,
            )
        ],
    },
}
"""By a migration what there may be before it is taken back, and whether it stays."""


@pytest.mark.commits
@pytest.mark.parametrize("revision", GONE)
async def test_what_a_schema_does_not_know_goes_for_all_organizations(own_url, revision):
    """Row-level security is forced on owners too: one who is no superuser sees no rows by itself."""
    config = alembic_config(own_url)
    in_thread(lambda: command.downgrade(config, revision))
    connection = await asyncpg.connect(own_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for table, rows in GONE[revision].items():
            for row, _ in rows:
                await stored(connection, table, **DEFAULT, **row)
        async with owned_by_nobody_special(connection):
            in_thread(lambda: command.downgrade(config, "-1"))
        for table, rows in GONE[revision].items():
            left = await connection.fetchval(f"SELECT count(*) FROM {table}")
            assert left == sum(stays for _, stays in rows), table
            forced = "SELECT relforcerowsecurity FROM pg_class WHERE oid = $1::text::regclass"
            assert await connection.fetchval(forced, table), table
    finally:
        await connection.close()


FILLED = {
    "20261207_duplicates": (
        {
            "record_keys": {"kind": "'email'", "value": "'a.b@gmail.com'"},
            "companies": {"tax_id": "'DE 123'", "lifecycle": "'customer'"},
        },
        "SELECT value FROM record_keys WHERE kind <> 'email' ORDER BY value",
        ["ab@gmail.com", "de123"],
    ),
    "20270119_sla_clocks": (
        {"sla_policies": {"escalations": """'[{"level": 1}]'::jsonb"""}},
        "SELECT escalations #>> '{0,raises_priority}' FROM sla_policies",
        ["false"],
    ),
    "20270131_holds": (
        {
            "bookings": {
                "status": "'confirmed'",
                "ends_at": "now() + interval '1 hour'",
                "resources": """'[{"resource_id": "r"}]'::jsonb""",
            }
        },
        "SELECT value FROM record_keys WHERE entity = 'booking'",
        ["r"],
    ),
    "20270318_renamed_measures": (
        {
            "report_schedules": {
                "standard_report": "'lead_source_revenue'",
                "condition": """'{"measure": "win_rate", "value": "1"}'::jsonb""",
                "sharing": "'private'",
            },
            "dashboards": {
                "tiles": """'[{"standard_report": "pipeline_velocity", "measure": "win_rate"},
                    {"standard_report": "product_performance", "measure": "win_rate"},
                    {"standard_report": "product_performance", "measure": "won"}]'::jsonb""",
                "sharing": "'private'",
            },
        },
        """SELECT condition ->> 'measure' FROM report_schedules UNION ALL
            SELECT string_agg(tile ->> 'measure', ', ' ORDER BY place)
            FROM dashboards, jsonb_array_elements(tiles) WITH ORDINALITY AS t (tile, place)""",
        ["won_share", "win_rate, acceptance, won"],
    ),
}
"""By a migration what there may be before it, and what it makes of that."""


@pytest.mark.commits
@pytest.mark.parametrize("revision", FILLED)
async def test_what_a_schema_needs_is_made_for_all_organizations(own_url, revision):
    rows, asked, wanted = FILLED[revision]
    config = alembic_config(own_url)
    in_thread(lambda: command.downgrade(config, f"{revision}-1"))
    connection = await asyncpg.connect(own_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for table, row in rows.items():
            await stored(connection, table, **DEFAULT, **row)
        async with owned_by_nobody_special(connection):
            in_thread(lambda: command.upgrade(config, revision))
        assert [row[0] for row in await connection.fetch(asked)] == wanted
    finally:
        await connection.close()


REASONS = """
    SELECT concat_ws(' ', excluded_reason, frozen_as #>> '{0,excluded_reason}', variant)
    FROM campaign_members ORDER BY 1
"""
# What was frozen as nothing like it, with words that look alike.
ALIKE = {"variant": "'suppressed'", "frozen_as": """'[{"variant": "suppressed"}]'::jsonb"""}


@pytest.mark.commits
async def test_why_somebody_was_not_reached_is_in_words_that_each_version_knows(own_url):
    """There and back, for all organizations; nothing is written that stays as it was."""
    before = "20270314_lists_that_count"
    connection = await asyncpg.connect(own_url)
    config = alembic_config(own_url)
    try:
        await connection.execute("SET session_replication_role = replica")
        for reason in ("suppressed_segment", "held_out_above", "no_consent"):
            frozen = f"""'[{{"excluded_reason": "{reason}"}}]'::jsonb"""
            row = {"excluded_reason": f"'{reason}'", "frozen_as": frozen}
            await stored(connection, "campaign_members", **DEFAULT, **row)
        await stored(connection, "campaign_members", **DEFAULT, **ALIKE)
        run = {"target": "'contact'", "status": "'exited'", "begun_by": "'manual'"}
        ended = {"leave_reason": "'held_out'", "ended_at": "now()"}
        await stored(connection, "journey_runs", **DEFAULT, **run, **ended)
        stays = "SELECT xmin::text FROM campaign_members WHERE variant IS NOT NULL"
        written = await connection.fetchval(stays)
        async with owned_by_nobody_special(connection):
            in_thread(lambda: command.downgrade(config, before))
        found = [row[0] for row in await connection.fetch(REASONS)]
        pairs = ("excluded_segment", "no_consent", "suppressed")
        assert found == [
            *(f"{one} {one}" for one in pairs[:2]),
            "suppressed",
            "suppressed suppressed",
        ]
        assert await connection.fetchval("SELECT leave_reason FROM journey_runs") == "removed"
        # As far as one came that was broken off while its index was built.
        await connection.execute("ALTER TABLE journeys ADD COLUMN campaign_id uuid")
        await connection.execute("CREATE INDEX ix_journeys_campaign ON journeys (campaign_id)")
        async with owned_by_nobody_special(connection):
            in_thread(lambda: command.upgrade(config, "head"))
        found = [row[0] for row in await connection.fetch(REASONS)]
        assert found[-1] == "suppressed_segment suppressed_segment"
        assert await connection.fetchval(stays) == written
        forced = "SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname = ANY($1)"
        assert await connection.fetchval(forced, ["campaign_members", "journey_runs"])
        in_thread(lambda: command.check(config))
    finally:
        await connection.close()


@pytest.mark.commits
def test_models_say_what_the_database_has(own_url):
    in_thread(lambda: command.check(alembic_config(own_url)))


@pytest.mark.commits
async def test_two_migrators_at_once_do_not_harm(empty_database):
    command_line = (sys.executable, "-m", "alembic", "upgrade", "head")
    environment = {**os.environ, "CRM_MIGRATION_DATABASE_URL": empty_database}
    migrators = [
        await asyncio.create_subprocess_exec(*command_line, cwd=ROOT, env=environment)
        for _ in range(2)
    ]
    assert [await migrator.wait() for migrator in migrators] == [0, 0]
    assert len(await shape(empty_database)) > 100
