"""Imports as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.crud.personal import Copies, Trace
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.platform.transfer.importer import Importer
from crm_api.platform.transfer.jobs import (
    remove_upload,
    revert_import,
    run_import,
    validate_import,
)
from crm_api.platform.transfer.service import ImportService
from crm_api.platform.transfer.tracing import erase_from_imports
from crm_api.platform.transfer.uploads import remove_orphans

_VERBS = ("validating", "validated", "running", "completed", "reverting", "reverted", "failed")

_AT_WORK = """
    SELECT count(*) AS n FROM imports
    WHERE organization_id = $1 AND target = ANY($2) AND deleted_at IS NULL
    AND status IN ('uploaded', 'validating', 'validated', 'running', 'reverting')
"""


def transfer_module(importers: Iterable[Importer]) -> Module:
    """Imports of the records that these importers make."""
    ImportService.importers = {importer.target: importer for importer in importers}

    def faces() -> Faces:
        from crm_api.platform.transfer.graphql import ImportMutation, ImportQuery, ImportReading
        from crm_api.platform.transfer.rest import router

        return Faces(
            routers=[router],
            queries=[ImportQuery, ImportReading],
            mutations=[ImportMutation],
        )

    return Module(
        key="imports",
        title="Imports",
        description="Files become records: mapped, rehearsed, run, reverted.",
        uses=[Use("imports", _AT_WORK)],
        faces=faces,
        jobs=[validate_import, run_import, revert_import, remove_upload],
        chores=[Chore("imports.remove_orphans", remove_orphans)],
        services=[ImportService],
        traces=[
            Trace(
                "imports",
                ("imports", "import_faults"),
                erase_from_imports,
                Copies("Files from which the records were made."),
            )
        ],
        events=[f"import.{verb}" for verb in (*_VERBS, "cancelled")],
    )
