"""What migrations say about roles and row-level security, in one place (ADR-0004)."""

from collections.abc import Mapping

from alembic import op
from sqlalchemy import text

APP, WORKER, DEFINER = "crm_app", "crm_worker", "crm_definer"
_OWN = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"


def create_roles() -> None:
    """The roles of the service; they own nothing that it can change the shape of.

    Roles belong to the whole cluster, so another database may have made them already.
    """
    for role in (APP, WORKER, DEFINER):
        op.execute(
            f"""
            DO $$ BEGIN
              IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
                CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS;
              END IF;
            EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
            END $$
            """
        )
        op.execute(f"GRANT {role} TO CURRENT_USER")
        op.execute(f"GRANT USAGE ON SCHEMA public TO {role}")
    op.execute(f"GRANT {APP} TO {WORKER}")


def protect(
    table: str, *, column: str = "organization_id", rights: str = "SELECT, INSERT, UPDATE, DELETE"
) -> None:
    """Let the application see and touch only the rows of the bound organization.

    With no organization bound the setting is null or empty: no row is seen, none can be written.
    """
    op.execute(f'GRANT {rights} ON "{table}" TO {APP}')
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(
        f'CREATE POLICY tenant ON "{table}" USING ({column} = {_OWN}) WITH CHECK ({column} = {_OWN})'
    )


def see_all(table: str, role: str, rights: str) -> None:
    """Let a role work across organizations on one table."""
    op.execute(f'GRANT {rights} ON "{table}" TO {role}')
    op.execute(f'CREATE POLICY {role} ON "{table}" TO {role} USING (true) WITH CHECK (true)')


def definer_function(
    signature: str,
    returns: str,
    body: str,
    *,
    to: str = APP,
    language: str = "sql",
    settings: Mapping[str, str] | None = None,
) -> None:
    """A function that may look past row-level security; it must name the tenant itself.

    `SECURITY DEFINER` with a fixed search path, owned by a role that can do nothing else.
    """
    name = signature.partition("(")[0]
    further = "".join(f"SET {key} = {value} " for key, value in (settings or {}).items())
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} STABLE "
        f"SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp {further}AS $$ {body} $$"
    )
    op.execute(f"GRANT CREATE ON SCHEMA public TO {DEFINER}")
    op.execute(f"ALTER FUNCTION {name} OWNER TO {DEFINER}")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {DEFINER}")
    op.execute(f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {name} TO {to}")


def current_revision_readable() -> None:
    """Let the readiness check see which revision the database is at."""
    op.execute(text(f"GRANT SELECT ON alembic_version TO {APP}"))
