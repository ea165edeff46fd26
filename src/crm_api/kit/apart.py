"""Work on many things that have nothing to do with each other, of which some may be broken."""

from collections.abc import Awaitable

import structlog

from crm_api.kit.errors import CrmError

_OUTAGES = 5
log = structlog.get_logger("crm_api.apart")


class Stumbled(Exception):
    """Something is wrong with some of what a chore works on; all else was done."""


class Apart:
    """What a chore does with many things, of which a bad one keeps no other waiting."""

    def __init__(self) -> None:
        self._wrong: list[str] = []
        self._outages = 0

    async def do(self, what: str, work: Awaitable[None]) -> None:
        """Work on one of them; what is refused is looked at again the next time.

        Raises what goes wrong as an outage does, once that is so several times in a row.
        """
        try:
            await work
            self._outages = 0
        except Exception as error:
            if isinstance(error, CrmError) and error.status < 500:
                return
            self._outages = self._outages + 1 if isinstance(error, CrmError | OSError) else 0
            if self._outages == _OUTAGES:
                raise
            log.exception("skipped in a chore", what=what)
            self._wrong.append(f"{what}: {type(error).__name__} {error}")

    def end(self) -> None:
        """Raise `Stumbled` if something was wrong."""
        if self._wrong:
            raise Stumbled(f"{len(self._wrong)} skipped, the first one {self._wrong[0]}")
