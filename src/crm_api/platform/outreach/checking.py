"""Questions from outside to the gate."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.personal import Person
from crm_api.kit.db.tx import Tx
from crm_api.kit.query.visibility import among, sight_of
from crm_api.kit.query.watching import note, write_down
from crm_api.platform.outreach.gate import POINTS, Answer, Gate, Question, may_reach
from crm_api.platform.outreach.schemas import OutreachCheck

UNKNOWN = Answer(reasons=["unknown_person"])


async def check(tx: Tx, data: OutreachCheck) -> list[dict[str, Any]]:
    """An answer for each question, for those who may read consents and these people.

    Whoever is not seen is unknown; an address is judged whoever has it. Raises `Forbidden` for
    addresses where those of people are hidden from the actor, who is told none then.
    """
    return [_shown(answer, seen) for answer, seen in await _answers(tx, data)]


async def evaluate(tx: Tx, data: OutreachCheck) -> list[dict[str, Any]]:
    """The same with what every rule says; nothing counts as sent by it."""
    tx.actor.require("guard_rules:read")
    return [
        {
            **_shown(answer, seen),
            "warnings": answer.guards.warnings,
            "rules": answer.guards.rules,
        }
        for answer, seen in await _answers(tx, data)
    ]


async def _answers(tx: Tx, data: OutreachCheck) -> list[tuple[Answer, frozenset[UUID]]]:
    tx.actor.require("consents:read")
    for entity in sorted({item.target for item in data.items}):
        if entity in Gate.people:
            tx.actor.require(f"{Gate.people[entity].area}:read")
    questions = [Question(**item.model_dump()) for item in data.items]
    hidden = [_hidden_point(tx, question) for question in questions]
    for place, (question, name) in enumerate(zip(questions, hidden, strict=True)):
        if name is not None and question.address is not None:
            # Nobody finds out by guessing whose address it is.
            raise hidden_field(name, f"/items/{place}/address")
    found = await may_reach(tx, questions)
    for answer, name in zip(found, hidden, strict=True):
        answer.address = answer.address if name is None else None
    seen = await _seen(tx, questions, found)
    for question, answer in zip(questions, found, strict=True):
        if answer.address is not None:
            read = (POINTS[question.channel], _point(question))
            note(tx, question.target, read, seen & {answer.record_id})
    await write_down(tx)
    return [
        (UNKNOWN if question.record_id and answer.record_id not in seen else answer, seen)
        for question, answer in zip(questions, found, strict=True)
    ]


def _hidden_point(tx: Tx, question: Question) -> str | None:
    """The field that a question is about, where it is hidden from the actor."""
    if question.target not in Gate.people:
        return None
    name = _point(question)
    return name if name in tx.actor.hidden(question.target) else None


def _point(question: Question) -> str:
    personal = Gate.people[question.target].personal
    assert isinstance(personal, Person)
    return personal.points[POINTS[question.channel]]


async def _seen(
    tx: Tx, questions: Sequence[Question], answers: Sequence[Answer]
) -> frozenset[UUID]:
    """The people among the answers whom the actor sees."""
    found: set[UUID] = set()
    for entity in {question.target for question in questions}:
        ids = {
            answer.record_id
            for question, answer in zip(questions, answers, strict=True)
            if question.target == entity and answer.record_id is not None
        }
        listing = Gate.people[entity].repository.listing
        found |= await among(tx, listing, sight_of(tx.actor, listing), list(ids))
    return frozenset(found)


def _shown(answer: Answer, seen: frozenset[UUID]) -> dict[str, Any]:
    return {
        "allowed": answer.allowed,
        "reasons": answer.reasons,
        "record_id": answer.record_id if answer.record_id in seen else None,
        "address": answer.address,
    }
