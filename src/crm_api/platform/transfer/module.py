"""Imports as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.jobs import Chore
from crm_api.kit.module import Module
from crm_api.platform.transfer.graphql import ImportMutation, ImportQuery
from crm_api.platform.transfer.importer import Importer
from crm_api.platform.transfer.jobs import (
    remove_upload,
    revert_import,
    run_import,
    validate_import,
)
from crm_api.platform.transfer.rest import router
from crm_api.platform.transfer.service import ImportService
from crm_api.platform.transfer.uploads import remove_orphans

_VERBS = ("validating", "validated", "running", "completed", "reverting", "reverted", "failed")


def transfer_module(importers: Iterable[Importer]) -> Module:
    """Imports of the records that these importers make."""
    ImportService.importers = {importer.target: importer for importer in importers}
    return Module(
        name="transfer",
        routers=[router],
        queries=[ImportQuery],
        mutations=[ImportMutation],
        jobs=[validate_import, run_import, revert_import, remove_upload],
        chores=[Chore("imports.remove_orphans", remove_orphans)],
        services=[ImportService],
        events=[f"import.{verb}" for verb in (*_VERBS, "cancelled")],
    )
