"""What a lead is called: the person, else the company, else where it is reached."""

from collections.abc import Mapping
from typing import Any

from crm_api.domains.leads.models import Lead
from crm_api.kit.errors import Invalid
from crm_api.kit.values.names import sort_key

NAMING = {"first_name", "last_name", "company_name", "email", "phone"}
"""The fields that it comes from."""


def naming(values: Mapping[str, Any], current: Lead | None) -> dict[str, str]:
    """The name that is shown, and what it is sorted by; raises `Invalid` where there is none."""
    after = dict(values)
    if current is not None:
        after = {name: getattr(current, name) for name in NAMING} | after
    first, last = after.get("first_name"), after.get("last_name")
    others = next(
        (after[name] for name in ("company_name", "email", "phone") if after.get(name)), None
    )
    shown = " ".join(filter(None, (first, last))) or others
    if not shown:
        message = "A lead needs a name, an e-mail address, a phone number or a company name."
        raise Invalid.at("", "nameless", message)
    return {"name": shown, "sort_name": sort_key(" ".join(filter(None, (last, first))) or shown)}
