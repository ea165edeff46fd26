"""What models know of a lead: plain facts, each one of a few values.

They are such as stand in the event of a lead's creation, so that past leads are learned from as they
came, and not as they were made by whoever worked on them.
"""

from bisect import bisect_right
from collections.abc import Mapping
from typing import Any, cast

from crm_api.kit.points import email_key
from crm_api.kit.values.errors import BadValue
from crm_api.kit.values.hosts import FREE_MAIL

ACTIVE_DAYS = 90
"""What the matched contact did in so many days before counts as activity."""
FIELDS: Mapping[str, frozenset[str]] = {
    "source": frozenset({"source"}),
    "medium": frozenset({"medium"}),
    "campaign": frozenset({"campaign"}),
    "utm_source": frozenset({"utm"}),
    "country": frozenset({"country"}),
    "language": frozenset({"language"}),
    "industry": frozenset({"industry"}),
    "employees": frozenset({"employees"}),
    "email": frozenset({"email", "emails"}),
    "has_phone": frozenset({"phone", "phones"}),
    "has_title": frozenset({"title"}),
    "has_company": frozenset({"company_name"}),
    "has_website": frozenset({"website"}),
    "matched": frozenset({"matched_contact_id", "matched_company_id"}),
    "activity": frozenset(),
}
"""The facts, with the fields that they tell: from whom one of these is hidden, they are, too."""
NAMES = tuple(FIELDS)
USED: tuple[str, ...] = tuple(
    sorted(frozenset[str]().union(*FIELDS.values()) - {"emails", "phones"})
)
"""The fields that it takes to know all facts."""
_SIZES = (1, 10, 50, 250, 1_000)
_DEEDS = (1, 3, 10)


def facts_of(values: Mapping[str, Any], deeds: int) -> tuple[str | None, ...]:
    """The facts of a lead, in the order of `NAMES`; `deeds` are tracked events of its contact."""
    employees, utm = values.get("employees"), cast("Mapping[str, str]", values.get("utm") or {})
    return (
        values.get("source"),
        values.get("medium"),
        values.get("campaign"),
        utm.get("source"),
        values.get("country"),
        values.get("language"),
        values.get("industry"),
        None if employees is None else _span(_SIZES, employees),
        _address(values.get("email")),
        _whether(values.get("phone")),
        _whether(values.get("title")),
        _whether(values.get("company_name")),
        _whether(values.get("website")),
        _match(values),
        _span(_DEEDS, deeds),
    )


def _span(bounds: tuple[int, ...], number: int) -> str:
    place = bisect_right(bounds, number)
    least = bounds[place - 1] if place else 0
    if place == len(bounds):
        return f"{least}+"
    most = bounds[place] - 1
    return str(least) if least == most else f"{least}-{most}"


def _address(value: str | None) -> str:
    if value is None:
        return "none"
    try:
        domain = email_key(value).rpartition("@")[2]
    except BadValue:
        return "none"
    return "free" if domain in FREE_MAIL else "own"


def _whether(value: Any) -> str:
    return "yes" if value else "no"


def _match(values: Mapping[str, Any]) -> str:
    if values.get("matched_contact_id") is not None:
        return "contact"
    return "nobody" if values.get("matched_company_id") is None else "company"
