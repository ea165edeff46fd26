"""What an organization has decided about duplicates, and what is compared by it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

from crm_api.kit.custom.catalogue import CustomFields
from crm_api.kit.db.json import decode
from crm_api.kit.errors import Fault, Invalid
from crm_api.platform.duplicates.matcher import Matcher, Record, custom_profile
from crm_api.platform.duplicates.model.blocking import Rule, rule
from crm_api.platform.duplicates.model.comparing import LEVELS
from crm_api.platform.duplicates.model.estimation import Knowledge, Weights, unseen
from crm_api.platform.duplicates.model.records import Field, Kind, Profile
from crm_api.platform.duplicates.model.scoring import Frequencies
from crm_api.platform.duplicates.schemas import PolicyInput

UNSEEN_RECORDS = 1_000
"""How large a collection is taken to be that nobody has looked at."""


@dataclass(frozen=True)
class Policy:
    """The rules for duplicates of one kind of record."""

    matcher: Matcher
    action: str = "allow"
    certain: int = 99
    probable: int = 80
    possible: int = 50
    unique: tuple[str, ...] = ()
    weights: Mapping[str, float] = field(default_factory=dict[str, float])
    custom_fields: tuple[tuple[str, Kind], ...] = ()
    scan_every_hours: int | None = None
    version: int = 0

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        """What is compared."""
        own = (Field(f"custom.{name}", kind) for name, kind in self.custom_fields)
        return (*self.matcher.fields, *own)

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        """Which records are worth it."""
        own = (rule(f"custom.{name}") for name, kind in self.custom_fields if kind != "text")
        return (*self.matcher.rules, *own)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Every field that a profile needs to have."""
        parts = (part.field for rule in self.rules for part in rule)
        return tuple(dict.fromkeys([*(f.name for f in self.fields), *parts]))

    def profile(self, record: Record) -> Profile:
        """What is compared of a record."""
        own = custom_profile(record, (name for name, _ in self.custom_fields))
        return {**self.matcher.profile(record), **own}


@dataclass(frozen=True)
class Learnt:
    """What is known of a collection, filled up with what is assumed of any."""

    knowledge: Knowledge
    records: int
    frequencies: Frequencies

    @classmethod
    def of(cls, policy: Policy, row: Mapping[str, Any] | None) -> "Learnt":
        """What a scan has stored, or nothing but assumptions."""
        assumed = unseen(policy.fields)
        if row is None or not row["fields"]:
            return cls(assumed, UNSEEN_RECORDS, {})
        stored = cast("Mapping[str, Mapping[str, Any]]", row["fields"])
        known = {
            field.name: Weights(tuple(weights["alike"]), tuple(weights["unlike"]))
            for field in policy.fields
            if (weights := stored.get(field.name))
            # A field of the organization's own may be compared in another way by now.
            and len(weights["alike"]) == len(LEVELS[field.kind])
        }
        knowledge = Knowledge({**assumed.fields, **known}, row["rate"])
        return cls(knowledge, row["records"], row["frequencies"])


def policy_of(matcher: Matcher, row: Mapping[str, Any] | None, known: CustomFields) -> Policy:
    """The policy that a row holds, or the one that everybody begins with.

    Custom fields whose definition is gone are not compared any more.
    """
    if row is None:
        return Policy(matcher, unique=matcher.unique)
    return Policy(
        matcher,
        row["action"],
        row["certain"],
        row["probable"],
        row["possible"],
        tuple(decode(row["unique"])),
        decode(row["weights"]),
        tuple((f["name"], f["kind"]) for f in decode(row["custom_fields"]) if known.get(f["name"])),
        row["scan_every_hours"],
        row["version"],
    )


def shown(policy: Policy) -> dict[str, Any]:
    """A policy as clients see it."""
    return {
        "target": policy.matcher.entity,
        "action": policy.action,
        "certain": policy.certain,
        "probable": policy.probable,
        "possible": policy.possible,
        "unique": list(policy.unique),
        "weights": dict(policy.weights),
        "custom_fields": [{"name": name, "kind": kind} for name, kind in policy.custom_fields],
        "scan_every_hours": policy.scan_every_hours,
        "fields": [field.name for field in policy.fields],
        "version": policy.version,
    }


def check(matcher: Matcher, data: PolicyInput, custom: CustomFields) -> None:
    """Raise `Invalid` where a policy names what is not compared."""
    known = {field.name for field in matcher.fields}
    known |= {f"custom.{field.name}" for field in data.custom_fields}
    message = f"Compared are: {', '.join(sorted(known))}."
    places = [(f"/unique/{n}", name) for n, name in enumerate(data.unique or ())]
    places += [(f"/weights/{name}", name) for name in data.weights]
    faults = [Fault("unknown_field", message, pointer=p) for p, name in places if name not in known]
    names = [field.name for field in data.custom_fields]
    faults += [
        Fault("repeated", "Each field is compared once.", pointer=f"/custom_fields/{n}")
        for n, name in enumerate(names)
        if name in names[:n]
    ]
    faults += [
        Fault(
            "unknown_field",
            "There is no custom field of this name.",
            pointer=f"/custom_fields/{n}/name",
        )
        for n, name in enumerate(names)
        if custom.get(name) is None and name not in names[:n]
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)
