"""Note the words of names without reading all that are known."""

from alembic import op

revision = "20261126_search_note"
down_revision = "20261126_search"
branch_labels = None
depends_on = None

# Under row-level security an index serves only what cannot leak, and `substr` might: a comparison
# with its result read the whole table for every record that was written. Behind OFFSET 0 the
# result is a plain value.
NOTE = """
    BEGIN
      INSERT INTO search_words (organization_id, word, record_id)
      SELECT DISTINCT ON (named.organization_id, named.word) named.*
      FROM (
        SELECT a.organization_id, substr(w.lexeme, 6) AS word, a.record_id
        FROM added a, unnest(tsvector_to_array(a.words)) w (lexeme)
        WHERE substr(w.lexeme, 5, 1) IN ('a', 'b') AND length(w.lexeme) > 7 {fence}
      ) named
      WHERE NOT EXISTS (
        SELECT FROM search_words known
        WHERE known.organization_id = named.organization_id AND known.word = named.word)
      ORDER BY named.organization_id, named.word;
      RETURN NULL;
    END
"""


def upgrade() -> None:
    _replace("OFFSET 0")


def downgrade() -> None:
    _replace("")


def _replace(fence: str) -> None:
    op.execute(
        "CREATE OR REPLACE FUNCTION crm_note_words() RETURNS trigger LANGUAGE plpgsql "
        f"SET search_path = pg_catalog, public, pg_temp AS $$ {NOTE.format(fence=fence)} $$"
    )
