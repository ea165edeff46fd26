"""What other parts make of the calendar files that come with mail."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from crm_api.kit.db.tx import Tx


class Heard(NamedTuple):
    """What became of a calendar file that came with a mail."""

    code: str
    message: str
    is_settled: bool = False
    """Whether nobody has to do anything about it, so that no case is opened."""


Heeder = Callable[[Tx, bytes, str | None], Awaitable[Heard | None]]
"""Gets the file and the address of the sender; None where it is nothing to it."""
