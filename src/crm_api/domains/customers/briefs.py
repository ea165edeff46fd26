"""Briefs: what one should know before a talk; always the same sentences of the same facts."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from crm_api.domains.customers.picture import Kind, Picture
from crm_api.domains.customers.showing import Occasion
from crm_api.domains.customers.wording import PHRASES, TITLES, word
from crm_api.kit.db.tx import Tx
from crm_api.kit.templates import language_of

_SECTIONS: Mapping[Occasion, Sequence[str]] = {
    "call": ("open_cases", "commitments", "open_deals", "open_quotes", "open_tasks"),
    "meeting": (
        *("open_deals", "open_quotes", "commitments", "open_projects", "late_deliverables"),
        *("open_cases", "open_orders", "contracts"),
    ),
    "visit": (
        *("open_projects", "late_deliverables", "open_orders", "open_cases", "commitments"),
        *("open_deals", "contracts"),
    ),
    "letter": ("open_quotes", "open_orders", "contracts", "commitments"),
}
_PARTS = ("preferences", "expectations", "health", "timeline")
_NAMED = 3
_NAMES = ("name", "subject", "text", "what", "number", "id")


class Brief:
    """A brief of what an actor may see of a customer."""

    def __init__(self, tx: Tx) -> None:
        self.tx = tx

    async def of(
        self, kind: Kind, id: UUID, occasion: Occasion, language: str | None
    ) -> dict[str, Any]:
        """The text and its facts, each with the records that it comes from."""
        spoken = language_of(language)
        picture = await Picture(self.tx).of(kind, id, sections=(*_PARTS, *_SECTIONS[occasion]))
        for entry in picture["timeline"] or ():
            # A day is that of the organization, as in all else that is written to people.
            entry["at"] = entry["at"].astimezone(ZoneInfo(self.tx.actor.time_zone))
        facts = list(_facts(picture, occasion, spoken))
        text = " ".join(fact["text"] for fact in facts)
        return {"occasion": occasion, "language": spoken, "text": text, "facts": facts}


def _facts(picture: Mapping[str, Any], occasion: Occasion, language: str) -> list[dict[str, Any]]:
    say = PHRASES[language]
    own = {"target": picture["kind"], "record_id": picture["id"]}
    identity = picture["identity"]
    detail = identity.get("title") or identity.get("industry")
    facts = [
        _fact(
            "who",
            say["who"].format(name=identity["name"], detail=f", {detail}" if detail else ""),
            [own],
        )
    ]
    steps: Sequence[Callable[[Mapping[str, Any], str], dict[str, Any] | None]] = (
        _preferences,
        _expectations,
        _contact,
        _health,
    )
    facts += [one for step in steps if (one := step(picture, language)) is not None]
    sections = {section["name"]: section for section in picture["sections"]}
    facts += [
        one
        for name in _SECTIONS[occasion]
        if name in sections and (one := _section(sections[name], language)) is not None
    ]
    return facts


def _fact(code: str, text: str, sources: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"code": code, "text": text, "sources": list(sources)}


def _preferences(picture: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    found, say = picture["preferences"], PHRASES[language]
    if not found:
        return None
    items = ", ".join(
        say[one["origin"]].format(key=word(one["key"], language), value=one["value"])
        for one in found
    )
    sources = [
        {"target": "preference", "record_id": one["preference_id"]}
        for one in found
        if one["preference_id"] is not None
    ]
    return _fact("preferences", say["preferences"].format(items=items), sources)


def _expectations(picture: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    found = picture["expectations"]
    if not found:
        return None
    items = ", ".join(one.what for one in found[:_NAMED])
    text = PHRASES[language]["expectations"].format(count=len(found), items=items)
    sources = [{"target": "expectation", "record_id": one.id} for one in found]
    return _fact("expectations", text, sources)


def _contact(picture: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    entries, say = picture["timeline"], PHRASES[language]
    if entries is None:
        return None
    if not entries:
        return _fact("no_contact", say["no_contact"], [])
    last = entries[0]
    record = last["record"]
    day, name = last["at"].date().isoformat(), record["name"] or record["target"]
    text = say["last_contact"].format(day=day, topic=last["topic"], name=name)
    source = {"target": record["target"], "record_id": record["id"]}
    return _fact("last_contact", text, [source])


def _health(picture: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    health, say = picture["health"], PHRASES[language]
    if health is None:
        return None
    own = [{"target": picture["kind"], "record_id": picture["id"]}]
    if health["score"] is None:
        return _fact("health", say["health_unknown"], own)
    worst = min(health["components"], key=lambda one: Decimal(one["value"]))
    reason = word(worst["reason"], language)
    text = say["health"].format(score=health["score"], reason=reason, count=worst["count"])
    return _fact("health", text, own)


def _section(section: Mapping[str, Any], language: str) -> dict[str, Any] | None:
    data: Any = section["data"]
    rows: list[dict[str, Any]] = data["data"] if data and "target" in data else []
    if not rows:
        return None
    names = [next(str(row[n]) for n in _NAMES if row.get(n)) for row in rows[:_NAMED]]
    titles = TITLES.get(section["name"], {})
    title = titles.get(language) or section["name"].replace("_", " ")
    count = f"{len(rows)}+" if data["more"] else str(len(rows))
    text = PHRASES[language]["section"].format(title=title, count=count, items=", ".join(names))
    sources = [{"target": data["target"], "record_id": row["id"]} for row in rows]
    return _fact(section["name"], text, sources)
