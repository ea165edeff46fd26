"""How two companies are told to be one."""

from collections.abc import Sequence

from crm_api.domains.companies.service import CompanyService, tax_key
from crm_api.kit.values.companies import core_name
from crm_api.kit.values.hosts import is_shared
from crm_api.platform.duplicates.matcher import Matcher, Record, Words, points
from crm_api.platform.duplicates.model.blocking import rule
from crm_api.platform.duplicates.model.records import Field, Profile


class CompanyMatcher(Matcher):
    """Companies by name without legal form, domains, tax id and points."""

    service = CompanyService
    fields = (
        Field("name", "text"),
        Field("domain", "exact"),
        Field("tax_id", "number"),
        Field("country", "exact"),
        Field("email", "email"),
        Field("phone", "phone"),
        Field("street", "text"),
        Field("city", "text"),
        Field("postal_code", "number"),
    )
    rules = (
        rule("name"),
        rule("domain"),
        rule("tax_id"),
        rule("words_sorted"),
        rule("phone"),
        rule("email"),
        rule("phone:-7"),
        rule("name:6", "city:4"),
        rule("name:4", "postal_code"),
        rule("name:8"),
        rule("domain:6", "name:3"),
        rule("street:6", "postal_code"),
    )
    reads = (
        "name",
        "sort_name",
        "legal_name",
        "domains",
        "tax_id",
        "country",
        "emails",
        "phones",
        "addresses",
    )
    unique = ("tax_id",)

    def profile(self, record: Record) -> Profile:
        """Names in one spelling without legal forms, and what tells where it is reached."""
        names = [core_name(record[name]) for name in ("name", "legal_name") if record[name]]
        distinct = tuple(dict.fromkeys(filter(None, names)))
        taxed, country = tax_key(record["tax_id"]), record["country"]
        return {
            **points(record, offices=True),
            "name": distinct,
            "words_sorted": tuple(" ".join(sorted(name.split())) for name in distinct),
            "domain": tuple(one for one in record["domains"] if not is_shared(one)),
            "tax_id": (taxed,) if taxed else (),
            "country": (country,) if country else (),
        }

    def searches(self, profile: Profile) -> Sequence[Words]:
        """By all the words of a name, and by how its first ones begin."""
        found: list[Words] = []
        for name in profile["name"]:
            # `core_name` writes Company as Co.
            words = [f"{word}:" if word in _SHORT else word for word in name.split()]
            found.append(tuple(words))
            found.append(tuple(f"{word[: max(4, len(word) - 2)]}:" for word in words[:2]))
        return found


_SHORT = frozenset({"co", "corp"})
