"""What an actor may do to the records of a collection, beyond seeing them (ADR-0024)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.access import Action, is_managed
from crm_api.kit.actor import missing_right
from crm_api.kit.crud.owners import need_owner
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.query.kinds import kinds_of
from crm_api.kit.query.visibility import ALL, among, sight_of


class Guard:
    """Asked by every use case that writes; whoever may do everything costs nothing."""

    def __init__(self, area: str, records: Any) -> None:
        self._area, self._records = area, records
        self._tx, self._actor = records.tx, records.tx.actor
        self._listing = records.listing
        self._permitted: dict[Action, set[UUID]] = {}

    @property
    def hidden(self) -> frozenset[str]:
        """The fields that are kept from the actor."""
        return self._actor.hidden(self._listing.entity)

    def need(self, action: Action) -> None:
        """Raise `Forbidden` unless an action is allowed with some records at least."""
        self._actor.need(self._area, action)

    async def permit(self, ids: Sequence[UUID], action: Action) -> None:
        """Raise `Forbidden` unless an action reaches all of these records, which are seen."""
        if sight_of(self._actor, self._listing, action) == ALL:
            return
        known = self._permitted.setdefault(action, set())
        unknown = [id for id in ids if id not in known]
        if unknown:
            known |= await self._reached(unknown, action)
        if not known.issuperset(ids):
            raise missing_right(f"{self._area}:{action}")

    async def prepare(self, ids: Sequence[UUID]) -> None:
        """Know for many records at once which of them may be changed."""
        for action in ("update", "delete"):
            if sight_of(self._actor, self._listing, action) != ALL:
                found = await self._reached(ids, action)
                self._permitted.setdefault(action, set()).update(found)

    async def _reached(self, ids: Sequence[UUID], action: Action) -> frozenset[UUID]:
        sight = sight_of(self._actor, self._listing, action)
        return await among(self._tx, self._listing, sight, list(ids))

    async def owner_of(
        self, given: Mapping[str, Any], action: Action, before: UUID | None = None
    ) -> None:
        """Raise `Forbidden` or `Invalid` where a record is given to whom it may not be given.

        Whose it was `before` may be gone by now.
        """
        self.reach_owner(given, action, before)
        owner = given.get("owner_id")
        if owner is not None and owner != before:
            await need_owner(self._tx, owner)

    def reach_owner(
        self, given: Mapping[str, Any], action: Action, before: UUID | None = None
    ) -> None:
        """Raise `Forbidden` where a record would be somebody's whom the level does not reach.

        Nor is one taken from such an owner `before` by those with whom it is merely shared.
        """
        access = self._actor.access
        level = self._actor.level(self._area, action)
        if access is None or level == "all" or "owner_id" not in given:
            return
        owner = given["owner_id"]
        if owner is None and action == "create":
            return
        reached = access.owners(level)
        if owner not in reached or not (before is None or before in reached):
            message = f"Your records are for those whom your right to {action} reaches."
            fault = Fault("owner_out_of_reach", message, pointer="/owner_id")
            raise Forbidden(message, code="owner_out_of_reach", faults=[fault])

    def own(self, record: dict[str, Any]) -> None:
        """Have a new record be that of the user who makes it, unless it is somebody's."""
        access = self._actor.access
        if access is not None and record.get("owner_id") is None:
            record["owner_id"] = None if is_managed(self._area) else access.user_id

    async def refer(self, given: Mapping[str, Any]) -> None:
        """Refuse references to records that are not seen, as if they were not there.

        Raises `Forbidden` where the record becomes a part of one that may not be changed.
        """
        access = self._actor.access
        if access is None or access.full:
            return
        faults: list[Fault] = []
        for relation in self._listing.relations:
            id = None if relation.many else given.get(relation.local.key)
            if id is None:
                continue
            target = relation.target()
            if id not in await kinds_of(self._tx, [target], [id]):
                message = "there is no such record"
                faults.append(Fault("unknown_reference", message, f"/{relation.local.key}"))
            elif relation.name == self._listing.within:
                sight = sight_of(self._actor, target, "update")
                if id not in await among(self._tx, target, sight, [id]):
                    raise missing_right(f"{target.area}:update")
        if faults:
            raise Invalid("A record that is referred to does not exist.", faults=faults)

    def fields(self, names: Iterable[str], below: str = "") -> None:
        """Raise `Forbidden` where fields are set that no role of the user lets be set.

        `below` is where they stand in the body.
        """
        closed = self._actor.read_only(self._listing.entity) | self._telling()
        if not closed:
            return
        faults = [
            Fault("read_only_field", "no role of yours lets it be set", below + _pointer(name))
            for name in names
            if name in closed
        ]
        if faults:
            raise Forbidden("A field is not yours to set.", code="read_only_field", faults=faults)

    def _telling(self) -> frozenset[str]:
        """The fields that tell hidden ones of the same record, which are set by them as well."""
        hidden, own = self.hidden, f"{self._listing.entity}."
        if not hidden:
            return hidden
        tells = self._listing.tells.items()
        return frozenset[str]().union(
            *(names for at, names in tells if at.removeprefix(own) in hidden)
        )


def _pointer(name: str) -> str:
    return "/" + name.replace(".", "/")
