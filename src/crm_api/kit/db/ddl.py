"""What migrations say about roles and row-level security, in one place (ADR-0004)."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text

APP, WORKER, DEFINER = "crm_app", "crm_worker", "crm_definer"
ROTATOR = "crm_rotator"
_OWN = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"


def create_roles() -> None:
    """The roles of the service; they own nothing that it can change the shape of.

    Roles belong to the whole cluster, so another database may have made them already.
    """
    for role in (APP, WORKER, DEFINER):
        create_role(role)
    op.execute(f"GRANT {APP} TO {WORKER}")


def create_role(role: str) -> None:
    """One role that nobody logs in as, unless another database has made it already."""
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


def protect_by(setting: str, table: str, *columns: str, rights: str) -> None:
    """Let the application see and touch only the rows that a transaction names.

    For tables of the whole installation: `Database.transaction` binds the setting, and a row is
    open where one of these text columns has its value.
    """
    named = f"(SELECT current_setting('app.{setting}', true))"
    own = " OR ".join(f"{column} = {named}" for column in columns)
    op.execute(f'GRANT {rights} ON "{table}" TO {APP}')
    op.execute(f'ALTER TABLE "{table}" ENABLE ROW LEVEL SECURITY')
    op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')
    op.execute(f'CREATE POLICY named ON "{table}" USING ({own}) WITH CHECK ({own})')


@contextmanager
def rows_of_all(*tables: str) -> Generator[None]:
    """Have a block change rows of every organization, as the owner of these tables.

    Row-level security is forced on owners too, who see no rows otherwise: changes are of none then.
    Nobody else reads such a table until the commit; in an autocommit block they do all the while.
    """
    for table in tables:
        op.execute(f'ALTER TABLE "{table}" NO FORCE ROW LEVEL SECURITY')
    yield
    for table in tables:
        op.execute(f'ALTER TABLE "{table}" FORCE ROW LEVEL SECURITY')


def replace_check(table: str, name: str, condition: str) -> None:
    """Have the rows of a table keep to another check, while others write to it.

    The rows that there are are looked at under a lock that lets writers pass; what the migration did
    before is committed by that, and this may be done again.
    """
    with op.get_context().autocommit_block():
        op.execute(
            f'ALTER TABLE "{table}" DROP CONSTRAINT IF EXISTS "{name}", '
            f'ADD CONSTRAINT "{name}" CHECK ({condition}) NOT VALID'
        )
        op.execute(f'ALTER TABLE "{table}" VALIDATE CONSTRAINT "{name}"')


def see_all(table: str, role: str, rights: str) -> None:
    """Let a role work across organizations on one table."""
    op.execute(f'GRANT {rights} ON "{table}" TO {role}')
    op.execute(f'CREATE POLICY {role} ON "{table}" TO {role} USING (true) WITH CHECK (true)')


def count_records(table: str) -> None:
    """Have the records of a table count towards the quota of their organization (ADR-0027)."""
    for trigger, event, rows in (("count", "INSERT", "NEW"), ("uncount", "DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER {trigger}_records AFTER {event} ON {table} "
            f"REFERENCING {rows} TABLE AS touched "
            "FOR EACH STATEMENT EXECUTE FUNCTION crm_count_records()"
        )


def definer_function(
    signature: str,
    returns: str,
    body: str,
    *,
    to: str = APP,
    language: str = "sql",
    settings: Mapping[str, str] | None = None,
    changes: bool = False,
) -> None:
    """A function that may look past row-level security; it must name the tenant itself.

    `SECURITY DEFINER` with a fixed search path, owned by a role that can do nothing else.
    """
    name, kind = signature.partition("(")[0], "VOLATILE" if changes else "STABLE"
    further = "".join(f"SET {key} = {value} " for key, value in (settings or {}).items())
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE {language} {kind} "
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
