"""What a sequence would say to somebody: nothing of it happens."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from crm_api.domains.sequences.schemas import SequencePreview
from crm_api.domains.sequences.service import SequenceService
from crm_api.domains.sequences.steps import (
    ROOTS,
    STEPS,
    Call,
    Chore,
    Mail,
    MailVariant,
    about_of,
    read_step,
    walked,
)
from crm_api.domains.sequences.turns import Turn, run_of
from crm_api.kit.automation import Step
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import CrmError, Fault, Invalid, NotFound
from crm_api.kit.ids import new_id
from crm_api.platform.automations.actions import Branch
from crm_api.platform.automations.definitions import told_part
from crm_api.platform.automations.walking import mistakes


def vocabulary(tx: Tx) -> dict[str, Any]:
    """Every kind of step with its JSON Schema, and what placeholders begin with."""
    tx.actor.require("sequences:read")
    actions = [told_part("action", kind, shape) for kind, shape in STEPS.items()]
    return {"actions": actions, "roots": dict(ROOTS)}


async def preview(tx: Tx, id: UUID, asked: SequencePreview) -> dict[str, Any]:
    """Every step as it would be said now, as far as whoever asks sees; raises `Invalid`."""
    service = SequenceService(tx)
    sequence = decode(encode(await service.get(id)))
    steps = sequence["steps"]
    if asked.number is not None:
        steps = await service.records.steps(id, asked.number)
    turn = Turn(
        tx,
        run_of(new_id(), id, asked.contact_id),
        sequence["send_window"],
        deal_id=asked.deal_id,
        sender_id=asked.sender_id or sequence["owner_id"] or _me(tx),
    )
    try:
        await turn.contact()
    except NotFound:
        message = "There is no such contact."
        raise Invalid.at("/contact_id", "unknown_reference", message) from None
    shown = [await _shown(tx, turn, at, source) for at, source in walked(steps)]
    earliest = (await turn.window()).opening(tx.now)
    return {"steps": shown, "time_zone": str(await turn.zone()), "earliest_at": earliest}


def _me(tx: Tx) -> UUID | None:
    return None if tx.actor.access is None else tx.actor.access.user_id


async def _shown(tx: Tx, turn: Turn, at: str, source: Mapping[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "place": at,
        "action": str(source.get("action")),
        "variants": [],
        "passes": None,
        "mistakes": [],
    }
    faults: list[Fault] = []
    try:
        step = read_step(source, at)
    except Invalid as error:
        shown["mistakes"] = _told(error.faults)
        return shown
    try:
        faults += await mistakes(step, about_of(tx), at)
    except CrmError as error:
        # Such as a field that is hidden from whoever asks.
        faults += error.faults or [Fault(error.own_code, error.detail, at)]
    if not faults:
        for below, said in _texts_of(step):
            shown["variants"].append(await _filled(turn, at + below, said, faults))
        if isinstance(step, Branch):
            shown["passes"] = await turn.passes(step.condition)
    return {**shown, "mistakes": _told(faults)}


def _texts_of(step: Step) -> list[tuple[str, MailVariant]]:
    if isinstance(step, Mail):
        return list(step.ways())
    if isinstance(step, Call | Chore):
        return [("", MailVariant.model_construct(subject=step.subject, body=step.description))]
    return []


async def _filled(turn: Turn, at: str, said: MailVariant, faults: list[Fault]) -> dict[str, Any]:
    filled: dict[str, Any] = {"subject": None, "body": None}
    for name, text in (("subject", said.subject), ("body", said.body)):
        try:
            filled[name] = text and await turn.text(text, f"{at}/{name}", whole=True)
        except CrmError as error:
            faults += error.faults or [Fault(error.own_code, error.detail, f"{at}/{name}")]
    return filled


def _told(faults: Iterable[Fault]) -> list[dict[str, Any]]:
    return [{"code": f.code, "message": f.message, "pointer": f.pointer} for f in faults]
