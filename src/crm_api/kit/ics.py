"""What all iCalendar documents (RFC 5545) have in common. Needs no database and no clock."""

from typing import Any

from icalendar import Calendar

MEDIA_TYPE = "text/calendar; charset=utf-8"
_CONTROL = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127), " ")


def new_calendar(product: str, method: str) -> Calendar:
    """An empty document; `method` is what its reader is to do with it (RFC 5546)."""
    calendar = Calendar()
    add(calendar, "prodid", product)
    add(calendar, "version", "2.0")
    add(calendar, "calscale", "GREGORIAN")
    add(calendar, "method", method)
    return calendar


def add(component: Any, name: str, value: Any, **parameters: str) -> None:
    """Give a component a property, with its parameters."""
    component.add(name, value, parameters=parameters or None)


def clean(text: str) -> str:
    """Without what is no TEXT: control characters other than line breaks and tabs."""
    return text.translate(_CONTROL).replace("\r\n", "\n").replace("\r", "\n").strip()
