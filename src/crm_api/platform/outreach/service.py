"""The rules of consents and suppressions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from crm_api.kit import clock
from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import About, Gone, Impersonal, Person, Told
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid, NotFound
from crm_api.kit.points import email_key, phone_key
from crm_api.kit.query.conditions import check
from crm_api.kit.query.selection import Selection
from crm_api.kit.schema import Create
from crm_api.kit.values import codes
from crm_api.kit.values.errors import BadValue
from crm_api.platform.outreach.guard_schemas import GuardRuleCreate, GuardRuleUpdate
from crm_api.platform.outreach.models import (
    Channel,
    Consent,
    ConsentText,
    GuardRule,
    Suppression,
    SuppressionReason,
)
from crm_api.platform.outreach.repository import (
    ConsentLedger,
    ConsentTexts,
    GuardRules,
    Suppressions,
)
from crm_api.platform.outreach.schemas import (
    ConsentInput,
    ConsentTextCreate,
    ConsentTextUpdate,
    SuppressionCreate,
    SuppressionUpdate,
    WhoseConsent,
    WithdrawalInput,
)

# Clocks of clients are a little ahead at times.
_AHEAD = timedelta(minutes=1)
_TICK = timedelta(microseconds=1)
_OWN: dict[str, Any] = {"owner_id": None, "custom": {}, "external_ids": {}}


class ConsentTextService(NamedService[ConsentText]):
    """The words that people agree to, in versions that stay as they are."""

    repository = ConsentTexts
    area = "consents"
    plural = "consent_texts"
    upserts = False
    create_shape = ConsentTextCreate
    update_shape = ConsentTextUpdate
    personal = Impersonal("The organization's own words.")


class ConsentService(CrudService[Consent]):
    """What people have decided: only ever added to."""

    repository = ConsentLedger
    area = "consents"
    plural = "consents"
    plain = False
    upserts = False
    begins = "recorded"
    records: ConsentLedger
    personal = About(
        ("record_id",),
        end="kept",
        reason="That and when somebody decided something has to be proven; the evidence is wiped.",
        entity="target",
    )

    async def record(self, data: ConsentInput) -> Any:
        """Write a decision down; unless it was before, it is the last word from here on."""
        self.tx.actor.require(f"{self.area}:write")
        latest = await self._last_words(data)
        if data.text_id is not None:
            await self._check_text(data.text_id, data.purpose)
        return self._add(data, latest.get((data.purpose, data.channel)), data.model_dump())

    async def withdraw(self, data: WithdrawalInput, *, deleted: bool = False) -> list[Any]:
        """Take back whatever was granted of a purpose, on a channel, or at all; with `deleted` also
        of those in the bin.
        """
        self.tx.actor.require(f"{self.area}:write")
        latest = await self._last_words(data, deleted=deleted)
        wanted = {
            (purpose, channel)
            for (purpose, channel), row in latest.items()
            if row["state"] == "granted"
            and data.purpose in (None, purpose)
            and data.channel in (None, channel)
        }
        if data.purpose and data.channel:
            # Who was never asked may say no as well.
            wanted.add((data.purpose, data.channel))
        said = {"state": "withdrawn", "basis": None, "text_id": None, "expires_at": None}
        return [
            self._add(
                data,
                latest.get(key),
                {**data.model_dump(), **said, "purpose": key[0], "channel": key[1], "at": None},
            )
            for key in sorted(wanted)
        ]

    async def effective(self, data: WhoseConsent) -> list[Any]:
        """The last word of a person on each purpose and channel."""
        self.tx.actor.require(f"{self.area}:read")
        await self._person(data, lock=False)
        rows = await self.records.effective([data.record_id])
        shown = await self.records.rows([row["id"] for row in rows])
        return [shown[row["id"]] for row in rows]

    async def _last_words(
        self, data: WhoseConsent, *, deleted: bool = False
    ) -> dict[tuple[str, str], Any]:
        # The lock on the person has decisions come one after the other.
        await self._person(data, lock=True, deleted=deleted)
        rows = await self.records.effective([data.record_id])
        return {(row["purpose"], row["channel"]): row for row in rows}

    async def _person(self, data: WhoseConsent, *, lock: bool, deleted: bool = False) -> None:
        try:
            service = service_of(self.tx, data.target)
        except NotFound:
            service = None
        if service is None or not isinstance(service.personal, Person):
            message = f"Records of the kind {data.target[:60]!r} are no people."
            raise Invalid.at("/target", "not_a_person", message)
        self.tx.actor.require(f"{service.area}:read")
        try:
            if lock:
                await service.records.get(data.record_id, lock=True, deleted=deleted)
            else:
                await service.records.row(data.record_id, Selection(("id",)))
        except NotFound:
            message = f"There is no such {data.target}."
            raise Invalid.at("/record_id", "unknown_reference", message) from None

    async def _check_text(self, id: UUID, purpose: str) -> None:
        found = await ConsentTexts(self.tx).find(id, lock=True)
        if found is None:
            raise Invalid.at("/text_id", "unknown_reference", "There is no such text.")
        if found.purpose != purpose:
            message = f"The text is about {found.purpose}."
            raise Invalid.at("/text_id", "wrong_purpose", message)

    def _add(self, data: ConsentInput | WithdrawalInput, last: Any, values: dict[str, Any]) -> Any:
        now = clock.now()
        at = values["at"]
        if at is not None and at > now + _AHEAD:
            raise Invalid.at("/at", "in_future", "Nobody has decided anything in the future.")
        if at is None:
            # After the lock: whoever is stored later has the last word, whenever they came.
            at = max(now, self.tx.now, last["at"] + _TICK if last is not None else now)
        evidence = data.evidence.model_dump(mode="json", exclude_none=True)
        return self.add({**values, **_OWN, "at": at, "evidence": evidence})


class SuppressionService(CrudService[Suppression]):
    """Addresses and domains that are not to be reached."""

    repository = Suppressions
    area = "suppressions"
    plural = "suppressions"
    upserts = False
    create_shape = SuppressionCreate
    update_shape = SuppressionUpdate
    records: Suppressions
    personal = Impersonal("Of people who are erased only keyed hashes are left (`suppressions`).")
    NORMAL: ClassVar[dict[str, Any]] = {
        "email": email_key,
        "phone": phone_key,
        "domain": lambda value, _: codes.domain(value),
    }

    async def given(self, data: Create) -> dict[str, Any]:
        """The value as it is compared, and whether it stays readable."""
        values = await super().given(data)
        kind, keep = values["kind"], values.pop("keep_value")
        try:
            value = self.NORMAL[kind](values["value"], self.tx.actor.country)
        except (BadValue, ValueError) as error:
            code = error.code if isinstance(error, BadValue) else "invalid_value"
            raise Invalid.at("/value", code, str(error)) from None
        hashed = (await hasher_of(self.tx)).of(kind, value)
        return {**values, "value": value if keep else None, "value_hash": hashed}

    def suppress(
        self,
        hashed: str,
        value: str | None,
        reason: SuppressionReason,
        purpose: str | None,
        channel: Channel,
    ) -> Any:
        """Suppress an e-mail address by its hash, readable or not."""
        self.tx.actor.require(f"{self.area}:write")
        known = {"kind": "email", "value": value, "value_hash": hashed, "reason": reason}
        scope = {"purpose": purpose, "channel": channel, "expires_at": None, "note": None}
        return self.add({**known, **scope, **_OWN})


class GuardRuleService(NamedService[GuardRule]):
    """What keeps people from being reached, whoever would reach them."""

    repository = GuardRules
    area = "guard_rules"
    plural = "guard_rules"
    create_shape = GuardRuleCreate
    update_shape = GuardRuleUpdate
    personal = Impersonal("The organization's own rules.")

    async def prepare(self, values: dict[str, Any], current: GuardRule | None) -> dict[str, Any]:
        """A rule has a condition or a cap, and its condition fits whom it looks at."""
        values = await super().prepare(values, current)
        whole = {**(columns_of(current) if current else {}), **values}
        if (whole["most"] is None) != (whole["days"] is None):
            missing = "most" if whole["most"] is None else "days"
            message = "A cap says how often at most, and within how many days."
            raise Invalid.at(f"/{missing}", "half_a_cap", message)
        if whole["most"] is None and not whole["filter"]:
            message = "It says whom it is about, or how often they may be reached."
            raise Invalid.at("/filter", "guards_nothing", message)
        if {"filter", "subject"} & values.keys():
            listing = service_of(self.tx, whole["subject"]).records.listing
            check(self.tx, listing, whole["filter"])
        return values


async def forget_evidence(tx: Tx, gone: Gone) -> int:
    """Wipe out the evidence of a person's decisions."""
    return await ConsentLedger(tx).forget_evidence(gone.ids)


async def wipe_evidence(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
    """The same where people are purged."""
    if isinstance(service_of(tx, entity).personal, Person):
        await ConsentLedger(tx).forget_evidence(ids)


async def hide_values(tx: Tx, gone: Gone) -> int:
    """Wipe out the readable addresses of a person that are suppressed; the hashes stay."""
    return len(await Suppressions(tx).hide(_addresses(gone)))


async def collect_suppressions(tx: Tx, gone: Gone) -> Told:
    """The addresses of a person that are not written to, and why."""
    rows = await Suppressions(tx).of(_addresses(gone))
    told = ("purpose", "channel", "expires_at")
    return {"suppressions": [{name: row[name] for name in told} for row in rows]}


def _addresses(gone: Gone) -> Sequence[str]:
    return [hash for (kind, _), hash in gone.hashes.items() if kind in {"email", "phone"}]
