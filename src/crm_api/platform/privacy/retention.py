"""The rules of retention: how long records are kept, and what becomes of them then."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.actor import missing_right
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal, Person
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.db.queued import enqueue_own
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.query.filters import Filter, parse
from crm_api.kit.query.page import PageQuery, count
from crm_api.kit.query.rules import refuse_readers
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Create
from crm_api.platform.privacy.events import RunRetention
from crm_api.platform.privacy.models import RetentionPolicy
from crm_api.platform.privacy.repository import LegalHolds, RetentionPolicies
from crm_api.platform.privacy.schemas import RetentionPolicyCreate, RetentionPolicyUpdate

EVERY = timedelta(days=1)
_LAST = UUID(int=2**128 - 1)
_NEEDED = {"delete": "write", "purge": "purge", "anonymise": "purge"}


class RetentionPolicyService(NamedService[RetentionPolicy]):
    """How long records of a kind are kept."""

    repository = RetentionPolicies
    area = "retention"
    plural = "retention_policies"
    upserts = False
    create_shape = RetentionPolicyCreate
    update_shape = RetentionPolicyUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {"last_run_at": None, "last_result": None}
    records: RetentionPolicies
    personal = Impersonal("The organization's own rules.")

    async def prepare(
        self, values: dict[str, Any], current: RetentionPolicy | None
    ) -> dict[str, Any]:
        """The target exists, the filter can be read, and the maker may do what the policy does."""
        values = await super().prepare(values, current)
        if current is not None and values.keys().isdisjoint({*_RULES, "is_active"}):
            return values
        after = {n: values.get(n, getattr(current, n, None)) for n in _WHOLE}
        service = self._permitted(after)
        if after["action"] == "anonymise" and not isinstance(service.personal, Person):
            raise Invalid.at("/action", "not_people", "Only people are anonymised.")
        if after["action"] == "delete" and after["counted_from"] == "deleted_at":
            message = "What is in the bin is deleted already; purge it."
            raise Invalid.at("/counted_from", "already_deleted", message)
        if "filter" in values:
            # Once it is active, nobody in particular runs it.
            refuse_readers(after["filter"], "/filter")
        self.read(after, service)
        return values

    async def create(self, data: Create) -> Any:
        """A policy, and its first run in a day."""
        shown = await super().create(data)
        if shown.is_active:
            await self._in_a_day(shown.id)
        return shown

    async def apply(self, current: RetentionPolicy, given: dict[str, Any]) -> Any:
        """A patch; what is switched on is carried out again."""
        was_active = current.is_active
        shown = await super().apply(current, given)
        if shown.is_active and not was_active:
            await self.repeat(current.id)
        return shown

    async def restore(self, id: UUID, *, expected_version: int | None = None) -> Any:
        """Take a policy out of the bin; it is carried out again, for those who could switch it on."""
        self.need("delete")
        current = await self.records.get(id, lock=True, deleted=True)
        self._permitted({n: getattr(current, n) for n in _WHOLE})
        shown = await super().restore(id, expected_version=expected_version)
        if shown.is_active:
            await self.repeat(id)
        return shown

    async def repeat(self, id: UUID, *, but: UUID | None = None) -> None:
        """Have a policy carried out in a day, unless that is due already; `but` is a job that runs."""
        if not await self.records.is_due(id, but or id):
            await self._in_a_day(id)

    async def _in_a_day(self, id: UUID) -> None:
        """As the organization's own work: it goes on when whoever switched it on has left."""
        await enqueue_own(self.tx, RunRetention(id, repeated=True), EVERY)

    async def begin(self, id: UUID) -> UUID:
        """Have a policy carried out now; the job."""
        self.tx.actor.require(f"{self.area}:write")
        policy = await self.records.get(id, lock=True)
        self._target({n: getattr(policy, n) for n in _RULES})
        return self.tx.enqueue(RunRetention(id))

    async def preview(self, id: UUID) -> dict[str, int]:
        """How many records a run would find now, and how many of them are held."""
        self.tx.actor.require(f"{self.area}:read")
        policy = await self.records.row(id)
        rules = {n: getattr(policy, n) for n in _RULES} | {"filter": decode(policy.filter)}
        service = self._target(rules, "read")
        wanted, deleted = self.read(rules, service)
        listing = service.records.listing
        query = PageQuery(
            Selection(listing.shown),
            wanted,
            count="exact",
            deleted=deleted,
            sight=service.records.sight,
        )
        held = await self._held(query, service)
        return {"matching": await count(self.tx, listing, query, None), "held": held}

    async def _held(self, query: PageQuery, service: CrudService[Any]) -> int:
        listing = service.records.listing
        holds = await LegalHolds(self.tx).targets(listing.entity, self.tx.now.date())
        if not holds:
            return 0
        chosen = parse({"id": {"in": [str(id) for id in holds[:_MOST_HOLDS]]}}, listing, self.tx)
        only = replace(query, filter=query.filter.both(chosen))
        return await count(self.tx, listing, only, None)

    def read(self, rules: Mapping[str, Any], service: CrudService[Any]) -> tuple[Filter, Any]:
        """What a policy lets go of, and whether that is in the bin; raises `Invalid`."""
        listing, since = service.records.listing, rules["counted_from"]
        wanted = parse(rules["filter"], listing, self.tx)
        old = parse({since: {"lt": f"@now-{rules['days']}d"}}, listing, self.tx)
        return wanted.both(old), "only" if since == "deleted_at" else None

    def _permitted(self, rules: Mapping[str, Any]) -> CrudService[Any]:
        """What a policy is about; raises `Forbidden` and `Invalid` where it may not be active."""
        if not rules["is_active"]:
            return self._target(rules, "read")
        service = self._target(rules)
        # It is carried out for the organization: with the sight of all, and for nobody who asks.
        if self.tx.actor.level(service.area, "delete") != "all":
            raise missing_right(f"{service.area}:delete")
        refuse_readers(rules["filter"], "/filter")
        return service

    def _target(self, rules: Mapping[str, Any], verb: str | None = None) -> CrudService[Any]:
        """What a policy is about, for those who may do to it what the policy does, or `verb`."""
        try:
            service = service_of(self.tx, rules["target"])
        except NotFound:
            message = f"There are no records of the kind {str(rules['target'])[:60]!r}."
            raise Invalid.at("/target", "unknown_target", message) from None
        if not service.plain and service.records.listing.part is None:
            raise Invalid.at("/target", "unknown_target", "Such records are not let go.")
        self.tx.actor.require(f"{service.area}:{verb or _NEEDED[rules['action']]}")
        return service

    async def next_of(
        self, rules: Mapping[str, Any], after: UUID | None, limit: int
    ) -> tuple[CrudService[Any], Sequence[Any]]:
        """The next records that a policy lets go, locked."""
        service = self._target(rules)
        wanted, deleted = self.read(rules, service)
        found = await service.records.hold_matching(
            wanted, after=after, until=_LAST, limit=limit, deleted=deleted
        )
        return service, found


_RULES = ("target", "filter", "days", "counted_from", "action")
_WHOLE = (*_RULES, "is_active")
_MOST_HOLDS = 500
