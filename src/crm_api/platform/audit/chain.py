"""The hash chain itself: what is hashed, and how a chain is found to be whole. No database.

The form is called `crm-audit-1`. Everything hashed is JSON in UTF-8 without blanks, its members in
the order of their code points, its numbers with the digits that they have in the database: RFC 8785
but for numbers, which that would squeeze through doubles. ADR-0028 has the formulas.
"""

import hmac
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any
from uuid import UUID

import msgspec

FORM = "crm-audit-1"
HEADER = (
    "id",
    "tx",
    "seq",
    "type",
    "entity",
    "record_id",
    "version",
    "actor_kind",
    "actor_id",
    "request_id",
    "cause_id",
    "occurred_at",
)
"""What of an event is hashed as it stands."""
ERASED, AUDIT = "audit.erased", "audit"
AUDIT_ID = UUID(int=0)
"""What events about the trail itself are about."""
SALT_BYTES = 16
_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def canonical(value: Any) -> bytes:
    """Any JSON value as the bytes that are hashed."""
    return _encoder.encode(value)


def exactly(text: bytes | str | msgspec.Raw) -> Any:
    """JSON as Python values that keep every digit."""
    return _decoder.decode(text)


def genesis(organization_id: UUID) -> bytes:
    """What the first event of an organization is chained to."""
    return sha256(canonical({"form": FORM, "organization_id": str(organization_id)})).digest()


def new_salts(count: int) -> list[bytes]:
    """What keeps digests from being guessed once the values are gone; asked of the system at once."""
    chance = secrets.token_bytes(SALT_BYTES * count)
    return [chance[start : start + SALT_BYTES] for start in range(0, len(chance), SALT_BYTES)]


@lru_cache(maxsize=64)
def moment(value: datetime) -> str:
    """A time to the microsecond, as it is hashed; what happened together has the same."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain_header(row: Any) -> dict[str, Any]:
    """The hashed columns of an event as JSON values."""
    values = {name: row[name] for name in HEADER}
    for name in ("id", "record_id", "actor_id", "cause_id"):
        if values[name] is not None:
            values[name] = str(values[name])
    values["occurred_at"] = moment(values["occurred_at"])
    return values


def values_of(row: Any) -> tuple[Any, Any]:
    """What an event says: `data` and `previous`."""
    previous = row["previous"]
    return exactly(row["data"]), None if previous is None else exactly(previous)


def content_digest(salt: bytes, data: Any, previous: Any) -> bytes:
    """The commitment to what an event says."""
    return sha256(salt + canonical({"data": data, "previous": previous})).digest()


def link(before: bytes, position: int, header: Mapping[str, Any], content: bytes) -> bytes:
    """The hash of an event at its position."""
    hashed = {**header, "position": position, "before": before.hex(), "content": content.hex()}
    return sha256(canonical(hashed)).digest()


@dataclass(frozen=True)
class Anchor:
    """The head of a chain after a batch."""

    organization_id: UUID
    number: int
    first: int
    last: int
    hash: bytes
    sealed_at: datetime
    signature: bytes = b""

    def signed_by(self, key: bytes) -> bytes:
        """The signature that it should have."""
        told = {
            "form": FORM,
            "organization_id": str(self.organization_id),
            "number": self.number,
            "first": self.first,
            "last": self.last,
            "hash": self.hash.hex(),
            "sealed_at": moment(self.sealed_at),
        }
        return hmac.digest(key, b"audit" + canonical(told), "sha256")


@dataclass(frozen=True)
class Sealed:
    """A position of a chain, with its event if that is there."""

    position: int
    event_id: UUID
    content: bytes
    salt: bytes | None
    hash: bytes
    header: Mapping[str, Any] | None
    """None where there is no such event any more."""
    values: tuple[Any, Any] | None = None
    """`data` and `previous`; None where they are withheld from the reader."""


@dataclass(frozen=True)
class Break:
    """Something that is not as it was sealed."""

    kind: str
    message: str
    position: int | None = None
    event_id: UUID | None = None


MOST_BREAKS = 100


@dataclass
class Findings:
    """What a verification has found."""

    events: int = 0
    erased: int = 0
    withheld: int = 0
    number_of_breaks: int = 0
    breaks: list[Break] = field(default_factory=list[Break])
    """The first of them."""

    def add(self, found: Break) -> None:
        """Note a break."""
        self.number_of_breaks += 1
        if len(self.breaks) < MOST_BREAKS:
            self.breaks.append(found)


Heads = Mapping[int, bytes]
"""Hashes by their positions that somebody has kept elsewhere."""


class Verifier:
    """Follows a chain event by event, in the order of its positions.

    One change is told once: after a break it goes on from the hash that is stored.
    """

    def __init__(
        self,
        organization_id: UUID,
        *,
        position: int = 0,
        hash: bytes | None = None,
        anchors: int | None = 0,
        key: bytes | None = None,
        heads: Heads | None = None,
    ) -> None:
        self.findings = Findings()
        self.position, self.hash = position, hash or genesis(organization_id)
        self.anchored = position if anchors is not None else None
        self._anchors, self._key = anchors, key
        self._heads = {at: kept for at, kept in (heads or {}).items() if at > position}
        self._erased: dict[str, list[Sealed]] = {}

    def event(self, sealed: Sealed) -> None:
        """The next position."""
        self.findings.events += 1
        whole = self._follows(sealed)
        self.position, self.hash = sealed.position, sealed.hash
        if self._heads and self._heads.pop(sealed.position, sealed.hash) != sealed.hash:
            self._break("head_changed", sealed, "Another hash was kept elsewhere.")
        if whole:
            self._check_values(sealed)

    def _follows(self, sealed: Sealed) -> bool:
        expected = self.position + 1
        header = sealed.header
        if sealed.position != expected:
            self._break("gap", sealed, f"The positions {expected} to {sealed.position - 1} lack.")
            return header is not None
        if header is None:
            self._break("event_deleted", sealed, "The event is sealed, but is not there.")
            return False
        right = link(self.hash, sealed.position, header, sealed.content) == sealed.hash
        if not right or header["id"] != str(sealed.event_id):
            message = "The event, its place or its seal is not what was sealed."
            self._break("event_changed", sealed, message)
            return False
        return True

    def _check_values(self, sealed: Sealed) -> None:
        assert sealed.header is not None
        if sealed.values is None:
            self.findings.withheld += 1
            return
        data, previous = sealed.values
        if sealed.salt is None:
            if data or previous:
                self._break("values_changed", sealed, "It says something though it was erased.")
            else:
                record = str(sealed.header["record_id"])
                self._erased.setdefault(record, []).append(sealed)
            return
        if content_digest(sealed.salt, data, previous) != sealed.content:
            self._break("values_changed", sealed, "What the event says is not what was sealed.")
        elif sealed.header["type"] == ERASED:
            self.witness(data)

    def witness(self, data: Mapping[str, Any]) -> None:
        """An event that tells of an erasure; it covers what came before it."""
        for record in data.get("record_ids", ()):
            self.findings.erased += len(self._erased.pop(record, ()))

    def anchor(self, anchor: Anchor) -> None:
        """An anchor, once the position that it is at has been passed."""
        if self._anchors is not None and anchor.number != self._anchors + 1:
            self._anchor_break("anchor_missing", anchor, "Anchors before it lack.")
        self._anchors = anchor.number
        if anchor.last != self.position or anchor.hash != self.hash:
            self._anchor_break("anchor_changed", anchor, "It is not the head of what is sealed.")
        elif self.anchored is not None and anchor.first != self.anchored + 1:
            self._anchor_break("anchor_changed", anchor, "It does not follow the one before it.")
        elif self._key is not None and not hmac.compare_digest(
            anchor.signature, anchor.signed_by(self._key)
        ):
            self._anchor_break("anchor_unsigned", anchor, "Another key has signed it, or none.")
        self.anchored = anchor.last

    def end(self, last: int, hash: bytes | None) -> Findings:
        """What was found in all, given where the chain should end."""
        if last != self.position or (hash is not None and hash != self.hash):
            message = f"The chain should end at {last}, but does at {self.position}."
            self.findings.add(Break("head_changed", message, self.position))
        for position in self._heads:
            message = "The chain does not reach the head that was kept elsewhere."
            self.findings.add(Break("head_changed", message, position))
        for sealed in (one for found in self._erased.values() for one in found):
            self._break("values_changed", sealed, "It was emptied, and no erasure tells of it.")
        return self.findings

    def unsealed(self, event_id: UUID) -> None:
        """An event that stands before the head and has no seal."""
        self.findings.add(
            Break("event_inserted", "It was put in after the events around it.", None, event_id)
        )

    def _break(self, kind: str, sealed: Sealed, message: str) -> None:
        self.findings.add(Break(kind, message, sealed.position, sealed.event_id))

    def _anchor_break(self, kind: str, anchor: Anchor, message: str) -> None:
        self.findings.add(Break(kind, f"Anchor {anchor.number}: {message}", anchor.last))


def read_line(line: bytes) -> Mapping[str, Any]:
    """A line of an exported chain; raises `ValueError`."""
    try:
        found = exactly(line)
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from None
    if not isinstance(found, dict) or "kind" not in found:
        raise ValueError("a line is an object with a `kind`")
    return found  # pyright: ignore[reportUnknownVariableType]


def event_line(sealed: Sealed) -> dict[str, Any]:
    """A position as a line of an export."""
    event = None if sealed.header is None else dict(sealed.header)
    line: dict[str, Any] = {
        "kind": "event",
        "position": sealed.position,
        "event_id": str(sealed.event_id),
        "content": sealed.content.hex(),
        "hash": sealed.hash.hex(),
        "event": event,
    }
    if event is not None and sealed.values is not None:
        event["data"], event["previous"] = sealed.values
        line["salt"] = None if sealed.salt is None else sealed.salt.hex()
    return line


def sealed_of(line: Mapping[str, Any]) -> Sealed:
    """The position that a line of an export tells of."""
    event: dict[str, Any] | None = None if line["event"] is None else dict(line["event"])
    values = None
    if event is not None and "data" in event:
        values = event.pop("data"), event.pop("previous")
    salt = line.get("salt")
    return Sealed(
        line["position"],
        UUID(line["event_id"]),
        bytes.fromhex(line["content"]),
        None if salt is None else bytes.fromhex(salt),
        bytes.fromhex(line["hash"]),
        event,
        values,
    )


def anchor_line(anchor: Anchor) -> dict[str, Any]:
    """An anchor as a line of an export."""
    return {
        "kind": "anchor",
        "number": anchor.number,
        "first": anchor.first,
        "last": anchor.last,
        "hash": anchor.hash.hex(),
        "signature": anchor.signature.hex(),
        "sealed_at": moment(anchor.sealed_at),
    }


def anchor_of(organization_id: UUID, line: Mapping[str, Any]) -> Anchor:
    """The anchor that a line of an export tells of."""
    return Anchor(
        organization_id,
        line["number"],
        line["first"],
        line["last"],
        bytes.fromhex(line["hash"]),
        datetime.fromisoformat(line["sealed_at"]),
        bytes.fromhex(line["signature"]),
    )


def verify_lines(
    lines: Iterator[bytes], heads: Heads | None = None, key: bytes | None = None
) -> tuple[UUID, int, bytes, Findings]:
    """What is found in an exported chain: whose it is, its head, and what is wrong with it.

    With a `key` each event has to stand below an anchor that was signed by it.
    Raises `ValueError` where it is no such export, or one that was cut off.
    """
    first = read_line(next(lines, b'{"kind":null}'))
    if first["kind"] != "chain" or first.get("form") != FORM:
        raise ValueError(f"the file does not begin as an export of the form {FORM}")
    try:
        return _followed(first, lines, heads, key)
    except (KeyError, TypeError) as error:
        raise ValueError(f"a line lacks something: {error}") from None


def _followed(
    first: Mapping[str, Any], lines: Iterator[bytes], heads: Heads | None, key: bytes | None
) -> tuple[UUID, int, bytes, Findings]:
    organization_id = UUID(first["organization_id"])
    begin: int = first["after"]
    start = bytes.fromhex(first["before"]) if begin else None
    anchors: int | None = first["anchors"]
    verifier = Verifier(
        organization_id, position=begin, hash=start, anchors=anchors, key=key, heads=heads
    )
    for text in lines:
        line = read_line(text)
        if line["kind"] == "event":
            verifier.event(sealed_of(line))
        elif line["kind"] == "anchor":
            verifier.anchor(anchor_of(organization_id, line))
        elif line["kind"] == "witness":
            verifier.witness(line["data"])
        elif line["kind"] == "end":
            if key and verifier.anchored != verifier.position:
                message, last = "No anchor stands behind the last events.", verifier.position
                verifier.findings.add(Break("anchor_missing", message, last))
            found = verifier.end(line["last"], bytes.fromhex(line["hash"]))
            return organization_id, verifier.position, verifier.hash, found
    raise ValueError("the file ends before its last line")
