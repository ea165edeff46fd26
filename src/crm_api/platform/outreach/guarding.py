"""What rules of the organization say of reaching somebody: many questions, few statements."""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.conditions import passing_of
from crm_api.platform.outreach.touches import Touch, Touches, Used

_ACTIVE = """
    SELECT id, name, subject, channels, purposes, filter, most, days, effect, message
    FROM guard_rules WHERE organization_id = $1 AND is_active AND deleted_at IS NULL
    ORDER BY created_at, id
"""
_BY_APPROVAL = "require_approval"
_REFUSED = {"warn": "warned", "block": "blocked", _BY_APPROVAL: "approval_required"}


Approving = Callable[[Tx, str, Collection[UUID], str], Awaitable[set[UUID]]]
"""Those of some records of a kind that are approved for a purpose."""


@dataclass(frozen=True)
class Asked:
    """Somebody who is to be reached."""

    channel: str
    purpose: str
    at: datetime
    target: str
    subjects: dict[str, list[UUID]]
    """Whom rules look at: the people, and the companies that they belong to."""
    key: UUID | None = None


@dataclass
class Found:
    """What the rules say of one question."""

    reasons: list[str] = field(default_factory=list[str])
    warnings: list[str] = field(default_factory=list[str])
    rules: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])


class Guards:
    """The active rules, and what they have to say of some questions."""

    approving: ClassVar[Approving | None] = None

    def __init__(self, tx: Tx, asked: Sequence[Asked]) -> None:
        self._tx, self._asked = tx, asked
        self._rules: list[dict[str, Any]] = []
        self._met: dict[UUID, set[UUID]] = {}
        self._approved: dict[tuple[str, str], set[UUID]] = {}
        self._used: dict[tuple[int, UUID, UUID], Used] = {}
        self._claimed: Counter[tuple[UUID, UUID]] = Counter()

    async def read(self, *, claiming: bool = False) -> None:
        """Read the rules, whom they are about and how often these were reached.

        `claiming` has others who would reach the same people wait till the commit.
        """
        rows = await self._tx.fetch(_ACTIVE, self._tx.organization_id)
        lists = ("channels", "purposes", "filter")
        self._rules = [{**row, **{name: decode(row[name]) for name in lists}} for row in rows]
        capped = [rule for rule in self._rules if rule["most"] is not None]
        if claiming:
            await Touches(self._tx).lock(self._whom(capped))
        for rule in self._rules:
            ids = self._whom([rule])
            if rule["filter"] and ids:
                listing = service_of(self._tx, rule["subject"]).records.listing
                self._met[rule["id"]] = await passing_of(
                    self._tx, listing, sorted(ids), rule["filter"]
                )
        await self._read_approvals()
        keys = [one.key for one in self._asked if one.key is not None]
        for subject in ("contact", "company"):
            rules = [rule["id"] for rule in capped if rule["subject"] == subject]
            asked = [
                (place, id, one.at)
                for place, one in enumerate(self._asked)
                for id in one.subjects.get(subject, ())
            ]
            self._used |= await Touches(self._tx).used(subject, rules, asked, keys)

    async def _read_approvals(self) -> None:
        whom: dict[tuple[str, str], set[UUID]] = {}
        for rule in self._rules:
            for one in self._asked if rule["effect"] == _BY_APPROVAL else ():
                ids = one.subjects.get(rule["subject"])
                if ids and self._concerns(rule, one):
                    whom.setdefault((rule["subject"], one.purpose), set()).update(ids)
        for (subject, purpose), ids in whom.items() if self.approving is not None else ():
            found = await type(self).approving(self._tx, subject, ids, purpose)  # pyright: ignore[reportOptionalCall]
            self._approved[subject, purpose] = found

    def judge(self, place: int) -> Found:
        """What they say of one question."""
        found = Found()
        for rule in self._rules:
            said = self._said(rule, place)
            found.rules.append(said)
            message = said["message"]
            if said["verdict"] == "warned":
                found.warnings.append(message)
            elif said["verdict"] == "approval_required":
                found.reasons.append("approval_required")
            elif said["verdict"] == "blocked":
                found.reasons.append("guarded" if rule["most"] is None else "contact_pressure")
        return found

    async def claim(self, allowed: Sequence[int]) -> None:
        """Have those that are reached count from here on."""
        touches: list[Touch] = []
        for place in allowed:
            one = self._asked[place]
            people, companies = one.subjects.get("contact"), one.subjects.get("company")
            if one.key is not None and people:
                company = companies[0] if companies else None
                about = (one.channel, one.purpose, one.at)
                touches.append(Touch(one.key, one.target, people[0], company, *about))
        await Touches(self._tx).add(touches)

    def count(self, place: int) -> None:
        """Have a question count for those after it."""
        for rule in self._rules:
            if rule["most"] is not None and self._concerns(rule, self._asked[place]):
                for id in self._asked[place].subjects.get(rule["subject"], ()):
                    self._claimed[rule["id"], id] += 1

    def _said(self, rule: dict[str, Any], place: int) -> dict[str, Any]:
        one = self._asked[place]
        said = {name: rule[name] for name in ("name", "effect", "most")}
        said |= {"rule_id": rule["id"], "verdict": "not_concerned", "message": None}
        said |= dict.fromkeys(("used", "left", "frees_at"))
        if not self._concerns(rule, one):
            return said
        ids = one.subjects.get(rule["subject"], [])
        if rule["filter"]:
            ids = [id for id in ids if id in self._met.get(rule["id"], ())]
        closed = [id for id in ids if not self._opened(rule, one, id)]
        stands = bool(closed)
        if rule["most"] is not None and ids:
            used = {id: self._used_by(rule, place, id) for id in ids}
            worst = max(used.values(), key=lambda found: found.number)
            stands = any(used[id].number >= rule["most"] for id in closed)
            said |= {"used": worst.number, "left": max(rule["most"] - worst.number, 0)}
            said["frees_at"] = worst.frees_at if stands else None
        said["verdict"] = _REFUSED[rule["effect"]] if stands else "passed"
        if stands:
            said["message"] = rule["message"] or rule["name"]
        return said

    def _opened(self, rule: dict[str, Any], one: Asked, id: UUID) -> bool:
        """Whether an approval for what they are reached for opens a rule that wants one."""
        approved = self._approved.get((rule["subject"], one.purpose), ())
        return rule["effect"] == _BY_APPROVAL and id in approved

    def _used_by(self, rule: dict[str, Any], place: int, id: UUID) -> Used:
        found = self._used.get((place, id, rule["id"]), Used())
        return Used(found.number + self._claimed[rule["id"], id], found.frees_at)

    def _concerns(self, rule: dict[str, Any], one: Asked) -> bool:
        return (not rule["channels"] or one.channel in rule["channels"]) and (
            not rule["purposes"] or one.purpose in rule["purposes"]
        )

    def _whom(self, rules: Sequence[dict[str, Any]]) -> set[UUID]:
        return {
            id
            for rule in rules
            for one in self._asked
            if self._concerns(rule, one)
            for id in one.subjects.get(rule["subject"], ())
        }
