"""Messages that name work to be done."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

Lane = Literal["interactive", "default", "bulk"]
"""Who goes first: where somebody waits, what is done in passing, what takes long."""


@dataclass(frozen=True)
class Message:
    """The base of every job: a frozen dataclass of plain values, named in the imperative."""

    kind: ClassVar[str]
    """The name on the wire, such as `imports.run`."""
    max_attempts: ClassVar[int] = 12
    """How often it is begun before it is given up: over two hours and more, at most one apart.
    Those times when its worker died are counted apart (ADR-0113)."""
    lane: ClassVar[Lane] = "default"

    def args(self) -> dict[str, Any]:
        """The values that are stored with the job."""
        return asdict(self)

    def order(self) -> str | None:
        """What it is about, where such jobs wait for one another: one begins when the last ended."""
        return None
