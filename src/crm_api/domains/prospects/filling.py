"""Who comes on a list, and who leaves it."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.contacts.service import ContactService
from crm_api.domains.leads.repository import LEADS
from crm_api.domains.leads.schemas import LeadCreate
from crm_api.domains.leads.service import LeadService
from crm_api.domains.prospects.capturing import Capture
from crm_api.domains.prospects.events import ask_for_count
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService
from crm_api.domains.prospects.list_schemas import (
    MOST_AT_ONCE,
    MOST_CONTACTS,
    ProspectAddition,
    ProspectRemoval,
)
from crm_api.domains.prospects.models import ProspectList
from crm_api.domains.prospects.repository import MEMBERS, caused, sent_by
from crm_api.domains.prospects.service import (
    ProspectListService,
    ProspectMemberService,
    split_before,
)
from crm_api.domains.segments.service import SegmentService
from crm_api.kit.automation import condition_of
from crm_api.kit.crud.purges import destroy
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Fault, Invalid, WrongState
from crm_api.kit.links.paging import filled
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.platform.transfer.service import ImportService

_COMPANIES = "SELECT id, name FROM companies WHERE organization_id = $1 AND id = ANY($2)"
_KEPT = (
    *("first_name", "last_name", "title", "emails", "phones", "addresses", "country"),
    *("language", "time_zone", "tags"),
)


class Filling:
    """Changes who is on a list, whose lock it holds: nobody is on it twice."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.lists, self.members = ProspectListService(tx), ProspectMemberService(tx)
        self.leads = LeadService(tx)

    async def add(self, id: UUID, data: ProspectAddition) -> dict[str, Any]:
        """Put leads on a list; those that are on it already stay where they are."""
        current = await self._open(id)
        self.leads.need("read")
        more, cursor = False, None
        if data.lead_ids is not None:
            wanted = await self._named(data.lead_ids)
        elif data.filter is not None:
            wanted, more = await self._passing(id, data.filter)
        elif data.import_id is not None:
            await self._need_import(data.import_id)
            among = caused(self.tx.organization_id, data.import_id)
            wanted, more = await self._passing(id, {}, among)
        elif data.form_id is not None:
            await self._need_form(data.form_id)
            among = sent_by(self.tx.organization_id, data.form_id)
            wanted, more = await self._passing(id, {}, among)
        else:
            wanted, cursor = await self._contacts(data)
        listed = await self.members.records.listed(id, wanted)
        new = [one for one in dict.fromkeys(wanted) if one not in listed]
        await self.members.join([id] * len(new), new)
        return await self._told(current, len(new), more=more or cursor is not None, cursor=cursor)

    async def remove(self, id: UUID, data: ProspectRemoval) -> dict[str, Any]:
        """Take leads from a list; nothing else becomes of them."""
        current = await self._open(id)
        found = await self.members.records.of_leads(id, data.lead_ids)
        if any(one.status == "given" for one in found):
            raise WrongState("Somebody has one of them by the list: recall it.", code="given")
        if found:
            if any(one.returns for one in found):
                ask_for_count(self.tx, id)
            await destroy(self.tx, MEMBERS, [one.id for one in found])
        return await self._told(current, -len(found), more=False, cursor=None)

    async def _open(self, id: UUID) -> ProspectList:
        current = await self.lists.idle(id)
        if current.status == "split":
            raise split_before()
        if current.status != "open":
            raise WrongState("Its members stay as they are: reopen it.", code="list_frozen")
        return current

    async def _told(
        self, current: ProspectList, changed: int, *, more: bool, cursor: str | None
    ) -> dict[str, Any]:
        count = current.member_count + changed
        if changed:
            await self.lists.change(current, {"member_count": count}, verb="filled")
        told = {"changed": abs(changed), "member_count": count}
        return {**told, "more": more, "next_cursor": cursor}

    async def _named(self, ids: Sequence[UUID]) -> Sequence[UUID]:
        seen = await kinds_of(self.tx, [LEADS], list(dict.fromkeys(ids)))
        faults = [
            Fault("unknown_reference", "There is no such lead.", f"/lead_ids/{place}")
            for place, id in enumerate(ids)
            if id not in seen
        ]
        if faults:
            raise Invalid(faults[0].message, faults=faults[:100])
        return ids

    async def _need_import(self, id: UUID) -> None:
        """Raise `Invalid` unless it is an import of leads that is seen."""
        imports = ImportService(self.tx)
        imports.need("read")
        found = await imports.records.find(id)
        if found is None:
            raise Invalid.at("/import_id", "unknown_reference", "There is no such import.")
        if found.target != LEADS.entity:
            message = f"It is an import of another kind: {found.target}."
            raise Invalid.at("/import_id", "other_target", message)

    async def _need_form(self, id: UUID) -> None:
        """Raise `Invalid` unless it is a form whose submissions are seen."""
        LeadSubmissionService(self.tx).need("read")
        forms = LeadFormService(self.tx)
        forms.need("read")
        if await forms.records.find(id) is None:
            raise Invalid.at("/form_id", "unknown_reference", "There is no such form.")

    async def _need_segment(self, id: UUID) -> None:
        """Raise `Invalid` unless it is a segment of contacts that is seen."""
        segments = SegmentService(self.tx)
        segments.need("read")
        found = await segments.records.find(id)
        if found is None:
            raise Invalid.at("/segment_id", "unknown_reference", "There is no such segment.")
        if found.target != CONTACTS.entity:
            raise Invalid.at("/segment_id", "other_target", "It is a segment of companies.")

    async def _passing(
        self, id: UUID, source: Mapping[str, Any], among: Any = None
    ) -> tuple[Sequence[UUID], bool]:
        filter = condition_of(self.tx, "lead", source)
        sight = self.leads.records.sight
        found = await self.members.records.unlisted(
            id, filter, sight, MOST_AT_ONCE + 1, among=among
        )
        return found[:MOST_AT_ONCE], len(found) > MOST_AT_ONCE

    async def _contacts(self, data: ProspectAddition) -> tuple[list[UUID], str | None]:
        """The leads that contacts are, or become."""
        contacts = ContactService(self.tx)
        source = data.contact_filter
        if data.segment_id is not None:
            await self._need_segment(data.segment_id)
            source = {"segment": {"eq": str(data.segment_id)}}
        try:
            filter = condition_of(self.tx, "contact", source)
        except CrmError as error:
            raise _elsewhere(error) from None
        query = PageQuery(
            Selection(("id",)), filter, sort="id", limit=MOST_CONTACTS, cursor=data.cursor
        )
        page = await contacts.page(query)
        found = await contacts.records.some([row.id for row in page.data])
        names = await self._companies([one.company_id for one in found])
        capture = Capture(self.tx)
        wanted: list[UUID] = []
        for one in found:
            given = {name: getattr(one, name) for name in _KEPT}
            known = {name: value for name, value in given.items() if value not in (None, [])}
            company = names.get(one.company_id)
            whole = {**known, "company_name": company, "source": "contacts"}
            wanted.append((await capture.take(filled(LeadCreate, whole))).id)
        return wanted, page.next_cursor

    async def _companies(self, ids: Sequence[UUID | None]) -> dict[UUID | None, str]:
        wanted = [id for id in ids if id is not None]
        rows = await self.tx.fetch(_COMPANIES, self.tx.organization_id, wanted) if wanted else []
        return {row["id"]: row["name"] for row in rows}


def _elsewhere(error: CrmError) -> CrmError:
    """A mistake in `filter` that stands in `contact_filter`."""
    faults = [
        Fault(f.code, f.message, (f.pointer or "").replace("/filter", "/contact_filter", 1))
        for f in error.faults
    ]
    return Invalid(error.detail, faults=faults)
