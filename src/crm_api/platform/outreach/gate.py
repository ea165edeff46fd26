"""The one gate of outreach: every sender asks it, and sends only where it allows."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.personal import Person
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.hashes import Hasher, find_hasher
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.points import email_key, phone_key
from crm_api.kit.values.errors import BadValue
from crm_api.platform.outreach.guarding import Asked, Found, Guards
from crm_api.platform.outreach.repository import ConsentLedger, Suppressions
from crm_api.platform.outreach.touches import Touches

Opening = Callable[[Tx, Sequence[tuple[datetime, str | None]]], Awaitable[list[bool]]]
"""Whether each moment is working time, in the time zone beside it."""
Barring = Callable[[Tx, Collection[UUID]], Awaitable[set[UUID]]]
"""Those of some people and companies that are in a suppression."""
AT_ANY_HOUR = frozenset({"email", "post"})
_NOT_OF_ANSWERS = frozenset({"unknown_person", "no_consent", "expired", "quiet_hours"})
POINTS = {"email": "email", "sms": "phone", "phone": "phone", "messenger": "phone", "post": "post"}
"""By channel, by which kind of point somebody is reached."""
_LEADS_TO = """
    WITH RECURSIVE path AS (
        SELECT p AS id, p AS target_id, 0 AS step FROM unnest($2::uuid[]) AS p
        UNION ALL SELECT path.id, r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.target_id AND step < 1000)
    SELECT DISTINCT ON (id) id, target_id FROM path ORDER BY id, step DESC
"""
_HOLDERS = """
    SELECT kind, value, entity, record_id FROM record_keys
    WHERE organization_id = $1 AND kind IN ('email', 'phone') AND entity = ANY($2)
    AND value = ANY($3) ORDER BY record_id
"""
_ERASED = """
    SELECT hash, record_id FROM erased_keys
    WHERE organization_id = $1 AND (hash = ANY($2) OR record_id = ANY($3))
"""


@dataclass(frozen=True)
class Question:
    """May somebody be reached?"""

    channel: str
    purpose: str
    record_id: UUID | None = None
    address: str | None = None
    at: datetime | None = None
    target: str = "contact"
    key: UUID | None = None
    """What is to be sent: asked again for the same, it does not stand against itself."""
    is_answer: bool = False
    """Whether they wrote from that address: who is answered need have agreed to nothing, at no
    hour, and be no contact. What they refuse, suppressions and rules hold all the same."""


@dataclass
class Answer:
    """Whether somebody may be reached, and whatever stands against it."""

    record_id: UUID | None = None
    person_id: UUID | None = None
    """One of those whom the address is of, where these are several."""
    address: str | None = None
    reasons: list[str] = field(default_factory=list[str])
    guards: Found = field(default_factory=Found)
    """What each rule of the organization says."""

    @property
    def allowed(self) -> bool:
        """Nothing stands against it."""
        return not self.reasons

    def refuse(self, reason: str) -> None:
        """One more thing that stands against it."""
        if reason not in self.reasons:
            self.reasons.append(reason)


async def may_reach(tx: Tx, questions: Sequence[Question]) -> list[Answer]:
    """An answer for each question, in their order; the statements do not grow with them.

    What was withdrawn or suppressed by a transaction that had committed before is heeded.
    """
    return await Gate(tx, questions).answers()


async def reach(tx: Tx, questions: Sequence[Question]) -> list[Answer]:
    """As `may_reach`, for whoever sends: what is allowed counts as sent, by its `key`.

    Each question has one. Others who would reach the same people wait till the commit, so that no
    two of them are the last one that a rule lets pass; of a rollback nothing counts.
    """
    return await Gate(tx, questions, claiming=True).answers()


async def is_suppressed(tx: Tx, address: str, purposes: Iterable[str] = ()) -> bool:
    """Whether an e-mail address gets nothing at all, or nothing for one of these purposes.

    For letters that somebody has asked for: they take no consent, and the address may be of nobody.
    """
    hasher = await find_hasher(tx)
    if hasher is None:
        return False
    key = email_key(address, tx.actor.country)
    hashes = [hasher.of("email", key), hasher.of("domain", key.rpartition("@")[2])]
    wanted = {None, *purposes}
    return any(
        row["purpose"] in wanted
        and row["channel"] in {None, "email"}
        and (row["expires_at"] is None or row["expires_at"] > tx.now)
        for row in await Suppressions(tx).of(hashes)
    )


async def take_back(tx: Tx, keys: Sequence[UUID]) -> None:
    """Have what was allowed and never left count no more."""
    await Touches(tx).take_back(keys)


class Gate:
    """Some questions on their way to answers."""

    people: ClassVar[dict[str, type[CrudService[Any]]]] = {}
    """The collections of people, by their word."""
    opening: ClassVar[Opening | None] = None
    barring: ClassVar[Barring | None] = None

    def __init__(self, tx: Tx, questions: Sequence[Question], *, claiming: bool = False) -> None:
        self._claiming = claiming
        self._tx, self._questions = tx, questions
        self._answers = [Answer(q.record_id) for q in questions]
        self._given = [self._normalised(place, q) for place, q in enumerate(questions)]
        self._at = [q.at or tx.now for q in questions]
        self._people: list[list[UUID]] = [[] for _ in questions]
        self._rows: dict[UUID, Any] = {}

    async def answers(self) -> list[Answer]:
        """All of them."""
        await self._find_people()
        await self._find_rows()
        for place in range(len(self._questions)):
            self._judge_person(place)
        # Before anything is locked: it takes a connection of its own.
        hasher = await find_hasher(self._tx)
        guards = Guards(self._tx, [self._asked(n) for n in range(len(self._questions))])
        await guards.read(claiming=self._claiming)
        if hasher is not None:
            await self._heed_erasures(hasher)
        await self._heed_hours()
        # Last, so that whatever was said meanwhile is heard.
        if hasher is not None:
            await self._heed_suppressions(hasher)
        await self._heed_segments()
        await self._heed_consents()
        await self._heed_guards(guards)
        return self._answers

    def _asked(self, place: int) -> Asked:
        question = self._questions[place]
        people = [id for id in self._people[place] if id in self._rows]
        rows = [self._rows[id] for id in people]
        companies = [row["company_id"] for row in rows if row["company_id"] is not None]
        subjects = {question.target: people, "company": companies}
        at = self._at[place]
        about = (question.channel, question.purpose, at, question.target)
        return Asked(*about, subjects, question.key)

    def _refuse(self, place: int, reason: str) -> None:
        if not (self._questions[place].is_answer and reason in _NOT_OF_ANSWERS):
            self._answers[place].refuse(reason)

    async def _heed_guards(self, guards: Guards) -> None:
        allowed: list[int] = []
        for place, answer in enumerate(self._answers):
            answer.guards = guards.judge(place)
            for reason in answer.guards.reasons:
                answer.refuse(reason)
            if self._claiming and answer.allowed:
                guards.count(place)
                allowed.append(place)
        await guards.claim(allowed)

    def _normalised(self, place: int, question: Question) -> str | None:
        if question.target not in self.people:
            message = f"Records of the kind {question.target[:60]!r} are no people."
            raise Invalid.at(f"/items/{place}/target", "not_a_person", message)
        if question.address is None or question.channel == "post":
            return question.address
        normal = email_key if POINTS[question.channel] == "email" else phone_key
        try:
            return normal(question.address, self._tx.actor.country)
        except BadValue as error:
            if question.channel == "messenger" and question.is_answer:
                # There people write by names, too.
                return question.address
            raise Invalid.at(f"/items/{place}/address", error.code, str(error)) from None

    async def _find_people(self) -> None:
        own = self._tx.organization_id
        ids = [q.record_id for q in self._questions if q.record_id is not None]
        found = await self._tx.fetch(_LEADS_TO, own, ids) if ids else []
        leads = {row["id"]: row["target_id"] for row in found}
        wanted = [v for q, v in zip(self._questions, self._given, strict=True) if not q.record_id]
        holders: dict[tuple[str, str, str], list[UUID]] = {}
        if wanted:
            for row in await self._tx.fetch(_HOLDERS, own, list(self.people), wanted):
                key = (row["entity"], row["kind"], row["value"])
                holders.setdefault(key, []).append(row["record_id"])
        for place, question in enumerate(self._questions):
            if question.record_id is not None:
                self._people[place] = [leads[question.record_id]]
            else:
                key = (question.target, POINTS[question.channel], self._given[place] or "")
                self._people[place] = holders.get(key, [])

    async def _find_rows(self) -> None:
        for entity, service in self.people.items():
            ids = {
                id
                for question, people in zip(self._questions, self._people, strict=True)
                if question.target == entity
                for id in people
            }
            personal = service.personal
            assert isinstance(personal, Person)
            lists = ", ".join(f'{column} AS "{kind}"' for kind, column in personal.points.items())
            table = service.repository.model.__tablename__
            belongs = "company" in service.repository.listing.related
            company = "company_id" if belongs else "NULL::uuid AS company_id"
            sql = (
                f"SELECT id, deleted_at, time_zone, {company}, {lists} FROM {table} "  # noqa: S608 - declared
                "WHERE organization_id = $1 AND id = ANY($2)"
            )
            if ids:
                rows = await self._tx.fetch(sql, self._tx.organization_id, list(ids))
                self._rows |= {row["id"]: row for row in rows}

    def _judge_person(self, place: int) -> None:
        question, answer, people = self._questions[place], self._answers[place], self._people[place]
        answer.address = self._given[place]
        answer.record_id = people[0] if len(people) == 1 else None
        answer.person_id = people[0] if people else None
        rows = [self._rows[id] for id in people if id in self._rows]
        if not rows:
            self._refuse(place, "unknown_person")
            return
        if all(row["deleted_at"] is not None for row in rows):
            answer.refuse("in_bin")
        kind = POINTS[question.channel]
        points: list[dict[str, Any]] = decode(rows[0][kind]) or []
        if kind == "post":
            if answer.address is None and not points:
                answer.refuse("no_address")
            return
        if answer.address is None:
            primary = next((p["value"] for p in points if p["primary"]), None)
            if primary is None:
                answer.refuse("no_address")
                return
            answer.address = primary
        for row in rows:
            self._judge_point(answer, kind, decode(row[kind]) or [])

    def _judge_point(self, answer: Answer, kind: str, points: Sequence[dict[str, Any]]) -> None:
        wanted = self._key(kind, answer.address or "")
        for point in points:
            if self._key(kind, point["value"]) == wanted and point["status"] != "ok":
                answer.refuse("address_unusable")

    def _key(self, kind: str, value: str) -> str:
        return email_key(value) if kind == "email" else value

    async def _heed_erasures(self, hasher: Hasher) -> None:
        hashes = [self._hashes(hasher, place) for place in range(len(self._questions))]
        everybody = {id for people in self._people for id in people}
        asked = sorted({hash for found in hashes for hash in found[:1]})
        rows = await self._tx.fetch(_ERASED, self._tx.organization_id, asked, list(everybody))
        gone = {row["hash"] for row in rows} | {row["record_id"] for row in rows}
        for place, answer in enumerate(self._answers):
            if not gone.isdisjoint([*hashes[place][:1], *self._people[place]]):
                answer.refuse("erased")

    async def _heed_suppressions(self, hasher: Hasher) -> None:
        hashes = [self._hashes(hasher, place) for place in range(len(self._questions))]
        asked = sorted({hash for found in hashes for hash in found})
        by_hash: dict[str, list[Any]] = {}
        for row in await Suppressions(self._tx).of(asked) if asked else ():
            by_hash.setdefault(row["value_hash"], []).append(row)
        for place, answer in enumerate(self._answers):
            rows = [row for hash in hashes[place] for row in by_hash.get(hash, ())]
            if any(self._suppresses(place, row) for row in rows):
                answer.refuse("suppressed")

    def _suppresses(self, place: int, row: Any) -> bool:
        question, ends = self._questions[place], row["expires_at"]
        return (
            row["purpose"] in (None, question.purpose)
            and row["channel"] in (None, question.channel)
            and (ends is None or ends > self._at[place])
        )

    def _hashes(self, hasher: Hasher, place: int) -> list[str]:
        """Those of the address and, where it has one, of its domain."""
        kind, address = POINTS[self._questions[place].channel], self._answers[place].address
        if address is None or kind == "post":
            return []
        key = self._key(kind, address)
        found = [hasher.of(kind, key)]
        if kind == "email":
            domain = key.rpartition("@")[2]
            found.append(hasher.of("domain", domain))
        return found

    async def _heed_segments(self) -> None:
        asked = [self._asked(place).subjects for place in range(len(self._questions))]
        whom = [{id for ids in subjects.values() for id in ids} for subjects in asked]
        everybody = set[UUID]().union(*whom)
        if not everybody or self.barring is None:
            return
        barred = await type(self).barring(self._tx, everybody)  # pyright: ignore[reportOptionalCall]
        for answer, those in zip(self._answers, whom, strict=True):
            if not barred.isdisjoint(those):
                answer.refuse("suppressed_segment")

    async def _heed_hours(self) -> None:
        places = [n for n, q in enumerate(self._questions) if q.channel not in AT_ANY_HOUR]
        if not places or self.opening is None:
            return
        moments = [(self._at[place], self._zone(place)) for place in places]
        is_open = await type(self).opening(self._tx, moments)  # pyright: ignore[reportOptionalCall]
        for place, opened in zip(places, is_open, strict=True):
            if not opened:
                self._refuse(place, "quiet_hours")

    def _zone(self, place: int) -> str | None:
        rows = (self._rows.get(id) for id in self._people[place])
        return next((row["time_zone"] for row in rows if row and row["time_zone"]), None)

    async def _heed_consents(self) -> None:
        everybody = {id for people in self._people for id in people}
        purposes = {question.purpose for question in self._questions}
        rows = await ConsentLedger(self._tx).effective(sorted(everybody), sorted(purposes))
        said = {(row["person"], row["purpose"], row["channel"]): row for row in rows}
        for place, question in enumerate(self._questions):
            words = [
                said.get((id, question.purpose, question.channel)) for id in self._people[place]
            ]
            reason = _against([word for word in words if word is not None], self._at[place])
            if reason is not None:
                self._refuse(place, reason)


def _against(words: Sequence[Any], at: datetime) -> str | None:
    """What stands against reaching those who said this: one refusal outweighs any grant."""
    if not words:
        return "no_consent"
    for state in ("withdrawn", "denied"):
        if any(word["state"] == state for word in words):
            return state
    running = [word for word in words if word["expires_at"] is None or word["expires_at"] > at]
    return None if running else "expired"
