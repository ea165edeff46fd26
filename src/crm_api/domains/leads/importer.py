"""How rows of a file become leads."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.companies.cells import code_of, read_as
from crm_api.domains.leads.matching import Matching
from crm_api.domains.leads.service import LeadService
from crm_api.kit.db.tx import Tx
from crm_api.kit.values import codes
from crm_api.kit.values.names import name_parts
from crm_api.platform.transfer.importer import Draft, Importer, data_of
from crm_api.platform.transfer.reading.aliases import CONTACT_FIELDS, hint
from crm_api.platform.transfer.reading.mapping import FieldHint

_OF_CONTACTS = (
    *("first_name", "last_name", "name", "title", "email", "phone", "phone:mobile"),
    *("language", "time_zone", "address.street", "address.city", "address.region"),
    *("address.postal_code", "address.country", "external_id", "tags", "description", "source"),
)
_OF_COMPANIES = {
    "company_name": "company.name",
    "website": "company.website",
    "industry": "company.industry",
    "employees": "company.employees",
}
_UTM = ("source", "medium", "campaign", "term", "content")
FIELDS: Mapping[str, FieldHint] = {
    **{name: CONTACT_FIELDS[name] for name in _OF_CONTACTS},
    **{name: CONTACT_FIELDS[known] for name, known in _OF_COMPANIES.items()},
    "skills": hint(
        "Needed skills", "Required Skills | Skills | Needed Skills | Kompetenzen | Навыки", "tags"
    ),
    "campaign": hint(
        "Campaign", "Campaign | Campaign Name | Kampagne | Campagne | Campaña | Кампания"
    ),
    "medium": hint("Medium", "Medium | Channel | Lead Channel | Kanal | Canal | Канал"),
    "referrer": hint("Referrer", "Referrer | Referring URL | Referrer URL"),
    **{f"utm.{name}": hint(f"UTM {name}", f"utm_{name} | UTM {name}") for name in _UTM},
}
_PLAIN = (
    *("first_name", "last_name", "title", "language", "time_zone", "description", "source"),
    *("company_name", "employees", "campaign", "referrer"),
)


class LeadImporter(Importer):
    """Rows of people and companies that may become customers; who they may be is looked up."""

    target = "lead"
    fields = FIELDS
    match = ("external_id", "email", "phone")
    service = LeadService
    touched = (LeadService,)

    def arrange(self, texts: Mapping[str, list[Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """A lead names its company and its area by words of its own."""
        data = data_of(texts, _PLAIN)
        if texts.get("name") and "last_name" not in data:
            data |= name_parts(texts["name"][0], data.get("first_name"))
        for name, field in (("region", "address.region"), ("postal_code", "address.postal_code")):
            if texts.get(field):
                data[name] = texts[field][0]
        for name in ("industry", "medium"):
            if texts.get(name):
                data[name] = read_as(code_of, texts[name][0], name)
        if texts.get("website"):
            data["website"] = read_as(codes.url, texts["website"][0], "website")
        if skills := [skill for listed in texts.get("skills", ()) for skill in listed]:
            data["skills"] = skills
        if utm := {name: found[0] for name in _UTM if (found := texts.get(f"utm.{name}"))}:
            data["utm"] = utm
        return data, {}

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Who the leads may be is found for all rows at once; of those that change at the change."""
        if tx.read_only or not drafts:
            return
        found = await Matching(tx).of_many([(d.record_id, d.values) for d in drafts])
        for draft, matched in zip(drafts, found, strict=True):
            draft.values |= matched

    async def in_use(self, tx: Tx, entity: str, ids: Sequence[UUID]) -> set[UUID]:
        """Leads that somebody has, or had, by now."""
        if entity != "lead" or not ids:
            return set()
        rows = await tx.fetch(
            "SELECT DISTINCT lead_id FROM lead_assignments WHERE organization_id = $1 "
            "AND lead_id = ANY($2)",
            tx.organization_id,
            list(ids),
        )
        return {row["lead_id"] for row in rows}

    def pointed(self, path: Sequence[str]) -> str:
        """Areas come with addresses."""
        if path[0] in {"region", "postal_code"}:
            return f"address.{path[0]}"
        if path[0] == "utm" and len(path) > 1:
            return f"utm.{path[1]}"
        return super().pointed(path)
