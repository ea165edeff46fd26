"""How two leads are told to be one."""

from collections.abc import Sequence

from crm_api.domains.leads.service import LeadService
from crm_api.kit.values.companies import core_name
from crm_api.kit.values.names import spelling
from crm_api.platform.duplicates.matcher import Matcher, Record, Words, points
from crm_api.platform.duplicates.model.blocking import rule
from crm_api.platform.duplicates.model.records import Field, Profile


class LeadMatcher(Matcher):
    """Leads by their names, points and company."""

    service = LeadService
    fields = (
        Field("last_name", "name", crossed="first_name"),
        Field("first_name", "name", crossed="last_name"),
        Field("company_name", "text"),
        Field("email", "email"),
        Field("phone", "phone"),
        Field("street", "text"),
        Field("city", "text"),
        Field("postal_code", "number"),
    )
    rules = (
        rule("email"),
        rule("phone"),
        rule("names_sorted"),
        rule("email_user"),
        rule("phone:-7"),
        rule("last_name", "first_name:2"),
        rule("first_name", "last_name:3"),
        rule("company_name:6", "names:4"),
        rule("street:6", "city:4"),
    )
    reads = ("first_name", "last_name", "company_name", "emails", "phones", "addresses")
    unique = ("email",)

    def profile(self, record: Record) -> Profile:
        """Names in one spelling, and everything that tells where the lead is reached."""
        first, last = (_spelt(record[name]) for name in ("first_name", "last_name"))
        company = core_name(record["company_name"]) if record["company_name"] else ""
        return {
            **points(record, offices=False),
            "first_name": first,
            "last_name": last,
            "names": (*last, *first),
            "names_sorted": (" ".join(sorted(" ".join([*last, *first]).split())),),
            "company_name": (company,) if company else (),
        }

    def searches(self, profile: Profile) -> Sequence[Words]:
        """By the whole name, or that of the company."""
        last = " ".join(profile["last_name"]).split()
        first = " ".join(profile["first_name"]).split()
        found: list[Words] = [(*last, *first)] if last or first else []
        company = " ".join(profile["company_name"]).split()
        return [*found, tuple(company)] if company else found


def _spelt(name: str | None) -> tuple[str, ...]:
    text = spelling(name) if name else ""
    return (text,) if text else ()
