"""The rules of requests of people, and of legal holds."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.actor import missing_right
from crm_api.kit.crud.collections import area_of, service_of
from crm_api.kit.crud.personal import About, Impersonal
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.hashes import find_hasher
from crm_api.kit.db.queued import enqueue_later, is_at_work
from crm_api.kit.db.rehearsal import rehearsal
from crm_api.kit.errors import Blocked, Invalid, NotFound, WrongState
from crm_api.kit.points import email_key, phone_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.privacy.erasing import Erasure
from crm_api.platform.privacy.events import CollectData, ErasePerson, RemoveArchive
from crm_api.platform.privacy.models import LegalHold, SubjectRequest
from crm_api.platform.privacy.persons import people, person_type, same_person, whole
from crm_api.platform.privacy.repository import ErasedKeys, LegalHolds, SubjectRequests
from crm_api.platform.privacy.schemas import (
    ExtendInput,
    LegalHoldCreate,
    LegalHoldUpdate,
    ReadmitInput,
    RejectInput,
    SubjectRequestCreate,
    SubjectRequestUpdate,
    VerifyInput,
)

HEARD_S = 1.0
"""By then every process knows who is kept out (`kit/db/catalogues.py`)."""
_MONTHS, _EXTENDED_MONTHS = 1, 3


class SubjectRequestService(CrudService[SubjectRequest]):
    """What people ask for about their data."""

    repository = SubjectRequests
    area = "privacy"
    plural = "subject_requests"
    upserts = False
    create_shape = SubjectRequestCreate
    update_shape = SubjectRequestUpdate
    records: SubjectRequests
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "received",
        **dict.fromkeys(
            [
                "extension",
                "verification",
                "verified_at",
                "rejection",
                "started_at",
                "completed_at",
                "report",
                "job_id",
                "stored_as",
                "expires_at",
            ]
        ),
    }
    personal = About(
        ("record_id",),
        end="kept",
        reason="That a request was made and answered in time has to be proven; its words are wiped.",
        entity="target",
    )

    async def prepare(
        self, values: dict[str, Any], current: SubjectRequest | None
    ) -> dict[str, Any]:
        """The person exists, and the answer is due in a month."""
        if current is None:
            received = values["received_at"] or self.tx.now
            if received > self.tx.now + timedelta(minutes=1):
                raise Invalid.at("/received_at", "in_future", "It has not been received yet.")
            service = person_type(self.tx, values["target"])
            self.tx.actor.require(f"{service.area}:read")
            await _need(service, values["record_id"])
            due = months_later(received.date(), _MONTHS)
            values |= {"received_at": received, "due_on": due}
        return await super().prepare(values, current)

    async def verify(self, id: UUID, data: VerifyInput) -> Any:
        """Say how it is known that whoever asks is who they say."""
        current = await self._in(id, "received")
        values = {"status": "verified", "verified_at": self.tx.now}
        return await self.change(current, {**values, **data.model_dump()}, verb="verified")

    async def extend(self, id: UUID, data: ExtendInput) -> Any:
        """Take longer, up to three months from receipt, and say why."""
        current = await self._in(id, "received", "verified", "in_progress")
        last = months_later(current.received_at.date(), _EXTENDED_MONTHS)
        if not current.due_on < data.due_on <= last:
            message = f"After {current.due_on}, and {last} at the latest."
            raise Invalid.at("/due_on", "out_of_range", message)
        return await self.change(current, data.model_dump(), verb="extended")

    async def reject(self, id: UUID, data: RejectInput) -> Any:
        """Do not do it, and say why; also where the job of an erasure has failed."""
        current = await self._in(id, "received", "verified", "in_progress")
        if current.status == "in_progress":
            await self._need_halted(current)
            person = await whole(person_type(self.tx, current.target), current.record_id)
            members = await same_person(self.tx, Erasure.services, current.target, person)
            await ErasedKeys(self.tx).forget(set[UUID]().union(*members.values()))
        values = {"status": "rejected", "completed_at": self.tx.now}
        return await self.change(current, {**values, **data.model_dump()}, verb="rejected")

    async def start(self, id: UUID) -> dict[str, Any]:
        """Carry it out, by a job; of an erasure the person is kept out from here on.

        Again, where the job has failed.
        """
        current = await self._in(id, "verified", "in_progress")
        if current.status == "in_progress":
            await self._need_halted(current)
        if current.kind == "access":
            self._need_access(current.target)
            job_id = self.tx.enqueue(CollectData(id))
        else:
            await self._need_erasure(current)
            await Erasure(self.tx, current.target, current.record_id).bar()
            heard = timedelta(seconds=HEARD_S)
            job_id = await enqueue_later(self.tx, ErasePerson(id), heard)
        values = {"status": "in_progress", "started_at": self.tx.now, "job_id": job_id}
        return {"job_id": job_id, "request": await self.change(current, values, verb="started")}

    async def preview(self, id: UUID) -> dict[str, Any]:
        """What an erasure would do, found out by doing it and taking it back."""
        current = await self._in(id, "received", "verified")
        if current.kind != "erasure":
            raise WrongState("Only erasures have a preview.", code="not_an_erasure")
        await self._need_erasure(current)
        erasure = Erasure(self.tx, current.target, current.record_id)
        async with rehearsal(self.tx):
            await erasure.run(None)
        return erasure.report

    async def readmit(self, data: ReadmitInput) -> dict[str, int]:
        """Let somebody be known again who was erased, because they want to."""
        self.tx.actor.require(f"{self.area}:override")
        person_type(self.tx, data.target)
        keys = [key for key in (self._email(data), self._phone(data)) if key is not None]
        if not keys:
            raise Invalid.at("", "required", "Give an e-mail address or a phone number.")
        hasher = await find_hasher(self.tx)
        if hasher is None:
            return {"readmitted": 0}
        erased, hashes = ErasedKeys(self.tx), [hasher.of(*key) for key in keys]
        kinds = [kind.repository.model.entity for kind, _ in people(Erasure.services)]
        ids = await erased.known_by(kinds, hashes)
        await erased.readmit(ids, [hasher.of("record", str(id)) for id in ids])
        for kind in kinds:
            records = service_of(self.tx, kind).records
            for row in await records.sealed(ids, deleted=True, everywhere=True):
                # What they were known by is not told; that and why they come back is.
                self.tx.record(
                    f"{kind}.readmitted",
                    entity=kind,
                    record_id=row.id,
                    version=row.version,
                    data={"reason": data.reason},
                )
        return {"readmitted": len(ids)}

    def _email(self, data: ReadmitInput) -> tuple[str, str] | None:
        return (
            None if data.email is None else ("email", _key("/email", email_key, data.email, None))
        )

    def _phone(self, data: ReadmitInput) -> tuple[str, str] | None:
        country = self.tx.actor.country
        if data.phone is None:
            return None
        return ("phone", _key("/phone", phone_key, data.phone, country))

    async def file(self, id: UUID) -> str:
        """The file of an archive that can be sent; raises `NotFound`."""
        for verb in ("read", "export"):
            self.tx.actor.require(f"{self.area}:{verb}")
        found = await self.records.row(id)
        self._need_access(found.target)
        stored_as = await self.records.archive(id, self.tx.now)
        if stored_as is None:
            raise NotFound("There is no such archive, or not any more.", code="file_gone")
        return stored_as

    async def remove(self, records: Any) -> None:
        """Put requests in the bin, their archives with them."""
        for record in records:
            if record.stored_as is not None:
                self.tx.enqueue(RemoveArchive(record.stored_as))
        await super().remove(records)

    async def check_purge(self, current: SubjectRequest) -> None:
        """What is being carried out stays until it is done; raises `Blocked`."""
        if current.status == "in_progress":
            raise Blocked("The request is being carried out.", code="in_progress")

    async def _need_halted(self, current: SubjectRequest) -> None:
        """Raise `WrongState` unless the job of a request ended without having done it."""
        if await is_at_work(self.tx, current.job_id):
            message = "The request is being carried out; cancel its job first."
            raise WrongState(message, details={"job_id": str(current.job_id)})

    def _need_access(self, target: str) -> None:
        service = person_type(self.tx, target)
        for scope in (f"{self.area}:export", f"{service.area}:read"):
            self.tx.actor.require(scope)

    async def _need_erasure(self, current: SubjectRequest) -> None:
        """Whoever may destroy all that the person is, also where its module is switched off."""
        actor, service = self.tx.actor, person_type(self.tx, current.target)
        for scope in (f"{self.area}:purge", f"{service.area}:purge"):
            actor.require(scope)
        id = current.record_id
        for kind in await same_person(self.tx, Erasure.services, current.target, id):
            if not actor.holds(scope := f"{area_of(kind)}:purge"):
                raise missing_right(scope)

    async def _in(self, id: UUID, *statuses: str) -> SubjectRequest:
        self.tx.actor.require(f"{self.area}:write")
        current = await self.locked(id)
        if current.status not in statuses:
            message = (
                f"The request is {current.status}; it would have to be {' or '.join(statuses)}."
            )
            raise WrongState(message, details={"state": current.status})
        return current


class LegalHoldService(CrudService[LegalHold]):
    """What must not be destroyed, and why."""

    repository = LegalHolds
    area = "legal_holds"
    plural = "legal_holds"
    upserts = False
    create_shape = LegalHoldCreate
    update_shape = LegalHoldUpdate
    personal = Impersonal("Names a record by its id; what is held is not erased.")

    async def prepare(self, values: dict[str, Any], current: LegalHold | None) -> dict[str, Any]:
        """The record exists; the lock has its end and its hold come one after the other."""
        if current is None:
            try:
                service = service_of(self.tx, values["target"])
            except NotFound:
                message = "There are no such records."
                raise Invalid.at("/target", "unknown_target", message) from None
            self.tx.actor.require(f"{service.area}:read")
            await _need(service, values["record_id"])
        return await super().prepare(values, current)


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or the last one of that."""
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


async def _need(service: CrudService[Any], id: UUID) -> None:
    try:
        await service.records.get(id, lock=True, deleted=True)
    except NotFound:
        message = f"There is no such {service.records.listing.entity}."
        raise Invalid.at("/record_id", "unknown_reference", message) from None


def _key(pointer: str, normal: Any, value: str, country: str | None) -> str:
    try:
        return normal(value, country)
    except BadValue as error:
        raise Invalid.at(pointer, error.code, str(error)) from None
