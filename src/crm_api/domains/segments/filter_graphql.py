"""What filters ask beside fields and relations (`terms.py`), as typed inputs of GraphQL."""

import strawberry

UNSET = strawberry.UNSET


@strawberry.input
class PropertyTextFilter:
    """Operators of properties that are texts, which are in order by code points."""

    eq: str | None = UNSET
    ne: str | None = UNSET
    gt: str | None = UNSET
    gte: str | None = UNSET
    lt: str | None = UNSET
    lte: str | None = UNSET
    in_: list[str] | None = strawberry.field(default=UNSET, name="in")
    nin: list[str] | None = UNSET


@strawberry.input
class PropertyNumberFilter:
    """Operators of properties that are numbers."""

    eq: float | None = UNSET
    ne: float | None = UNSET
    gt: float | None = UNSET
    gte: float | None = UNSET
    lt: float | None = UNSET
    lte: float | None = UNSET
    in_: list[float] | None = strawberry.field(default=UNSET, name="in")
    nin: list[float] | None = UNSET


@strawberry.input
class PropertyBooleanFilter:
    """Operators of properties that are true or false."""

    eq: bool | None = UNSET
    ne: bool | None = UNSET


@strawberry.input
class PropertyFilter:
    """What is asked of a property of an event: its type with operators, or whether it is null."""

    property: str
    text: PropertyTextFilter | None = UNSET
    number: PropertyNumberFilter | None = UNSET
    boolean: PropertyBooleanFilter | None = UNSET
    is_null: bool | None = UNSET


@strawberry.input
class TimesFilter:
    """How often: one comparison."""

    eq: int | None = UNSET
    ne: int | None = UNSET
    gt: int | None = UNSET
    gte: int | None = UNSET
    lt: int | None = UNSET
    lte: int | None = UNSET
    between: list[int] | None = UNSET


@strawberry.input
class NextBehaviourFilter:
    """What they did, or did not do, after that; `within` it, such as `2h`."""

    did: str | None = UNSET
    did_not: str | None = UNSET
    where: list[PropertyFilter] | None = UNSET
    within: str | None = UNSET


@strawberry.input
class BehaviourFilter:
    """What they did or did not do, by the name of a tracked event.

    `within` is how long ago at most, such as `30d`, `12h` or `15m`; `since` and `until` are
    moments, also as `@now-7d`. All of `where` holds for an event; `count` goes with `did`.
    """

    did: str | None = UNSET
    did_not: str | None = UNSET
    where: list[PropertyFilter] | None = UNSET
    within: str | None = UNSET
    since: str | None = UNSET
    until: str | None = UNSET
    count: TimesFilter | None = UNSET
    then: NextBehaviourFilter | None = UNSET


@strawberry.input
class ConsentFilter:
    """Somebody's last word on a channel and a purpose: `granted` unless said otherwise.

    Channels are `email`, `sms`, `phone`, `messenger` and `post`; states `granted`, `denied`,
    `withdrawn`, `expired` and `unknown`.
    """

    channel: str
    purpose: str
    state: list[str] | None = UNSET


@strawberry.input
class SegmentFilter:
    """Who belongs to segments, or to none of them: one operator, and `asOf` for another moment."""

    eq: str | None = UNSET
    ne: str | None = UNSET
    in_: list[str] | None = strawberry.field(default=UNSET, name="in")
    nin: list[str] | None = UNSET
    as_of: str | None = UNSET
