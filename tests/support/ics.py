"""What strict readers of iCalendar documents insist on (RFC 5545)."""

import re

from icalendar import Calendar

_NAMED = re.compile(r'[A-Z0-9-]+(;[A-Z0-9-]+=("[^"]*"|[^:;",]*)(,("[^"]*"|[^:;",]*))*)*:')


def strict(raw: bytes) -> Calendar:
    """The document, which must be as the standard says to the octet."""
    lines = raw.split(b"\r\n")
    assert lines.pop() == b""
    assert b"\n" not in b"".join(lines)
    assert b"\r" not in b"".join(lines)
    assert all(0 < len(line) <= 75 for line in lines)
    for line in lines:
        line.decode()  # no character is cut in two by folding
    unfolded = re.sub(rb"\r\n[ \t]", b"", raw).decode().split("\r\n")
    assert not any(ord(c) < 32 and c != "\t" for line in unfolded for c in line)
    assert all(_NAMED.match(line) for line in unfolded if line), unfolded
    calendar = Calendar.from_ical(raw)
    assert not any(one.errors for one in calendar.walk())
    assert (str(calendar["VERSION"]), bool(calendar["PRODID"])) == ("2.0", True)
    return calendar
