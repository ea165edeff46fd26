"""Fractional ranks: there is one between any two, and the order of their bytes is theirs.

The midpoints are those of D. Greenspan, "Implementing fractional indexing" (2020). A rank that is
put between two again and again grows by a digit about every sixth time, so stretches of a column
are ranked anew before that is much; `spread` makes as short ones as there are.
"""

from uuid import UUID

LONGEST = 64
"""Longer ranks have their neighbourhood ranked anew."""
SHORT = 40
"""What ranks are to be no longer than after that."""
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE = len(_DIGITS)
_ID_DIGITS = 22
_MIDDLE = _DIGITS[_BASE // 2]
CEILING = _DIGITS[_BASE // 2 + 1]
"""Above every rank of a new record."""


def newest(id: UUID) -> str:
    """The rank of a record at the end of its column, without looking: ids grow with time."""
    digits: list[str] = []
    number = id.int
    for _ in range(_ID_DIGITS):
        number, digit = divmod(number, _BASE)
        digits.append(_DIGITS[digit])
    # Of no rank the last digit is the lowest one: there would be none just below it.
    return f"{_MIDDLE}{''.join(reversed(digits))}{_MIDDLE}"


def between(low: str, high: str | None) -> str:
    """A rank above `low`, which may be empty, and below `high`; `low` has to be below `high`."""
    found: list[str] = []
    place = 0
    while True:
        least = _DIGITS.index(low[place]) if place < len(low) else 0
        most = _BASE if high is None else _DIGITS.index(high[place])
        if least == most:
            found.append(_DIGITS[least])
        elif most - least > 1:
            return "".join(found) + _DIGITS[(least + most) // 2]
        elif high is not None and place + 1 < len(high):
            return "".join(found) + high[place]
        else:
            found.append(_DIGITS[least])
            high = None
        place += 1


def spread(low: str, high: str, count: int) -> list[str]:
    """So many ranks between two, in order and short."""
    if count == 0:
        return []
    middle, half = between(low, high), count // 2
    return [*spread(low, middle, half), middle, *spread(middle, high, count - half - 1)]
