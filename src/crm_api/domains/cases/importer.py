"""How rows of a file become cases."""

from collections.abc import Sequence

from crm_api.domains.cases.service import CaseService
from crm_api.domains.companies.service import CompanyService
from crm_api.domains.contacts.importer import PARTY_FIELDS, PartyImporter
from crm_api.kit.db.tx import Tx
from crm_api.platform.transfer.importer import Draft
from crm_api.platform.transfer.reading.aliases import DESCRIPTION, EXTERNAL_ID, TAGS, hint

FIELDS = {
    "subject": hint("Subject", "Subject | Title | Case Subject | Betreff | Objet | Asunto | Тема"),
    "description": hint("Description", f"{DESCRIPTION} | Body | Details | Comments"),
    "kind": hint("Kind", "Case Type | Ticket Type | Type | Kind | Art | Тип"),
    "channel": hint("Channel", "Case Origin | Channel | Via | Kanal | Канал"),
    "priority": hint("Priority", "Priority | Case Priority | Priorität | Приоритет"),
    "impact": hint("Impact", "Impact | Auswirkung | Влияние"),
    "urgency": hint("Urgency", "Urgency | Dringlichkeit | Срочность"),
    "severity": hint("Severity", "Severity | Schweregrad | Серьёзность"),
    "external_id": hint("External ID", f"Case ID | Ticket ID | Case Number | {EXTERNAL_ID}"),
    "tags": hint("Tags", TAGS, "tags"),
    **PARTY_FIELDS,
}


class CaseImporter(PartyImporter):
    """Rows of cases, which are open; the contacts that they name are there already."""

    target = "case"
    fields = FIELDS
    service = CaseService
    touched = (CaseService, CompanyService)
    plain = tuple(n for n in FIELDS if n not in {*PARTY_FIELDS, "tags", "external_id"})
    lowered = ("kind", "channel", "priority", "impact", "urgency", "severity")

    def fit(self, tx: Tx, draft: Draft) -> None:
        """A row needs nothing more."""

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """New cases get their numbers, too; a rehearsal takes none."""
        await super().relate(tx, drafts)
        if tx.read_only:
            return
        ids = [draft.record_id for draft in drafts if draft.record_id is not None]
        known = {case.id for case in await CaseService(tx).records.locked(ids, everywhere=True)}
        new = [draft for draft in drafts if draft.record_id not in known]
        if new:
            numbers = await CaseService(tx).numbers(len(new))
            for draft, number in zip(new, numbers, strict=True):
                draft.values["number"] = number
