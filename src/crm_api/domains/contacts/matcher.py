"""How two contacts are told to be one person."""

from collections.abc import Sequence

from crm_api.domains.contacts.service import ContactService
from crm_api.kit.values.names import spelling
from crm_api.platform.duplicates.matcher import Matcher, Record, Words, points
from crm_api.platform.duplicates.model.blocking import rule
from crm_api.platform.duplicates.model.records import Field, Profile


class ContactMatcher(Matcher):
    """People by their names, points and employer."""

    service = ContactService
    fields = (
        Field("last_name", "name", crossed="first_name"),
        Field("first_name", "name", crossed="last_name"),
        Field("middle_name", "name"),
        Field("birth_date", "date"),
        Field("email", "email"),
        Field("phone", "phone"),
        Field("company", "exact"),
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
        rule("birth_date", "names:2"),
        rule("postal_code", "names:3"),
        rule("last_name", "first_name:2"),
        rule("first_name", "last_name:3"),
        rule("last_name:4", "first_name:3"),
        rule("company", "names:4"),
        rule("street:6", "city:4"),
        rule("street:6", "names:2"),
        rule("birth_date", "postal_code"),
    )
    reads = (
        "first_name",
        "middle_name",
        "last_name",
        "preferred_name",
        "birth_date",
        "company_id",
        "emails",
        "phones",
        "addresses",
    )
    unique = ("email",)

    def profile(self, record: Record) -> Profile:
        """Names in one spelling, and everything that tells where the person is reached."""
        first, middle, last = (
            _spelt(record[name]) for name in ("first_name", "middle_name", "last_name")
        )
        born, company = record["birth_date"], record["company_id"]
        return {
            **points(record, offices=False),
            "first_name": tuple(dict.fromkeys([*first, *_spelt(record["preferred_name"])])),
            "middle_name": middle,
            "last_name": last,
            "names": (*last, *first),
            "names_sorted": (" ".join(sorted(" ".join([*last, *first]).split())),),
            "birth_date": (str(born).replace("-", ""),) if born else (),
            "company": (str(company),) if company else (),
        }

    def searches(self, profile: Profile) -> Sequence[Words]:
        """By the whole name, by one name and how the other begins, by how both begin."""
        last = " ".join(profile["last_name"]).split()
        first = " ".join(profile["first_name"][:1]).split()
        found: list[Words] = []
        if last and first:
            found = [
                (*last, *first),
                (*last, f"{first[0][:2]}:"),
                (*first, f"{last[0][:2]}:"),
                (f"{last[0][:4]}:", f"{first[0][:3]}:"),
            ]
        elif last or first:
            found = [(*last, *first)]
        users = (spelling(user.replace(".", " ")).split() for user in profile["email_user"])
        return [*found, *(tuple(words) for words in users if words)]


def _spelt(name: str | None) -> tuple[str, ...]:
    text = spelling(name) if name else ""
    return (text,) if text else ()
