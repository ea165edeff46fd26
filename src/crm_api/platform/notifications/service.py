"""The inbox of a user, what they want, and what they follow."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from crm_api.kit.actor import Actor
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import Gone
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Forbidden, Invalid
from crm_api.kit.query.filters import parse
from crm_api.kit.query.page import Page
from crm_api.kit.query.selection import PageQuery, Selection
from crm_api.kit.templates import language_of
from crm_api.kit.values import phone
from crm_api.kit.values.errors import BadValue
from crm_api.platform.notifications.events import PREFERENCES_UPDATED
from crm_api.platform.notifications.following import Followers, reasons_of
from crm_api.platform.notifications.kinds import EVERY, KINDS
from crm_api.platform.notifications.preferences import TIMES, combined, merged
from crm_api.platform.notifications.reading import Audience, Reading, plain
from crm_api.platform.notifications.repository import (
    NOTIFICATIONS,
    Notifications,
    Preferences,
    Telling,
)
from crm_api.platform.notifications.schemas import (
    DefaultsPatch,
    InboxState,
    MarkInput,
    PreferencesPatch,
)

AREA = "notifications"
AT_ONCE = 10_000
_ADDRESSES = ("phone", "messenger")
_SHOWN = NOTIFICATIONS.shown
# What words are made of, beside what is shown.
_READ = (*_SHOWN, "owner_id", "group_key", "actor_kind", "actor_id")


def user_of(actor: Actor) -> UUID:
    """The user for whom somebody acts; raises `Forbidden` for service accounts."""
    if actor.access is None:
        message = "Only users have an inbox; the credential acts for none."
        raise Forbidden(message, code="not_a_user")
    return actor.access.user_id


class InboxService:
    """What a user is told."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.records = Notifications(tx)

    async def page(self, query: PageQuery, state: InboxState = "inbox") -> Page:
        """A page of notifications, those that are unread first."""
        self._need_reader()
        narrowed = parse(self._in_state(state), NOTIFICATIONS, self.tx)
        query = replace(query, selection=Selection(_READ), filter=query.filter.both(narrowed))
        found = await self.records.page(query)
        return replace(found, data=await self._shown(found.data))

    async def get(self, id: UUID) -> dict[str, Any]:
        """One notification; raises `NotFound`."""
        self._need_reader()
        return (await self._shown([await self.records.row(id, Selection(_READ))]))[0]

    async def unread(self) -> int:
        """How much there is to read in the inbox."""
        self._need_reader()
        unread = parse(self._in_state("unread"), NOTIFICATIONS, self.tx)
        query = PageQuery(Selection(("id",)), filter=unread, limit=1, count="exact")
        return (await self.records.page(query)).total or 0

    async def mark(self, data: MarkInput) -> int:
        """Say what becomes of some notifications; how many were not so before.

        Those that are not the user's own are passed over. What has been told of the same since
        stays the one that is unread.
        """
        user = user_of(self.tx.actor)
        self.tx.actor.need_scope(f"{AREA}:write")
        is_read = True if data.is_archived and data.is_read is None else data.is_read
        if data.ids is not None:
            ids = await self.records.locked_of(user, data.ids)
        else:
            assert data.until is not None
            further = {"is_archived", "snoozed_until"} & data.model_fields_set
            read = bool(further) or data.is_read is not True
            ids = await self.records.inbox(user, data.until, AT_ONCE, read=read)
        if is_read is False:
            gone = await self.records.superseded(user, ids)
            ids = [id for id in ids if id not in gone]
        return await self.records.mark(
            user,
            ids,
            is_read=is_read,
            is_archived=data.is_archived,
            snooze="snoozed_until" in data.model_fields_set,
            snoozed_until=data.snoozed_until,
        )

    def _need_reader(self) -> None:
        user_of(self.tx.actor)
        self.tx.actor.need(AREA, "read")

    def _in_state(self, state: InboxState) -> dict[str, Any]:
        # In these words, so that the next page is of the same list.
        now = "@now"
        if state == "all":
            return {}
        if state == "archived":
            return {"archived_at": {"is_null": False}}
        if state == "snoozed":
            return {"archived_at": {"is_null": True}, "snoozed_until": {"gt": now}}
        awake = [{"snoozed_until": {"is_null": True}}, {"snoozed_until": {"lte": now}}]
        inbox = {"archived_at": {"is_null": True}, "or": awake}
        return {**inbox, "is_read": {"eq": False}} if state == "unread" else inbox

    async def _shown(self, rows: list[Any]) -> list[dict[str, Any]]:
        user = user_of(self.tx.actor)
        readers = await Preferences(self.tx).readers([user]) if rows else {}
        language = language_of(readers[user]["language"] if user in readers else None)
        stored = [plain(row) for row in rows]
        said = await Reading(self.tx, language).of(stored)
        return [
            {**{name: row[name] for name in _SHOWN}, **words}
            for row, words in zip(stored, said, strict=True)
        ]


class PreferenceService:
    """What users want to be told, and what holds where they say nothing."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.stored = Preferences(tx)

    async def own(self) -> dict[str, Any]:
        """What the user has chosen, and what holds in the end."""
        user = user_of(self.tx.actor)
        self.tx.actor.need(AREA, "read")
        said = await self.stored.of(user)
        return await self._whole(said)

    async def defaults(self) -> dict[str, Any]:
        """What holds where users say nothing."""
        self.tx.actor.need(AREA, "read")
        return _shown(await self.stored.of(self.tx.organization_id))

    async def update_own(self, patch: PreferencesPatch) -> dict[str, Any]:
        """Apply a merge patch to what the user wants."""
        user = user_of(self.tx.actor)
        self.tx.actor.need_scope(f"{AREA}:write")
        return await self._whole(await self._update(user, patch))

    async def update_defaults(self, patch: DefaultsPatch) -> dict[str, Any]:
        """Apply a merge patch to what holds where users say nothing."""
        self.tx.actor.require(f"{AREA}:write")
        return _shown(await self._update(self.tx.organization_id, patch))

    async def unsubscribe(self, user: UUID) -> None:
        """Have a user get no letters any more, whatever they said before."""
        before = await self.stored.of(user, lock=True)
        choices = {
            kind: {channel: when for channel, when in said.items() if channel != "email"}
            for kind, said in before["choices"].items()
        }
        choices = {kind: said for kind, said in choices.items() if said}
        choices[EVERY] = {**choices.get(EVERY, {}), "email": "off"}
        await self._store(user, before, {**before, "choices": choices})

    async def _whole(self, said: Mapping[str, Any]) -> dict[str, Any]:
        common = await self.stored.of(self.tx.organization_id)
        addresses = {name: said["addresses"].get(name) for name in _ADDRESSES}
        effective = combined(said, common, "UTC").effective()
        return {**_shown(said), **addresses, "effective": effective}

    async def _update(self, subject: UUID, patch: DefaultsPatch) -> dict[str, Any]:
        given = patch.model_dump(exclude_unset=True)
        _need_kinds(given.get("choices") or {})
        before = await self.stored.of(subject, lock=True)
        after = dict(before)
        if "choices" in given:
            after["choices"] = merged(before["choices"], given["choices"] or {})
            if given["choices"] is None:
                after["choices"] = {}
        times = {name: value for name, value in given.items() if name in TIMES}
        after["times"] = merged(before["times"], times)
        if ("quiet_from" in after["times"]) != ("quiet_until" in after["times"]):
            message = "Quiet hours have a beginning and an end."
            raise Invalid.at("/quiet_until", "both_or_neither", message)
        addresses = {name: value for name, value in given.items() if name in _ADDRESSES}
        if addresses.get("phone"):
            addresses["phone"] = self._phone(addresses["phone"])
        after["addresses"] = merged(before["addresses"], addresses)
        return await self._store(subject, before, after)

    async def _store(
        self, subject: UUID, before: Mapping[str, Any], after: dict[str, Any]
    ) -> dict[str, Any]:
        if all(before[name] == after[name] for name in ("choices", "times", "addresses")):
            return after
        after["version"] = before["version"] + 1
        await self.stored.store(subject, after)
        # Where somebody is reached is nobody else's business.
        told = ("choices", "times")
        self.tx.record(
            PREFERENCES_UPDATED,
            entity="notification_preference",
            record_id=subject,
            version=after["version"],
            data={name: after[name] for name in told},
            previous={name: before[name] for name in told},
        )
        return after

    def _phone(self, value: str) -> str:
        try:
            return phone.normalise(value, self.tx.actor.country)
        except BadValue as error:
            raise Invalid.at("/phone", error.code, str(error)) from None


class FollowingService:
    """Who is told what happens to a record."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx
        self.followers = Followers(tx)

    async def choose(self, target: str, id: UUID, *, follows: bool) -> dict[str, bool]:
        """Have the user follow a record or not, whatever they have to do with it."""
        user = user_of(self.tx.actor)
        self.tx.actor.need_scope(f"{AREA}:write")
        service = self._service(target)
        await service.records.get(id, lock=True)
        await self.followers.choose(user, target, id, follows=follows)
        return {"follows": follows}

    async def list(self, target: str, id: UUID) -> list[dict[str, Any]]:
        """Who follows a record, and why; raises `NotFound`."""
        self.tx.actor.need(AREA, "read")
        service = self._service(target)
        await service.records.row(id)
        return reasons_of((await self.followers.of(target, [id]))[id])

    def _service(self, target: str) -> Any:
        known = {*Audience.followed, *self.tx.catalogue.objects}
        if target not in known:
            message = f"There are: {', '.join(sorted(known))}."
            raise Invalid.at("/target", "not_a_choice", message)
        service = service_of(self.tx, target)
        service.need("read")
        return service


async def forget_person(tx: Tx, gone: Gone) -> int:
    """Wipe out what users were told of a person."""
    return await Telling(tx).forget(gone.ids)


async def forget_records(tx: Tx, entity: str, ids: Any) -> None:
    """Wipe out what was told of records that were destroyed, and to users who were."""
    telling = Telling(tx)
    await telling.forget(ids)
    if entity == "user":
        await telling.forget_users(ids)


def _need_kinds(choices: Iterable[str]) -> None:
    faults = [
        Fault("not_a_choice", f"There are: {', '.join(KINDS)}.", pointer=_pointer(name))
        for name in choices
        if name not in {*KINDS, EVERY}
    ]
    if faults:
        raise Invalid("There are no such kinds of notifications.", faults=faults)


def _pointer(name: str) -> str:
    return "/choices/" + name[:60].replace("~", "~0").replace("/", "~1")


def _shown(said: Mapping[str, Any]) -> dict[str, Any]:
    times = {name: said["times"].get(name) for name in TIMES}
    return {"choices": said["choices"], **times, "version": said["version"]}
