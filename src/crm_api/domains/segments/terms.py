"""What filters may ask beside fields and relations: deeds, consents, segments.

The compiler of filters carries these out (`kit/query/terms.py`), so they may stand wherever filters
do. Each is an EXISTS or a bounded count, never a join, so no row is there twice.
"""

import operator as operators
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    Uuid,
    case,
    exists,
    func,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from crm_api.domains.segments.models import BehaviourEvent, SegmentMember
from crm_api.domains.segments.properties import Property, properties_of, property_condition
from crm_api.domains.segments.repository import AREA, BEHAVIOUR_AREA
from crm_api.kit.db.base import Instant
from crm_api.kit.db.tables import RecordRedirect
from crm_api.kit.query.counting import counting
from crm_api.kit.query.mistakes import escape, fault
from crm_api.kit.query.moments import instant_of
from crm_api.kit.query.terms import TermBinds, TermReader
from crm_api.kit.query.visibility import ORGANIZATION
from crm_api.platform.outreach.models import Consent

_SPAN = re.compile(r"(\d{1,5})([dhm])")
_UNITS = {"d": "days", "h": "hours", "m": "minutes"}
_NAME = re.compile(r"[a-z0-9][a-z0-9_\-]*(\.[a-z0-9][a-z0-9_\-]*)*")
_MOST_COUNTED = 10_000
_BEHAVIOUR = frozenset({"did", "did_not", "where", "within", "since", "until", "count", "then"})
_CHANNELS = ("email", "sms", "phone", "messenger", "post")
_STATES = ("granted", "denied", "withdrawn", "expired", "unknown")
_SEGMENT = {"eq": "in", "in": "in", "ne": "nin", "nin": "nin"}


def span_of(value: Any, at: str) -> timedelta:
    """A length of time such as `30d`, `12h` or `15m`."""
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or not int(found[1]):
        raise fault(at, "invalid_value", "Say how long, such as 30d, 12h or 15m.")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def read_object(value: Any, at: str, known: frozenset[str], *, wanted: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise fault(at, "invalid_filter", wanted)
    source = dict(cast("Mapping[str, Any]", value))
    for key in source:
        if key not in known:
            raise fault(f"{at}/{escape(key)}", "unknown_key", f"Say {', '.join(sorted(known))}.")
    # Clients with types write null for what they leave out.
    return {key: inner for key, inner in source.items() if inner is not None}


def _did(source: Mapping[str, Any], at: str) -> tuple[str, str]:
    """Whether it is asked that something was done or not, and what."""
    told = [key for key in ("did", "did_not") if key in source]
    if len(told) != 1:
        raise fault(at, "invalid_filter", "Say did or did_not.")
    name = source[told[0]]
    if not isinstance(name, str) or len(name) > 100 or _NAME.fullmatch(name) is None:
        raise fault(f"{at}/{told[0]}", "invalid_value", "An event is called such as page.viewed.")
    return told[0], name


def read_moment(reader: TermReader, value: Any, at: str) -> bool:
    """Keep a moment that is asked for, if there is one; whether there is."""
    if value is None:
        return False
    try:
        moment = instant_of(value, reader.now, reader.actor.time_zone)
    except (ValueError, TypeError, AttributeError, ArithmeticError):
        message = "Say a time, such as 2026-03-31T12:00:00Z or @now-7d."
        raise fault(at, "invalid_value", message) from None
    reader.keep(moment, value if str(value).startswith("@") else moment)
    return True


def read_since(reader: TermReader, source: Mapping[str, Any], at: str) -> bool:
    """Keep the moment since when something is asked about, if one is said; whether one is."""
    if "within" not in source:
        return read_moment(reader, source.get("since"), f"{at}/since")
    if "since" in source:
        raise fault(f"{at}/since", "invalid_filter", "Say within or since, not both.")
    text = source["within"]
    span = span_of(text, f"{at}/within")
    reader.keep(reader.now - span, f"@now-{text}")
    return True


def read_count(
    reader: TermReader, source: Mapping[str, Any], at: str, *, is_done: bool
) -> str | None:
    """Keep how often something was done, if that is asked; the operator."""
    if "count" not in source:
        return None
    at = f"{at}/count"
    if not is_done:
        message = "What was not done cannot be counted; count did, such as {lt: 1}."
        raise fault(at, "invalid_filter", message)
    if not isinstance(source["count"], Mapping):
        raise fault(at, "invalid_filter", "`count` takes one comparison, such as gte.")
    operator, bound = counting(cast("Mapping[str, Any]", source["count"]), at)
    bounds = cast("list[Any]", bound) if isinstance(bound, list) else [bound]
    if len(bounds) != (2 if operator == "between" else 1):
        raise fault(f"{at}/{operator}", "invalid_value", "This operator takes 2 values.")
    for one in bounds:
        if isinstance(one, bool) or not isinstance(one, int) or not 0 <= one <= _MOST_COUNTED:
            message = f"A whole number up to {_MOST_COUNTED:,}."
            raise fault(f"{at}/{operator}", "invalid_value", message)
    # Beyond the bound it is all the same how many there are.
    reader.keep(max(bounds) + 1, max(bounds) + 1)
    for one in bounds:
        reader.keep(one, one)
    return operator


def done_so_often(
    query: Select[Any], how: str, operator: str | None, row: Any, binds: TermBinds
) -> ColumnElement[bool]:
    """The condition that there is something, or nothing, or so much of it."""
    if operator is None:
        found = exists(query)
        return not_(found) if how == "did_not" else found
    most = binds.next(_INTEGER)
    # Said outright: what stands in a FROM is of no row around it by itself.
    some = query.limit(most).correlate(row).subquery()
    number = select(func.count()).select_from(some).scalar_subquery()
    if operator == "between":
        return number.between(binds.next(_INTEGER), binds.next(_INTEGER))
    return _COMPARED[operator](number, binds.next(_INTEGER))


class Behaviour:
    """`{"did": "page.viewed", "within": "30d", "where": {…}, "count": {"gte": 3}, "then": {…}}`.

    Shape: (did | did_not, properties, has since, has until, operator | None, then | None), where
    `then` is (did | did_not, properties, has within).
    """

    def read(self, reader: TermReader, value: Any, at: str) -> tuple[Any, ...]:
        """Read it; what was never tracked is nothing that anybody did, and no mistake."""
        reader.actor.require(f"{BEHAVIOUR_AREA}:read")
        if isinstance(value, str):
            value = {"did": value}
        source = read_object(value, at, _BEHAVIOUR, wanted="Say what they did.")
        how, name = _did(source, at)
        reader.keep(name, name)
        where = properties_of(reader, source.get("where"), f"{at}/where")
        since = read_since(reader, source, at)
        until = read_moment(reader, source.get("until"), f"{at}/until")
        then = self._then(reader, source.get("then"), f"{at}/then")
        operator = read_count(reader, source, at, is_done=how == "did")
        return how, where, since, until, operator, then

    def _then(self, reader: TermReader, value: Any, at: str) -> tuple[Any, ...] | None:
        if value is None:
            return None
        known = frozenset({"did", "did_not", "where", "within"})
        source = read_object(value, at, known, wanted="Say what they did after that.")
        how, name = _did(source, at)
        reader.tested(at)
        reader.keep(name, name)
        where = properties_of(reader, source.get("where"), f"{at}/where")
        has_within = "within" in source
        if has_within:
            seconds = int(span_of(source["within"], f"{at}/within").total_seconds())
            reader.keep(seconds, seconds)
        return how, where, has_within

    def condition(self, asked: tuple[Any, ...], row: Any, binds: TermBinds) -> ColumnElement[bool]:
        """The condition on a contact."""
        how, where, since, until, operator, then = asked
        event = aliased(BehaviourEvent)
        query = _of(event, row.id, binds, where)
        if since:
            query = query.where(event.occurred_at >= binds.next(Instant))
        if until:
            query = query.where(event.occurred_at < binds.next(Instant))
        if then is not None:
            query = query.where(_afterwards(then, event, binds))
        return done_so_often(query, how, operator, row, binds)


_INTEGER = Integer()
_COMPARED: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": operators.eq,
    "ne": operators.ne,
    "gt": operators.gt,
    "gte": operators.ge,
    "lt": operators.lt,
    "lte": operators.le,
}


def _of(event: Any, contact: Any, binds: TermBinds, where: tuple[Property, ...]) -> Select[Any]:
    query = select(1).where(
        event.organization_id == ORGANIZATION,
        event.contact_id == contact,
        event.name == binds.next(Text()),
        event.deleted_at.is_(None),
    )
    for one in where:
        query = query.where(property_condition(one, event, binds))
    return query


def _afterwards(then: tuple[Any, ...], first: Any, binds: TermBinds) -> ColumnElement[bool]:
    how, where, has_within = then
    event = aliased(BehaviourEvent)
    query = _of(event, first.contact_id, binds, where).where(event.occurred_at > first.occurred_at)
    if has_within:
        span = func.make_interval(0, 0, 0, 0, 0, 0, binds.next(_INTEGER))
        query = query.where(event.occurred_at <= first.occurred_at + span)
    found = exists(query)
    return not_(found) if how == "did_not" else found


class Agreed:
    """`{"channel": "email", "purpose": "newsletter", "state": "granted"}`: somebody's last word.

    Shape: (states,), of which `unknown` is that nothing was ever said. Suppressed addresses are
    no matter of it: they are hashes, which only the gate of outreach can compare.
    """

    def read(self, reader: TermReader, value: Any, at: str) -> tuple[Any, ...]:
        """Read it; raises `Forbidden` where consents may not be read."""
        reader.actor.require("consents:read")
        known = frozenset({"channel", "purpose", "state"})
        source = read_object(value, at, known, wanted="Say a channel, a purpose and a state.")
        channel, purpose = source.get("channel"), source.get("purpose")
        if channel not in _CHANNELS:
            raise fault(f"{at}/channel", "invalid_value", f"Say {', '.join(_CHANNELS)}.")
        if not isinstance(purpose, str) or not 0 < len(purpose) <= 100 or "\x00" in purpose:
            raise fault(f"{at}/purpose", "invalid_value", "Say what it is for.")
        given = source.get("state", "granted")
        states = cast("list[Any]", given) if isinstance(given, list) else [given]
        if not states or not all(state in _STATES for state in states):
            raise fault(f"{at}/state", "invalid_value", f"Say {', '.join(_STATES)}.")
        for kept in (purpose, channel):
            reader.keep(kept, kept)
        reader.keep(reader.now, "@now")
        return (tuple(sorted(set(states))),)

    def condition(self, asked: tuple[Any, ...], row: Any, binds: TermBinds) -> ColumnElement[bool]:
        """The condition on a contact."""
        (states,) = asked
        purpose, channel, now = binds.next(Text()), binds.next(Text()), binds.next(Instant)
        word, redirect = aliased(Consent), aliased(RecordRedirect)
        own = (
            select(func.coalesce(_expired(word.expires_at <= now), word.state))
            .where(
                word.organization_id == ORGANIZATION,
                word.record_id == row.id,
                word.purpose == purpose,
                word.channel == channel,
            )
            .order_by(word.at.desc(), word.seq.desc())
            .limit(1)
            .scalar_subquery()
        )
        merged = exists(
            select(1).where(redirect.organization_id == ORGANIZATION, redirect.target_id == row.id)
        )
        # What was decided as somebody else who was merged since counts as well, and costs more.
        whole = func.crm_consent_state(ORGANIZATION, row.id, purpose, channel, now, type_=Text())
        state = func.coalesce(_either(merged, whole, own), "unknown", type_=Text())
        return or_(*(state == _quoted(one) for one in states))


def _expired(condition: ColumnElement[bool]) -> ColumnElement[Any]:
    return case((condition, _quoted("expired")))


def _either(condition: Any, yes: Any, no: Any) -> ColumnElement[Any]:
    return case((condition, yes), else_=no)


def _quoted(word: str) -> ColumnElement[Any]:
    return literal_column(f"'{word}'", Text())


class Belongs:
    """`ID`, `{"in": [ID, …]}` or `{"nin": […]}`, with `as_of` at a moment.

    Shape: (in | nin, has as_of).
    """

    def read(self, reader: TermReader, value: Any, at: str) -> tuple[Any, ...]:
        """Read it; whose members somebody is shown takes the right to read segments."""
        reader.actor.require(f"{AREA}:read")
        if isinstance(value, str):
            value = {"eq": value}
        known = frozenset({*_SEGMENT, "as_of"})
        source = read_object(value, at, known, wanted="Say a segment by its id.")
        moment = source.pop("as_of", None)
        if len(source) != 1:
            raise fault(at, "invalid_filter", "Say one of eq, ne, in, nin.")
        ((operator, operand),) = source.items()
        if reader.lax and isinstance(operand, str):
            operand = operand.split(",")
        named = cast("list[Any]", operand) if isinstance(operand, list) else [operand]
        if not 0 < len(named) <= 50:
            raise fault(f"{at}/{operator}", "invalid_value", "Between 1 and 50 segments.")
        try:
            ids = [id if isinstance(id, UUID) else UUID(id) for id in named]
        except (ValueError, TypeError, AttributeError):
            raise fault(f"{at}/{operator}", "invalid_value", "Not a UUID.") from None
        reader.keep(ids, list(map(str, ids)))
        has_moment = read_moment(reader, moment, f"{at}/as_of")
        return _SEGMENT[operator], has_moment

    def condition(self, asked: tuple[Any, ...], row: Any, binds: TermBinds) -> ColumnElement[bool]:
        """The condition on a contact or a company."""
        operator, has_moment = asked
        member = aliased(SegmentMember)
        query = select(1).where(
            member.organization_id == ORGANIZATION,
            member.segment_id == func.any(binds.next(Uuid(), many=True)),
            member.record_id == row.id,
        )
        if has_moment:
            moment: ColumnElement[datetime] = binds.next(Instant)
            query = query.where(
                member.entered_at <= moment, or_(member.left_at.is_(None), member.left_at > moment)
            )
        else:
            query = query.where(member.left_at.is_(None))
        found = exists(query)
        return not_(found) if operator == "nin" else found
