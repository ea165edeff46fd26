"""Search several collections at once, and without an order where none is wanted."""

from alembic import context, op

from crm_api.kit.db import ddl

revision = "20261129_search_types"
down_revision = "20261128_bulk"
branch_labels = None
depends_on = None

ALIKE = {"pg_trgm.similarity_threshold": "0.3"}
OWN = "nullif(current_setting('app.organization_id', true), '')::uuid"

# `queries` and `starts` hold those of the first entity, then those of the second, and so on: a
# document is asked only what concerns its kind. `of_starts` are the tiers in which words begin.
#
# GIN knows no order, so whatever it finds must be read and sorted; where hits are frequent, a walk
# from the newest document on comes to its end sooner. The newest ones tell how frequent they are.
# It gathers whatever a beginning of a word leads to before it looks further: of several beginnings
# it is asked for the rarest alone, and the documents tell the rest.
SEARCH = f"""
    DECLARE
      own CONSTANT uuid := {OWN};
      beyond CONSTANT uuid := 'ffffffff-ffff-ffff-ffff-ffffffffffff';
      sample CONSTANT integer := 256;
      kinds CONSTANT integer := cardinality(entities);
      parts CONSTANT integer := cardinality(starts) / kinds;
      sample_kinds integer[];
      sample_words tsvector[];
      last uuid := coalesce(before_id, beyond);
      missing bigint := most;
      frequent bigint;
      begun bigint[];
      reach bigint;
      driving tsquery;
      found uuid[];
      found_kinds text[];
    BEGIN
      SELECT array_agg(array_position(entities, n.entity) - 1), array_agg(n.words)
      INTO sample_kinds, sample_words FROM (
        SELECT d.entity, d.words FROM search_documents d
        WHERE d.organization_id = own ORDER BY d.record_id DESC LIMIT sample) n;
      FOR place IN first_tier .. tiers LOOP
        found := NULL;
        found_kinds := NULL;
        IF in_order THEN
          SELECT count(*) INTO frequent FROM unnest(sample_kinds, sample_words) n (kind, words)
          WHERE n.words @@ queries[n.kind * tiers + place];
          reach := CASE WHEN frequent > 2 THEN 20000 ELSE 6000 END;
          IF frequent > 0 AND missing * sample < reach * frequent THEN
            SELECT array_agg(h.record_id), array_agg(h.entity) INTO found, found_kinds FROM (
              SELECT newest.record_id, newest.entity FROM (
                SELECT d.record_id, d.entity, d.words FROM search_documents d
                WHERE d.organization_id = own AND d.record_id < last
                ORDER BY d.record_id DESC LIMIT reach
              ) newest
              WHERE newest.words
                @@ queries[(array_position(entities, newest.entity) - 1) * tiers + place]
              LIMIT missing) h;
          END IF;
        END IF;
        IF coalesce(cardinality(found), 0) < missing THEN
          IF place = ANY(of_starts) THEN
            IF begun IS NULL THEN
              begun := ARRAY(SELECT (
                SELECT count(*) FROM unnest(sample_kinds, sample_words) n (kind, words)
                WHERE n.words @@ starts[n.kind * parts + part])
                FROM generate_series(1, parts) part);
            END IF;
            driving := (
              SELECT string_agg(either.query, ' & ') FROM (
                SELECT '(' || string_agg('(' || starts[kind * parts + part]::text || ')', ' | ')
                  || ')' AS query
                FROM generate_series(1, parts) part, generate_series(0, kinds - 1) kind
                WHERE begun[part] <= greatest((SELECT min(b) FROM unnest(begun) b), 1)
                GROUP BY part) either);
          ELSE
            driving := (
              SELECT string_agg('(' || queries[kind * tiers + place]::text || ')', ' | ')
              FROM generate_series(0, kinds - 1) kind);
          END IF;
          -- OFFSET 0: only the index of words serves here, whatever the planner guesses.
          IF in_order THEN
            SELECT array_agg(h.record_id), array_agg(h.entity) INTO found, found_kinds FROM (
              SELECT hit.record_id, hit.entity FROM (
                SELECT d.organization_id, d.entity, d.record_id, d.words FROM search_documents d
                WHERE d.words @@ driving OFFSET 0
              ) hit
              WHERE hit.organization_id = own AND hit.record_id < last AND hit.words
                @@ queries[(array_position(entities, hit.entity) - 1) * tiers + place]
              ORDER BY hit.record_id DESC LIMIT missing) h;
          ELSE
            SELECT array_agg(h.record_id), array_agg(h.entity) INTO found, found_kinds FROM (
              SELECT hit.record_id, hit.entity FROM (
                SELECT d.organization_id, d.entity, d.record_id, d.words FROM search_documents d
                WHERE d.words @@ driving OFFSET 0
              ) hit
              WHERE hit.organization_id = own AND hit.words
                @@ queries[(array_position(entities, hit.entity) - 1) * tiers + place]
              LIMIT missing) h;
          END IF;
        END IF;
        RETURN QUERY SELECT place, f.id, f.kind FROM unnest(found, found_kinds) f (id, kind);
        missing := missing - coalesce(cardinality(found), 0);
        EXIT WHEN missing <= 0;
        last := beyond;
      END LOOP;
    END
"""
# A word that some name has is right; if all are, each of them may be meant for another.
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
    WHERE NOT asked.known OR (even_known AND (SELECT bool_and(a.known) FROM asked a))
    UNION
    SELECT d.word FROM search_words d
    WHERE d.organization_id = {OWN} AND d.word = ANY(variants)
"""


# The limit keeps each look for a word a look-up of its own, whatever the planner thought of the
# table when it was empty; OFFSET 0 stands for what 20261126_search_note says.
NOTE = """
    BEGIN
      INSERT INTO search_words (organization_id, word, record_id)
      SELECT DISTINCT ON (named.organization_id, named.word) named.*
      FROM (
        SELECT a.organization_id, substr(w.lexeme, 6) AS word, a.record_id
        FROM added a, unnest(tsvector_to_array(a.words)) w (lexeme)
        WHERE substr(w.lexeme, 5, 1) IN ('a', 'b') AND length(w.lexeme) > 7 OFFSET 0
      ) named
      WHERE (
        SELECT true FROM search_words known
        WHERE known.organization_id = named.organization_id AND known.word = named.word LIMIT 1
      ) IS NULL
      ORDER BY named.organization_id, named.word;
      RETURN NULL;
    END
"""


def upgrade() -> None:
    op.execute("DROP FUNCTION crm_search, crm_similar_words")
    ddl.definer_function(
        "crm_search(entities text[], queries tsquery[], starts tsquery[], tiers integer, "
        "of_starts integer[], first_tier integer, before_id uuid, most bigint, in_order boolean)",
        "TABLE (tier integer, record_id uuid, entity text)",
        SEARCH,
        language="plpgsql",
    )
    ddl.definer_function(
        "crm_similar_words(typed text[], variants text[], most bigint, even_known boolean)",
        "TABLE (word text)",
        SIMILAR,
        settings=ALIKE,
    )
    _note(NOTE)


def downgrade() -> None:
    _note(context.script.get_revision("20261126_search_note").module.NOTE.format(fence="OFFSET 0"))
    op.execute("DROP FUNCTION crm_search, crm_similar_words")
    before = context.script.get_revision("20261126_search").module
    ddl.definer_function(
        "crm_search(wanted_entity text, tiers tsquery[], starts tsquery[], first_tier integer, "
        "before_id uuid, most bigint)",
        "TABLE (tier integer, record_id uuid)",
        before.SEARCH,
        language="plpgsql",
    )
    ddl.definer_function(
        "crm_similar_words(typed text[], variants text[], most bigint)",
        "TABLE (word text)",
        before.SIMILAR,
        settings=ALIKE,
    )


def _note(body: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION crm_note_words() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = pg_catalog, public, pg_temp AS $$ {body} $$"
    )
