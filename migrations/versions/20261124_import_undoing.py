"""How far an import is undone, whether its file is gone, and a faulty row's cells once."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Column
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP

from crm_api.kit.db import ddl

revision = "20261124_import_undoing"
down_revision = "20261123_imports"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("imports", Column("undone", JSONB(), nullable=True))
    op.add_column("imports", Column("undone_to", sa.BigInteger(), nullable=True))
    op.add_column("imports", Column("file_removed_at", TIMESTAMP(timezone=True), nullable=True))
    op.alter_column("import_faults", "cells", nullable=True)


def downgrade() -> None:
    # The owner is bound by row-level security too, and no organization is bound here.
    with ddl.rows_of_all("import_faults"):
        op.execute(
            "UPDATE import_faults f SET cells = first.cells FROM import_faults first "
            "WHERE f.cells IS NULL AND first.number = 0 AND first.row = f.row "
            "AND first.import_id = f.import_id AND first.organization_id = f.organization_id"
        )
    op.alter_column("import_faults", "cells", nullable=False)
    op.drop_column("imports", "file_removed_at")
    op.drop_column("imports", "undone_to")
    op.drop_column("imports", "undone")
