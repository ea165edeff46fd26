"""Public holidays, from the package that keeps them."""

from collections.abc import Iterable
from datetime import date

from crm_api.kit.errors import Invalid


def public_holidays(country: str, subdivision: str | None, years: Iterable[int]) -> dict[date, str]:
    """The days off by law, with their names; raises `Invalid` for a part without a list."""
    import holidays

    # It has a list of every country of ISO 3166-1.
    parts = holidays.list_supported_countries()[country]
    if subdivision is not None and subdivision not in parts:
        message = f"{country} has no list of {subdivision}, but of {', '.join(parts) or 'no part'}."
        raise Invalid.at("/subdivision", "unknown_subdivision", message)
    found = holidays.country_holidays(country, subdiv=subdivision, years=list(years))
    return dict(found.items())
