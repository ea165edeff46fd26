"""What organizations have made of the product, remembered for a second."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec

from crm_api.kit.actor import Actor
from crm_api.kit.custom.catalogue import Catalogue, Snapshot
from crm_api.kit.switches import NOTHING_CLOSED

REMEMBERED_S = 0.8
"""How long a change of a definition or a switch may go unnoticed by another process."""
_MOST = 10_000
# The snapshot itself only comes when it is another one than is known.
FIND = """
    SELECT coalesce(o.time_zone, 'UTC') AS time_zone, coalesce(s.version, 0) AS version,
        CASE WHEN s.version <> $2 THEN s.snapshot END AS snapshot
    FROM (SELECT $1::uuid AS id) own LEFT JOIN organizations o ON o.id = own.id
    LEFT JOIN organization_states s ON s.organization_id = own.id
"""
Fetch = Callable[[UUID, str, list[Any]], Awaitable[list[Any]]]


class Catalogues:
    """One per process; asks for the version of an organization's state at most once in a while."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._known: dict[UUID, tuple[float, Catalogue]] = {}

    async def of(self, organization_id: UUID, *, is_fresh: bool = False) -> Catalogue:
        """What holds for an organization now, or did a moment ago unless it is to be fresh.

        A job and a watch ask for it fresh: what they act on may be of definitions that another
        process has made just before.
        """
        due, known = self._known.get(organization_id, (0.0, None))
        now = time.monotonic()
        if known is not None:
            if now < due and not is_fresh:
                return known
            # One asks; those who come meanwhile go on with what was known.
            self._known[organization_id] = now + REMEMBERED_S, known
        try:
            found = await self._ask(organization_id, known or Catalogue())
        except BaseException:
            self._known.pop(organization_id, None)
            raise
        self.put(organization_id, found)
        return found

    async def _ask(self, organization_id: UUID, known: Catalogue) -> Catalogue:
        rows = await self._fetch(organization_id, FIND, [organization_id, known.version])
        version, zone, snapshot = (rows[0][n] for n in ("version", "time_zone", "snapshot"))
        if version != known.version:
            found = None if snapshot is None else msgspec.json.decode(snapshot, type=Snapshot)
            return in_zone(Catalogue(version, found), zone)
        return in_zone(known, zone)

    def put(self, organization_id: UUID, catalogue: Catalogue) -> None:
        """Know what was just committed or read."""
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[organization_id] = time.monotonic() + REMEMBERED_S, catalogue


def in_zone(catalogue: Catalogue, time_zone: str) -> Catalogue:
    """The same of an organization in some time zone."""
    if catalogue.time_zone == time_zone:
        return catalogue
    moved = copy(catalogue)
    moved.time_zone = time_zone
    return moved


class Learned:
    """The state of an organization as one transaction knows it; it may have changed it itself."""

    def __init__(self, known: Catalogues, actor: Actor) -> None:
        self._known = known
        self._state: tuple[Catalogue | None, bool] = None, False
        self.actor = actor
        """Who asks, with what is closed to everybody."""
        self.touched: dict[str, set[UUID]] = {}
        """The records that were changed and that something is settled for, by their kinds."""
        self.awaiting: dict[str, set[UUID]] = {}
        """Those of which something is to be derived anew before that."""
        self.notes: dict[Any, Any] = {}
        """What was found out for good by who derives, record after record, by whom it is of."""
        self.owners: set[UUID] = set()
        """Users who may have records, as far as that was found out (`kit/crud/owners.py`)."""

    @property
    def state(self) -> tuple[Catalogue | None, bool]:
        """What it knows, and whether that is of its own making."""
        return self._state

    @state.setter
    def state(self, state: tuple[Catalogue | None, bool]) -> None:
        self._state = state
        if state[0] is not None and state[0].switches.areas is not self.actor.closed:
            self.actor = replace(self.actor, closed=state[0].switches.areas)

    @property
    def catalogue(self) -> Catalogue:
        """What it knows."""
        found = self._state[0]
        if found is None:
            raise RuntimeError("The state of the organization is not known before `learn`.")
        return found

    async def learn(self) -> None:
        """Find out what holds, unless that is known."""
        if self._state[0] is None:
            self.state = await self._known.of(self.actor.organization_id), False

    def touch(self, entity: str, record_id: UUID, *, is_new: bool) -> None:
        """Remember a record that was changed, if there are rules about such, or approvals of them.

        What is new was not approved yet.
        """
        catalogue = self.catalogue
        if entity in catalogue.rules or (entity in catalogue.approved and not is_new):
            self.touched.setdefault(entity, set()).add(record_id)
        if entity in catalogue.clocked:
            self.owe(entity, record_id)

    def owe(self, entity: str, record_id: UUID) -> None:
        """Have what `derive_by` names be done about a record before the commit, once."""
        self.awaiting.setdefault(entity, set()).add(record_id)

    def redefine(self, catalogue: Catalogue) -> None:
        """Have another state from here on, and for everybody after the commit."""
        self.state = catalogue, True

    def move(self, time_zone: str) -> None:
        """Have the organization be in another time zone from here on, and for everybody."""
        self.redefine(in_zone(self.catalogue, time_zone))

    @contextmanager
    def reopened(self) -> Iterator[None]:
        """Heed no switches in a block: what is switched off can still be taken away."""
        before, self.actor = self.actor, replace(self.actor, closed=NOTHING_CLOSED)
        try:
            yield
        finally:
            self.actor = before

    @contextmanager
    def seeing_as(self, actor: Actor) -> Iterator[None]:
        """Look with somebody else's eyes in a block, which writes nothing in their name."""
        before, self.actor = self.actor, actor
        try:
            yield
        finally:
            self.actor = before

    def publish(self) -> None:
        """Let the others of this process know what was redefined, now that it is committed."""
        if self._state[1]:
            self._known.put(self.actor.organization_id, self.catalogue)
