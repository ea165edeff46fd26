"""What other parts make of mail that comes in: of calendar files, reports and answers."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from crm_api.kit.db.tx import Tx


class Heard(NamedTuple):
    """What became of a calendar file that came with a mail."""

    code: str
    message: str
    is_settled: bool = False
    """Whether nobody has to do anything about it, so that no case is opened."""


Heeder = Callable[[Tx, bytes, str | None], Awaitable[Heard | None]]
"""Gets the file and the address of the sender; None where it is nothing to it."""


@dataclass(frozen=True)
class Report:
    """What a mail that came in says of one that was sent."""

    kind: Literal["bounce", "delivered", "complaint", "reply"]
    about: Sequence[str]
    """The Message-IDs that it names, the likeliest first."""
    is_lasting: bool = False
    """Of a bounce: whether another try would come to nothing."""
    detail: str | None = None


Reporter = Callable[[Tx, Report], Awaitable[bool]]
"""Heeds what is said of mail that it has sent; whether it has sent such."""
