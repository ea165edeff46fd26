"""Search by importance, by parts of numbers, and in spite of typing mistakes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column

from crm_api.kit.db import ddl

revision = "20261126_search"
down_revision = "20261125_users_and_teams"
branch_labels = None
depends_on = None

KEY = sa.Text(collation="C")
OWN = "nullif(current_setting('app.organization_id', true), '')::uuid"

# GIN knows no order, so whatever it finds must be read and sorted; where hits are frequent, a walk
# from the newest document on comes to its end sooner. The newest ones tell how frequent they are.
# It gathers whatever a beginning of a word leads to before it looks further: of several beginnings
# it is asked for the rarest alone, and the documents tell the rest.
SEARCH = f"""
    DECLARE
      own CONSTANT uuid := {OWN};
      sample CONSTANT integer := 512;
      queries CONSTANT integer := cardinality(tiers);
      last uuid := coalesce(before_id, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
      missing bigint := most;
      frequent bigint[];
      reach bigint;
      rarest bigint;
      driving tsquery;
      found uuid[];
    BEGIN
      WITH newest AS MATERIALIZED (
        SELECT d.words FROM search_documents d WHERE d.organization_id = own
        ORDER BY d.record_id DESC LIMIT sample)
      SELECT ARRAY(
        SELECT (SELECT count(*) FROM newest n WHERE n.words @@ asked.query)
        FROM unnest(tiers || starts) WITH ORDINALITY asked (query, place) ORDER BY asked.place)
      INTO frequent;
      FOR place IN first_tier .. queries LOOP
        found := NULL;
        reach := CASE WHEN frequent[place] > 2 THEN 20000 ELSE 6000 END;
        IF frequent[place] > 0 AND missing * sample < reach * frequent[place] THEN
          found := ARRAY(
            SELECT newest.record_id FROM (
              SELECT d.record_id, d.entity, d.words FROM search_documents d
              WHERE d.organization_id = own AND d.record_id < last
              ORDER BY d.record_id DESC LIMIT reach
            ) newest
            WHERE newest.words @@ tiers[place] AND newest.entity = wanted_entity LIMIT missing);
        END IF;
        IF found IS NULL OR cardinality(found) < missing THEN
          driving := tiers[place];
          IF place IN (3, 4) THEN
            rarest := (SELECT min(n) FROM unnest(frequent[queries + 1:]) n);
            driving := (
              SELECT string_agg('(' || s.query::text || ')', ' & ')::tsquery
              FROM unnest(starts) WITH ORDINALITY s (query, part)
              WHERE frequent[queries + s.part] <= greatest(rarest, 2));
          END IF;
          -- OFFSET 0: only the index of words serves here, whatever the planner guesses.
          found := ARRAY(
            SELECT hit.record_id FROM (
              SELECT d.organization_id, d.entity, d.record_id, d.words FROM search_documents d
              WHERE d.words @@ driving OFFSET 0
            ) hit
            WHERE hit.organization_id = own AND hit.record_id < last
              AND hit.words @@ tiers[place] AND hit.entity = wanted_entity
            ORDER BY hit.record_id DESC LIMIT missing);
        END IF;
        RETURN QUERY SELECT place, unnest(found);
        missing := missing - cardinality(found);
        EXIT WHEN missing <= 0;
        last := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      END LOOP;
    END
"""
# A word that some name has is right, unless all are.
SIMILAR = f"""
    WITH asked AS (
      SELECT t.word, EXISTS (SELECT FROM search_words d
        WHERE d.organization_id = {OWN} AND d.word = t.word) AS known
      FROM unnest(typed) t (word))
    SELECT near.word FROM asked, LATERAL (
      SELECT d.word FROM search_words d
      WHERE d.organization_id = {OWN} AND d.word OPERATOR(public.%) asked.word
      GROUP BY d.word ORDER BY public.similarity(d.word, asked.word) DESC, d.word LIMIT most
    ) near
    WHERE NOT asked.known OR (SELECT bool_and(a.known) FROM asked a)
    UNION
    SELECT d.word FROM search_words d
    WHERE d.organization_id = {OWN} AND d.word = ANY(variants)
"""
# Without a lock: two transactions may note the same word, which does no harm.
NOTE = """
    BEGIN
      INSERT INTO search_words (organization_id, word, record_id)
      SELECT DISTINCT ON (named.organization_id, named.word) named.*
      FROM (
        SELECT a.organization_id, substr(w.lexeme, 6) AS word, a.record_id
        FROM added a, unnest(tsvector_to_array(a.words)) w (lexeme)
        WHERE substr(w.lexeme, 5, 1) IN ('a', 'b') AND length(w.lexeme) > 7
      ) named
      WHERE NOT EXISTS (
        SELECT FROM search_words known
        WHERE known.organization_id = named.organization_id AND known.word = named.word)
      ORDER BY named.organization_id, named.word;
      RETURN NULL;
    END
"""
# What was indexed before is found by its words at once; `crm-api reindex` tells which are names.
SCOPE = (
    "translate(left(encode(decode(md5(organization_id::text || entity), 'hex'), 'base64'), 4), "
    "'+/', '-_')"
)
RESCOPE = f"""
    UPDATE search_documents d SET words = (
      SELECT array_to_tsvector(array_agg({SCOPE} || 'd' || w.lexeme)) FROM unnest(d.words) w)
"""
UNSCOPE = """
    UPDATE search_documents d SET words = (
      SELECT array_to_tsvector(array_agg(DISTINCT substr(w.lexeme, 6))) FROM unnest(d.words) w)
"""
SEARCH_BEFORE = f"""
    SELECT coalesce(array_agg(record_id), '{{}}') FROM (
        SELECT d.record_id FROM search_documents d
        WHERE d.organization_id = {OWN}
          AND d.entity = wanted_entity AND d.words @@ wanted_words::tsquery
        LIMIT most
    ) found
"""


def upgrade() -> None:
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    op.execute("DROP FUNCTION crm_search")
    op.drop_index("ix_search_documents_words", "search_documents")
    op.execute(RESCOPE)
    op.create_index(
        "ix_search_documents_words",
        "search_documents",
        ["words"],
        unique=False,
        postgresql_using="gin",
        postgresql_with={"gin_pending_list_limit": 512},
    )
    op.create_table(
        "search_words",
        Column("organization_id", sa.Uuid(), nullable=False),
        Column("word", KEY, nullable=False),
        Column("record_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint(
            "organization_id", "word", "record_id", name=op.f("pk_search_words")
        ),
    )
    op.create_index(
        "ix_search_words_like",
        "search_words",
        ["organization_id", "word"],
        unique=False,
        postgresql_using="gin",
        postgresql_ops={"word": "gin_trgm_ops"},
    )
    ddl.protect("search_words", rights="SELECT, INSERT, DELETE")
    ddl.see_all("search_words", ddl.DEFINER, "SELECT")
    op.execute(
        "CREATE FUNCTION crm_note_words() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = pg_catalog, public, pg_temp AS $$ {NOTE} $$"
    )
    op.execute(
        "CREATE TRIGGER note_words AFTER INSERT ON search_documents "
        "REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION crm_note_words()"
    )
    ddl.definer_function(
        "crm_search(wanted_entity text, tiers tsquery[], starts tsquery[], first_tier integer, "
        "before_id uuid, most bigint)",
        "TABLE (tier integer, record_id uuid)",
        SEARCH,
        language="plpgsql",
    )
    ddl.definer_function(
        "crm_similar_words(typed text[], variants text[], most bigint)",
        "TABLE (word text)",
        SIMILAR,
        settings={"pg_trgm.similarity_threshold": "0.3"},
    )
    ddl.definer_function(
        "crm_organization_ids()",
        "TABLE (id uuid)",
        "SELECT o.id FROM organizations o ORDER BY o.id",
        to=ddl.WORKER,
    )


def downgrade() -> None:
    op.execute("DROP TRIGGER note_words ON search_documents")
    op.execute("DROP FUNCTION crm_organization_ids, crm_search, crm_similar_words, crm_note_words")
    op.drop_table("search_words")
    op.drop_index("ix_search_documents_words", "search_documents")
    op.execute(UNSCOPE)
    op.create_index(
        "ix_search_documents_words",
        "search_documents",
        ["organization_id", "entity", "words"],
        unique=False,
        postgresql_using="gin",
    )
    ddl.definer_function(
        "crm_search(wanted_entity text, wanted_words text, most integer)", "uuid[]", SEARCH_BEFORE
    )
    op.execute("DROP EXTENSION pg_trgm")
