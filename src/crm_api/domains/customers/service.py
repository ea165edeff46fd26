"""The rules of preferences and expectations."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.customers.models import Expectation, ExpectationStatus, Preference
from crm_api.domains.customers.repository import Expectations, Preferences
from crm_api.domains.customers.schemas import (
    ExpectationCreate,
    ExpectationResult,
    ExpectationUpdate,
    ExpectationVerb,
    PreferenceCreate,
    PreferenceUpdate,
)
from crm_api.kit.calendar import today_of
from crm_api.kit.crud.mentions import need_mentioned
from crm_api.kit.crud.personal import About
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.transitions import Way, need_way, way
from crm_api.kit.errors import Invalid, WrongState
from crm_api.kit.query.filters import parse
from crm_api.kit.query.selection import PageQuery, Selection

_RANK = {"stated": 0, "observed": 1, "inferred": 2}
_IMPORTANCE = {"critical": 0, "high": 1, "normal": 2, "low": 3}
WAYS: Mapping[ExpectationVerb, Way[ExpectationStatus]] = {
    "meet": way("open", "met", "met"),
    "exceed": way("open", "exceeded", "exceeded"),
    "miss": way("open", "missed", "missed"),
}


class PreferenceService(CrudService[Preference]):
    """What contacts and companies prefer: said, observed or guessed."""

    repository = Preferences
    area = "customers"
    plural = "preferences"
    personal = About(("contact_id",), end="removed", reason="What somebody likes goes with them.")
    create_shape = PreferenceCreate
    update_shape = PreferenceUpdate
    records: Preferences

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Preference | None, country: str | None
    ) -> dict[str, Any]:
        """It is of a contact or of a company."""
        if current is None:
            ends = [values["contact_id"], values["company_id"]]
            if sum(end is not None for end in ends) != 1:
                message = "Name a contact or a company, not both."
                raise Invalid.at("/company_id", "one_subject", message)
        return super().normalise(values, current, country)

    @classmethod
    def derive(cls, values: dict[str, Any], current: Preference | None) -> dict[str, Any]:
        """Evidence as it is stored, so that what is equal is no change."""
        values = super().derive(values, current)
        if "evidence" in values:
            values["evidence"] = [
                {**one, "record_id": str(one["record_id"])} for one in values["evidence"] or ()
            ]
        return values

    async def prepare(self, values: dict[str, Any], current: Preference | None) -> dict[str, Any]:
        """What is named as evidence is there, and seen by whoever names it."""
        values = await super().prepare(values, current)
        if values.get("evidence"):
            before: Sequence[Any] = () if current is None else columns_of(current)["evidence"]
            named = {f"/evidence/{n}": one for n, one in enumerate(values["evidence"])}
            await need_mentioned(self.tx, named, before)
        return values

    async def effective(
        self,
        *,
        contact_id: UUID | None = None,
        company_id: UUID | None = None,
        seen: Sequence[Mapping[str, Any]] = (),
    ) -> list[dict[str, Any]]:
        """What counts for each key, of all that the actor sees; one statement.

        `seen` is what was observed beside the records (`observing.py`).
        """
        self.need("read")
        column = "contact_id" if company_id is None else "company_id"
        source = {column: str(contact_id or company_id)}
        query = PageQuery(
            Selection(self.records.listing.shown),
            parse(source, self.records.listing, self.tx),
            limit=200,
        )
        found = (await self.page(query)).data
        return effective(found, today_of(self.tx).isoformat(), seen)


def effective(
    found: Iterable[Any], today: str, seen: Sequence[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Of several preferences of a key the one that counts: what was said, then what was observed,
    then a guess; among equals the latest record, and records before what is `seen` without one.

    Those whose last day is over do not count.
    """
    by_key: dict[str, list[Any]] = {}
    for one in found:
        if one.valid_to is None or str(one.valid_to) >= today:
            by_key.setdefault(one.key, []).append(one)
    known = [one for one in seen if one["status"] == "known"]
    for one in known:
        by_key.setdefault(one["key"], [])
    told: list[dict[str, Any]] = []
    for key, those in sorted(by_key.items()):
        beside = [one for one in known if one["key"] == key]
        # Sorting is stable: the latest comes first among equals.
        latest = sorted(those, key=lambda one: str(one.updated_at), reverse=True)
        best = min(latest, key=lambda one: _RANK[one.origin], default=None)
        if best is None or (beside and best.origin == "inferred"):
            first = beside[0]
            told.append(
                {
                    **{name: first[name] for name in ("key", "value", "confidence", "sample")},
                    "origin": "observed",
                    "preference_id": None,
                    "overruled": len(those) + len(beside) - 1,
                }
            )
            continue
        told.append(
            {
                **{name: getattr(best, name) for name in ("value", "origin", "confidence")},
                "key": key,
                "sample": None,
                "preference_id": best.id,
                "overruled": len(those) + len(beside) - 1,
            }
        )
    return told


class ExpectationService(CrudService[Expectation]):
    """What customers count on."""

    repository = Expectations
    area = "customers"
    plural = "expectations"
    personal = About(("contact_id",), end="removed", reason="What somebody expects goes with them.")
    create_shape = ExpectationCreate
    update_shape = ExpectationUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "open",
        "resolved_at": None,
        "comment": None,
    }
    among = frozenset({"status", "resolved_at", "comment"})
    records: Expectations

    @classmethod
    def normalise(
        cls, values: dict[str, Any], current: Expectation | None, country: str | None
    ) -> dict[str, Any]:
        """It is somebody's; what has come out stays as it was said."""
        if current is None and values["contact_id"] is None and values["company_id"] is None:
            raise Invalid.at("/contact_id", "required", "Name a contact, a company or both.")
        return super().normalise(values, current, country)

    @classmethod
    def derive(cls, values: dict[str, Any], current: Expectation | None) -> dict[str, Any]:
        """What it is about as it is stored, so that what is equal is no change."""
        values = super().derive(values, current)
        if values.get("about"):
            about = values["about"]
            values["about"] = {**about, "record_id": str(about["record_id"])}
        return values

    async def prepare(self, values: dict[str, Any], current: Expectation | None) -> dict[str, Any]:
        """Of one that has come out only who is responsible can change."""
        values = await super().prepare(values, current)
        if current is not None and current.status != "open":
            said = ("what", "about", "source", "due_at", "importance")
            if any(name in values and values[name] != getattr(current, name) for name in said):
                message = f"The expectation is {current.status}."
                raise WrongState(message, code="expectation_closed")
        if values.get("about"):
            before = () if current is None or current.about is None else (current.about,)
            await need_mentioned(self.tx, {"/about": values["about"]}, before)
        return values

    async def resolve(
        self,
        id: UUID,
        verb: ExpectationVerb,
        data: ExpectationResult,
        expected: int | None = None,
    ) -> Any:
        """Say how an expectation came out; raises `WrongState` where that was said before."""
        self.need("update")
        current = await self.locked(id, expected)
        return await self.told(await self.settle(current, verb, data.comment))

    async def settle(self, current: Expectation, verb: ExpectationVerb, comment: str | None) -> Any:
        """The same for a locked one."""
        to = need_way("expectation", WAYS, current.status, verb)
        values = {"status": to.after, "resolved_at": self.tx.now, "comment": comment}
        return await self.change(current, values, verb=to.event)

    async def at_risk(self, within_days: int) -> list[Any]:
        """Open expectations that are due within some days or over, the most pressing first."""
        self.need("read")
        until: datetime = self.tx.now + timedelta(days=within_days)
        source = {"status": "open", "due_at": {"lte": until.isoformat()}}
        listing = self.records.listing
        query = PageQuery(Selection(listing.shown), parse(source, listing, self.tx), "due_at", 200)
        found = (await self.page(query)).data
        # Sorting is stable: of equal importance the earlier one comes first.
        return sorted(found, key=lambda one: _IMPORTANCE[one.importance])
