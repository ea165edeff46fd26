"""Notifications as their readers see them: words and names of this moment."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar
from uuid import UUID

import msgspec

from crm_api.kit.actor import Actor
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.sight import Services
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound, Unauthenticated
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.visibility import among, sight_of
from crm_api.platform.notifications.kinds import is_of_work
from crm_api.platform.notifications.repository import NOTIFICATIONS, Names
from crm_api.platform.notifications.texts import title_of

EXCERPT = 200
_MENTION = re.compile(r"@\[(?:user|team):([0-9a-fA-F-]{36})\]")
Acting = Callable[[Database, Actor, UUID], Awaitable[Actor]]


class Audience:
    """What the registry tells of those who are told, and of what they can be told of."""

    services: ClassVar[Services] = {}
    """Every collection by the word for a record."""
    followed: ClassVar[Sequence[str]] = ()
    """The words for the records that can be followed, beside those of custom objects."""
    acting: ClassVar[Acting]
    """Somebody with the rights of a user at this moment; raises `Unauthenticated`."""

    @classmethod
    async def reader(cls, database: Database, organization_id: UUID, user: UUID) -> Tx | None:
        """The eyes of a user as they are now; None for whoever is let in no more."""
        actor = Actor(organization_id, "user", user, scopes=frozenset({"*"}))
        try:
            tx = Tx(database, await cls.acting(database, actor, user), read_only=True)
        except Unauthenticated:
            return None
        await tx.learned.learn()
        return tx


async def visible(tx: Tx, notifications: Sequence[Mapping[str, Any]]) -> set[UUID]:
    """Those of some notifications that their reader may see now."""
    ids = [one["id"] for one in notifications]
    return set(await among(tx, NOTIFICATIONS, sight_of(tx.actor, NOTIFICATIONS), ids))


class Reading:
    """What some notifications say to whoever reads them, looked up together."""

    def __init__(self, tx: Tx, language: str) -> None:
        self._tx, self._language = tx, language
        self._records: dict[UUID, str | None] = {}
        self._names: dict[UUID, str] = {}
        self._comments: dict[UUID, str | None] = {}
        self._jobs: dict[UUID, str] = {}
        self._notices: dict[UUID, tuple[str, str]] = {}

    async def of(
        self, rows: Sequence[Mapping[str, Any]], counts: Mapping[str, int] | None = None
    ) -> list[dict[str, Any]]:
        """Each with its title, its record, who did it, and what they said.

        `counts` are how often each is said to have happened, where that is not all.
        """
        await self._look_up(rows)
        return [self._shown(row, (counts or {}).get(str(row["id"]))) for row in rows]

    async def _look_up(self, rows: Sequence[Mapping[str, Any]]) -> None:
        by_kind: dict[str, list[UUID]] = {}
        for row in rows:
            if row["target"] and row["record_id"]:
                by_kind.setdefault(row["target"], []).append(row["record_id"])
        for target, ids in by_kind.items():
            self._records |= await self._titles(target, ids)
        comments = _present(row["comment_id"] for row in rows)
        if comments:
            self._comments = await self._titles("comment", comments, deleted=False)
        names = Names(self._tx)
        mentioned = [UUID(id) for said in self._comments.values() for id in _mentioned(said)]
        actors = _present(row["actor_id"] for row in rows)
        self._names = await names.actors([*actors, *mentioned])
        notices = _present(row["event_id"] for row in rows if row["kind"] == "notice")
        self._notices = await names.notices(notices)
        self._jobs = await names.jobs(_present(row["job_id"] for row in rows))

    async def _titles(
        self, target: str, ids: Sequence[UUID], *, deleted: bool = True
    ) -> dict[UUID, str | None]:
        """What those of some records are called that the reader sees; None where that is hidden."""
        service = _service(self._tx, target)
        if service is None or not self._tx.actor.covers(f"{service.area}:read"):
            return {}
        field = service.records.listing.title
        is_told = field is not None and field not in self._tx.actor.hidden(target)
        shown = field if field is not None and is_told else "id"
        found = await service.records.rows(
            list(set(ids)), Selection((shown,)), deleted="include" if deleted else None
        )
        return {id: getattr(row, shown) if is_told else None for id, row in found.items()}

    def _shown(self, row: Mapping[str, Any], count: int | None) -> dict[str, Any]:
        record: dict[str, Any] | None = None
        number = count or row["count"]
        is_many = number > 1 and is_of_work(row["kind"], row["group_key"])
        # Of many it is enough to see one, which need not be the last one.
        is_shown = not is_many or row["record_id"] in self._records
        if row["target"] and row["record_id"] and is_shown:
            service = _service(self._tx, row["target"])
            record = {
                "target": row["target"],
                "id": row["record_id"],
                "title": self._records.get(row["record_id"]),
                "path": f"{service.path if service else '/v1'}/{row['record_id']}",
            }
        actor = self._names.get(row["actor_id"]) if row["actor_id"] else None
        title = title_of(
            row,
            self._language,
            is_many=is_many,
            record=record["title"] if record is not None else None,
            actor=actor,
            job=self._jobs.get(row["job_id"]) if row["job_id"] else None,
            count=count,
        )
        said = self._comments.get(row["comment_id"]) if row["comment_id"] else None
        text = said and excerpt(_MENTION.sub(self._called, said))
        if row["event_id"] in self._notices:
            title, text = self._notices[row["event_id"]]
        return {
            "title": title,
            "text": text,
            "record": record,
            "record_id": row["record_id"] if is_shown else None,
            "path": self._path(row, record, is_many=is_many),
            "actor": {"kind": row["actor_kind"], "id": row["actor_id"], "name": actor},
        }

    def _path(
        self, row: Mapping[str, Any], record: Mapping[str, Any] | None, *, is_many: bool
    ) -> str | None:
        """Where it leads: to its record, or to the list that many are in."""
        service = _service(self._tx, row["target"]) if is_many else None
        if service is None:
            return None if record is None else record["path"]
        own = f"filter[owner_id]={row['owner_id']}&" if row["kind"] == "assigned" else ""
        return f"{service.path}?{own}sort=-updated_at"

    def _called(self, mention: re.Match[str]) -> str:
        """A mention as people read it."""
        return f"@{self._names.get(UUID(mention[1]), '…')}"


def excerpt(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    return line if len(line) <= EXCERPT else line[: EXCERPT - 1].rstrip() + "…"


def plain(row: Any) -> dict[str, Any]:
    """A row of a list as plain values."""
    return msgspec.to_builtins(row, builtin_types=(UUID,))


def _service(tx: Tx, target: str) -> CrudService[Any] | None:
    try:
        return service_of(tx, target)
    except NotFound:
        return None


def _mentioned(text: str | None) -> list[str]:
    return _MENTION.findall(text or "")


def _present(ids: Iterable[UUID | None]) -> list[UUID]:
    return list({id for id in ids if id is not None})
