"""Settings of which an organization has one resource, such as how it rounds."""

from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.db.states import hold_state, publish_state
from crm_api.kit.db.tx import Tx

_ID = UUID(int=0)
"""In events: there is but one."""


class SettingsService:
    """A part of the state of an organization that is read and replaced as a whole."""

    area: ClassVar[str]
    event: ClassVar[str]
    """What is told where something is different."""
    part: ClassVar[str]
    """Where it stands in the state."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    def get(self) -> dict[str, Any]:
        """What holds now."""
        self.tx.actor.require(f"{self.area}:read")
        return self.shown()

    async def hold(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Have this hold; every process goes by it within a second."""
        self.tx.actor.require(f"{self.area}:write")
        await hold_state(self.tx)
        before = self.shown()
        await publish_state(self.tx, **{self.part: stored})
        after = self.shown()
        if after != before:
            self.tx.record(
                self.event,
                entity=self.area,
                record_id=_ID,
                version=1,
                data=after,
                previous=before,
            )
        return after

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        raise NotImplementedError
