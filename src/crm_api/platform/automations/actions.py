"""The steps of every rule: to write records, to wait, to go one way or another, to end."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, SkipValidation, ValidationError

from crm_api.kit.access import is_managed
from crm_api.kit.automation import Checking, Outcome, Situation, Step
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.upserts import check_known
from crm_api.kit.db.queued import due_now
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.faults import faults_of, invalid_body
from crm_api.kit.query.moments import instant_of
from crm_api.kit.references import reference_of, references
from crm_api.kit.schema import Short
from crm_api.platform.automations.timing import LONGEST, Span, later

Reference = dict[str, Any]
_TEAM = """
    SELECT u.id FROM team_members m JOIN users u
        ON u.organization_id = m.organization_id AND u.id = m.user_id
    WHERE m.organization_id = $1 AND m.team_id = $2 AND m.deleted_at IS NULL
        AND u.deleted_at IS NULL AND u.status <> 'suspended'
    ORDER BY u.id
"""
_USERS = """
    SELECT id FROM users WHERE organization_id = $1 AND id = ANY($2)
        AND deleted_at IS NULL AND status <> 'suspended'
"""
_HAS_TEAM = "SELECT 1 FROM teams WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL"


class Update(Step):
    """Change a record."""

    action: Literal["update"]
    entity: Short | None = Field(None, description="Of another record than the run's.")
    id: SkipValidation[UUID | Reference | None] = Field(
        None, description='Which one; may be `{"$ref": "steps.made.id"}`.'
    )
    patch: dict[str, Any] = Field(
        min_length=1, description='A merge patch; a value may be `{"$ref": "record.owner_id"}`.'
    )

    async def check(self, about: Checking) -> None:
        """A patch that fits, of a record that there is."""
        entity = await checked_target(about, self.entity, self.id)
        service = None if entity is None else writable(about, entity, "update")
        about.values(self.patch, "/patch")
        if service is not None:
            fit(about, service, service.update_shape, self.patch, "/patch")

    async def act(self, at: Situation) -> Outcome:
        """By the rules of its collection; without a difference nothing happens."""
        service, id = await target_of(at, self.entity, self.id)
        data = shaped(service.update_shape, await at.values(self.patch, "/patch"), "/patch")
        row = await service.update(id, data)
        return written(service, row)


class Create(Step):
    """Make a record, or change the one that has the same key."""

    action: Literal["create"]
    entity: Short = Field(examples=["contact"])
    data: dict[str, Any] = Field(description='A value may be `{"$ref": "input.email"}`.')
    match: Short | None = Field(
        None, description="The key by which a record is changed that is there, such as `email`."
    )

    async def check(self, about: Checking) -> None:
        """A body that fits."""
        service = writable(about, self.entity, "create")
        about.values(self.data, "/data")
        if service is None:
            return
        upserts = self.match is not None
        fit(about, service, shape_of(service, upserts=upserts), self.data, "/data")
        if upserts:
            try:
                check_known(service, self.match)
            except Invalid as error:
                about.fault("/match", error.own_code, error.detail)

    async def act(self, at: Situation) -> Outcome:
        """By the rules of its collection."""
        service = service_of(at.tx, self.entity)
        values = await at.values(self.data, "/data")
        data: Any = shaped(shape_of(service, upserts=self.match is not None), values, "/data")
        if self.match is None:
            return written(service, await service.create(data))
        done = await service.upsert(self.match, data)
        return written(service, done.record, did=done.result)


class Assign(Step):
    """Make a record somebody's: a user's, or by turns that of some users or the members of a team."""

    action: Literal["assign"]
    user_id: SkipValidation[UUID | Reference | None] = Field(
        None, description='May be `{"$ref": "record.created_by"}`.'
    )
    users: Annotated[list[UUID], Field(min_length=1, max_length=100)] | None = None
    team_id: UUID | None = None
    only_unowned: bool = Field(False, description="Whether records that are somebody's stay so.")

    async def check(self, about: Checking) -> None:
        """Somebody who is there."""
        if about.need_record() and about.entity is not None:
            writable(about, about.entity, "update")
        given = [n for n in ("user_id", "users", "team_id") if getattr(self, n) is not None]
        if len(given) != 1:
            about.fault("", "one_of", "Say one of user_id, users and team_id.")
            return
        about.values(self.user_id, "/user_id")
        own = about.tx.organization_id
        if self.team_id is not None and not await about.tx.fetch(_HAS_TEAM, own, self.team_id):
            about.fault("/team_id", "unknown_reference", "There is no such team.")
        fixed = self.users or ([] if reference_of(self.user_id) else [self.user_id])
        ids = [id for n, raw in enumerate(fixed) if (id := self._id(about, raw, n)) is not None]
        found = {row["id"] for row in await about.tx.fetch(_USERS, own, ids)} if ids else set()
        for place, id in enumerate(ids):
            if id not in found:
                at = f"/users/{place}" if self.users else "/user_id"
                about.fault(at, "unknown_reference", "There is no such user.")

    def _id(self, about: Checking, raw: Any, place: int) -> UUID | None:
        if raw is None or isinstance(raw, UUID):
            return raw
        try:
            return UUID(raw)
        except (ValueError, AttributeError, TypeError):
            about.fault(
                f"/users/{place}" if self.users else "/user_id", "invalid_uuid", "Not an id."
            )
            return None

    async def act(self, at: Situation) -> Outcome:
        """Whose turn it is, unless they are gone; then nothing is done."""
        service, id = at.subject
        if self.only_unowned and (await at.record())["owner_id"] is not None:
            return Outcome({"reason": "owned"}, skipped=True)
        users = await self._candidates(at)
        if not users:
            return Outcome({"reason": "nobody_there"}, skipped=True)
        owner = users[await at.turn() % len(users)] if len(users) > 1 else users[0]
        row = await service.update(id, shaped(service.update_shape, {"owner_id": owner}, ""))
        return written(service, row, owner_id=owner)

    async def _candidates(self, at: Situation) -> list[UUID]:
        own = at.tx.organization_id
        if self.team_id is not None:
            rows = await at.tx.fetch(_TEAM, own, self.team_id)
            return [row["id"] for row in rows]
        wanted = self.users or [uuid_of(await at.values(self.user_id, "/user_id"), "/user_id")]
        found = {row["id"] for row in await at.tx.fetch(_USERS, own, wanted)}
        return [id for id in wanted if id in found]


class Wait(Step):
    """Go on later."""

    action: Literal["wait"]
    duration: Span | None = Field(None, description="So long, such as `90m`, `4h` or `2d`.")
    until: SkipValidation[str | Reference | None] = Field(
        None, description='A time, or `{"$ref": "record.custom.renewal"}`.'
    )

    async def check(self, about: Checking) -> None:
        """How long, or until when."""
        if (self.duration is None) == (self.until is None):
            about.fault("", "one_of", "Say one of duration and until.")
        elif self.duration is not None and self.duration.startswith("-"):
            about.fault("/duration", "negative", "Nobody waits for the past.")
        elif isinstance(self.until, str):
            try:
                instant_of(self.until, about.tx.now, "UTC")
            except (ValueError, ArithmeticError) as error:
                about.fault("/until", "invalid_value", str(error))
        elif self.until is not None and reference_of(self.until) is None:
            about.fault("/until", "invalid_value", "A time, or a reference to one.")
        about.values(self.until, "/until")

    async def act(self, at: Situation) -> Outcome:
        """Nobody sleeps meanwhile: the run is taken up again by a job of that time."""
        zone, now = await at.zone(), await due_now(at.tx)
        if self.duration is not None:
            until = later(now, self.duration, zone)
        else:
            until = _moment(await at.values(self.until, "/until"), at, str(zone))
        if until > now + LONGEST:
            raise Invalid.at("/until", "too_late", "Nobody waits for more than ten years.")
        return Outcome({"until": until}, until=until if until > now else None)


class Branch(Step):
    """Go one way where the record passes a filter, another way where it does not."""

    action: Literal["branch"]
    condition: dict[str, Any] = Field(alias="if", description="The filter language.")
    then: list[dict[str, Any]] = Field(default_factory=list)
    otherwise: list[dict[str, Any]] = Field(default_factory=list, alias="else")
    arms = ("then", "else")

    async def check(self, about: Checking) -> None:
        """A filter that fits, and somewhere to go."""
        about.condition(self.condition, "/if")
        if not (self.then or self.otherwise):
            about.fault("/then", "required", "A branch leads somewhere.")

    async def act(self, at: Situation) -> Outcome:
        """As the record is now."""
        passes = await at.passes(self.condition)
        return Outcome({"passes": passes}, arm="then" if passes else "else")


class Stop(Step):
    """End the run."""

    action: Literal["stop"]

    async def act(self, at: Situation) -> Outcome:
        """Nothing comes after it."""
        del at
        return Outcome(ends=True)


ACTIONS = (Update, Create, Assign, Wait, Branch, Stop)


def writable(about: Checking, entity: str, action: Literal["create", "update"]) -> Any:
    """The service of records that rules may write, if they are such; raises `Forbidden`."""
    try:
        service = service_of(about.tx, entity)
    except NotFound:
        about.fault("/entity", "not_a_choice", f"There are no records of the kind {entity[:60]!r}.")
        return None
    if not service.plain or is_managed(service.area):
        about.fault("/entity", "not_a_choice", "Rules write records, and change no settings.")
        return None
    service.need(action)
    return service


async def checked_target(about: Checking, entity: str | None, id: Any) -> str | None:
    """The kind of record that a step is about; None where that is wrong."""
    if (entity is None) != (id is None):
        at = "/id" if id is None else "/entity"
        about.fault(at, "required", "Another record has an entity and an id.")
        return None
    if entity is None:
        return about.entity if about.need_record() else None
    about.values(id, "/id")
    if reference_of(id) is None:
        try:
            uuid_of(id, "/id")
        except Invalid as error:
            about.faults += error.faults
    return entity


async def target_of(at: Situation, entity: str | None, id: Any) -> tuple[CrudService[Any], UUID]:
    """The record that a step is about."""
    if entity is None:
        return at.subject
    return service_of(at.tx, entity), uuid_of(await at.values(id, "/id"), "/id")


def check_one(about: Checking, entity: str, given: Any, at: str) -> None:
    """That a step has a record of a kind: the one that is given, else the run's."""
    about.values(given, at)
    if given is None and about.need_record() and about.entity != entity:
        about.fault(at, "required", f"A {about.entity} is no {entity}: say which one.")


async def one_of(at: Situation, given: Any, pointer: str) -> UUID:
    """The record that is given, else the run's."""
    if given is None:
        return at.subject[1]
    return uuid_of(await at.values(given, pointer), pointer)


async def check_user(about: Checking, given: Any, at: str) -> None:
    """That a user who is named is there."""
    try:
        id = uuid_of(given, at)
    except Invalid as error:
        about.faults += error.faults
        return
    if not await about.tx.fetch(_USERS, about.tx.organization_id, [id]):
        about.fault(at, "unknown_reference", "There is no such user.")


def shape_of(service: CrudService[Any], *, upserts: bool) -> type[BaseModel]:
    """What a new record looks like, or one that may be there."""
    return service.upsert_shape() if upserts else service.create_shape


def fit(
    about: Checking,
    service: CrudService[Any],
    shape: type[BaseModel],
    given: Mapping[str, Any],
    at: str,
) -> None:
    """That a body with references fits a shape, as far as that shows before they are known."""
    open_ = {name for name, value in given.items() if any(references(value))}
    known = {name: value for name, value in given.items() if name not in open_}
    try:
        shape.model_validate(known)
    except ValidationError as error:
        # What a reference stands for is given, and is looked at when it is known.
        about.faults += [
            fault
            for found in faults_of(error.errors(include_url=False))
            if not (found.code == "required" and (found.pointer or "")[1:] in open_)
            for fault in Invalid("", faults=[found]).under(at).faults
        ]
    for name in sorted(open_ - shape.model_fields.keys()):
        about.fault(f"{at}/{name}", "unknown_field", "Extra inputs are not permitted")
    custom = known.get("custom")
    if isinstance(custom, dict):
        try:
            service.fields.patched({}, custom, about.tx.actor)
        except Invalid as error:
            about.faults += error.under(at).faults


def shaped(shape: type[BaseModel], values: Any, at: str) -> Any:
    """A body by the rules of its shape; raises `Invalid`."""
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise invalid_body(error.errors(include_url=False)).under(at) from None


def written(service: CrudService[Any], row: Any, **more: Any) -> Outcome:
    """What the log says of a record that was written."""
    entity = service.records.listing.entity
    return Outcome({"entity": entity, "id": row.id, "version": row.version, **more})


def uuid_of(value: Any, at: str) -> UUID:
    """An id; raises `Invalid`."""
    try:
        return value if isinstance(value, UUID) else UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise Invalid.at(at, "invalid_uuid", "Not an id.") from None


def _moment(value: Any, at: Situation, zone: str) -> datetime:
    try:
        return instant_of(str(value), at.tx.now, zone)
    except (ValueError, ArithmeticError) as error:
        raise Invalid.at("/until", "invalid_value", str(error)) from None
