"""How rows become records of which only one counts for the same on a day."""

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from crm_api.kit.crud.spans import SpanRepository, overlap
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.kit.query.kinds import kinds_of
from crm_api.platform.transfer.importer import Draft, Importer, Plan
from crm_api.platform.transfer.ledger import Ledger, RecordId, Span

COUNTS = "counts"
"""By what a record is matched that counts for the same from the same day on."""
_OWN = "own"
"""The record whose own id stands where other files have ids of another system."""


class SpanImporter(Importer):
    """Rows that overlap a stored record, or an earlier row, are at fault alone.

    What a row counts for is known once it is found what it refers to: `refer` ends in `known`.
    A row of a file that was exported here means the record whose own id it has.
    """

    @property
    def _kind(self) -> type[SpanRepository[Any]]:
        found: Any = self.service.repository
        return found

    async def known(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Note by what drafts are matched, now that all that they refer to is in their values."""
        await self._know_own(tx, drafts, plan)
        for draft in drafts:
            span = self._span(draft)
            draft.keys = [*draft.keys, (COUNTS, _key(span))]
            draft.queue = ":".join(span.same)

    async def _know_own(self, tx: Tx, drafts: Sequence[Draft], plan: Plan) -> None:
        """Have records' own ids mean these: they are none of another system, to be kept."""
        given = ((draft, _own_id(draft, plan)) for draft in drafts)
        named = [(draft, id) for draft, id in given if id is not None]
        known = await kinds_of(tx, [self._kind.listing], list({id for _, id in named}))
        for draft, id in named:
            if id in known:
                draft.related[_OWN] = id
                draft.values["external_ids"] = {}
                draft.given -= {"external_ids"}

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Have whoever else writes records for the same wait, always in one order."""
        name = self._kind.same[0]
        for value in sorted({draft.values[name] for draft in drafts}):
            await self._kind(tx).lock_same({name: value})

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """The stored records that drafts name, or that count for the same from the same day on."""
        same = {self._span(draft).same for draft in drafts}
        found = await self._kind(tx).counting(same, ()) if same else []
        counting = [(COUNTS, _key(Span.of(same, first, None)), id) for id, same, first, _ in found]
        own = [
            (kind, value, draft.related[_OWN])
            for draft in drafts
            for kind, value in draft.keys
            if _OWN in draft.related and kind == "external"
        ]
        return [*counting, *own]

    async def ledger(self, tx: Tx, drafts: Sequence[Draft], matched: Iterable[UUID]) -> Ledger:
        """What is stored for the same as these drafts, and of the records that they mean."""
        own, ids = {self._span(draft).same for draft in drafts}, list(matched)
        stored = await self._kind(tx).counting(own, ids)
        # What rows leave blank stays as it is in the records that they mean.
        further = {of for _, of, _, _ in stored} - own
        if further:
            stored += await self._kind(tx).counting(further, ())
        ledger = Ledger(own | further)
        for id, of, first, last in stored:
            ledger.hold(id, Span.of(of, first, last))
        return ledger

    def claim(self, ledger: Ledger, draft: Draft, record: RecordId, plan: Plan) -> bool:
        """Note what a row comes to say of a record; False where it must not, which it then tells."""
        before = ledger.span(record)
        span = self._after(draft, before)
        fault = self._fault(ledger, record, before, span)
        if fault is None:
            ledger.take(record, span)
        else:
            draft.faults.append(self.located(fault, draft, plan))
        return fault is None

    def _fault(
        self, ledger: Ledger, record: RecordId, before: Span | None, span: Span
    ) -> Fault | None:
        entity = self._kind.model.entity
        if before is not None and (name := self._moved(before, span)) is not None:
            thing = entity.replace("_", " ")
            message = f"The row means the {thing} {record}, which is for something else."
            return Fault("other_target", message, f"/{name}")
        if span.last < span.first:
            return Fault("ends_before_start", "It ends after it starts.", "/valid_to")
        if (rival := ledger.rival(record, span)) is None:
            return None
        other, held = rival
        if held.row is None and isinstance(other, UUID):
            return overlap(entity, other)
        message = f"Row {held.row} counts for the same on these days."
        return Fault("overlap", message, "/valid_from")

    def _moved(self, before: Span, span: Span) -> str | None:
        """What a record is for and a row would have otherwise, though that stays."""
        names = zip(self._kind.same, before.same, span.same, strict=True)
        return next((name for name, was, own in names if was != own and self._stays(name)), None)

    def _stays(self, name: str) -> bool:
        return name not in self.service.update_shape.model_fields

    def _after(self, draft: Draft, before: Span | None) -> Span:
        span = self._span(draft)
        if before is None:
            return span
        # Blanks say nothing of a record that is there.
        given = [name in draft.given or self._stays(name) for name in self._kind.same]
        whole = zip(given, span.same, before.same, strict=True)
        return Span(
            tuple(own if is_given else was for is_given, own, was in whole),
            span.first if draft.values["valid_from"] is not None else before.first,
            span.last if draft.values["valid_to"] is not None else before.last,
            draft.number,
        )

    def _span(self, draft: Draft) -> Span:
        values = draft.values
        same = self._kind.same_of(values)
        return Span.of(same, values["valid_from"], values["valid_to"], draft.number)


def _own_id(draft: Draft, plan: Plan) -> UUID | None:
    try:
        return UUID(draft.values["external_ids"].get(plan.source, ""))
    except ValueError:
        return None


def _key(span: Span) -> str:
    return ":".join((*span.same, str(span.first)))
