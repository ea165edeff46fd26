"""The types that every shape is made of: bounded, cleaned, without surprises for PostgreSQL."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Optional, cast, get_args
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    create_model,
)
from pydantic.fields import FieldInfo

from crm_api.kit.values import codes, text

# PostgreSQL's bigint and timestamptz are wider than what a client can mean.
INT64 = 2**63 - 1
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _no_number(value: Any) -> Any:
    # That would be the seconds since 1970, which nobody means by 2026.
    is_text = isinstance(value, str)
    if isinstance(value, int | float) or (is_text and "-" not in value[1:]):
        raise ValueError("a date or time is text as in RFC 3339")
    return value


def _instant(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("a time needs a zone, such as Z or +02:00")
    # Before it is converted, which the first and the last days of all cannot be.
    if not EARLIEST <= value < LATEST:
        raise ValueError("a time lies between the years 1900 and 2200")
    return value.astimezone(UTC)


def _day(value: date) -> date:
    if not EARLIEST.date() <= value < LATEST.date():
        raise ValueError("a date lies between the years 1900 and 2200")
    return value


def _birthday(value: date) -> date:
    if not date(1850, 1, 1) <= value <= datetime.now(UTC).date():
        raise ValueError("a birth date lies in the past, after 1850")
    return value


def _cleaned(value: str) -> str:
    value = text.clean(value)
    if not value:
        raise ValueError("must not be blank")
    return value


Cleaned = AfterValidator(_cleaned)
"""Text in NFC, without control characters and outer blanks, of which something is left."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200), Cleaned]
Line = Annotated[str, StringConstraints(min_length=1, max_length=500), Cleaned]
Prose = Annotated[str, StringConstraints(min_length=1, max_length=20_000), Cleaned]
Tag = Annotated[str, StringConstraints(min_length=1, max_length=60), Cleaned]
Short = Annotated[str, StringConstraints(min_length=1, max_length=60), Cleaned]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Int = Annotated[int, Field(ge=0, le=INT64)]
NoNumber = BeforeValidator(_no_number)
Instant = Annotated[datetime, NoNumber, AfterValidator(_instant)]
Day = Annotated[date, NoNumber, AfterValidator(_day)]
BirthDate = Annotated[date, NoNumber, AfterValidator(_birthday)]
Country = Annotated[
    str,
    StringConstraints(min_length=2, max_length=60),
    AfterValidator(codes.country),
    Field(
        description="ISO 3166-1 alpha-2; names and alpha-3 codes are understood.", examples=["DE"]
    ),
]
Language = Annotated[
    str,
    StringConstraints(min_length=2, max_length=60),
    AfterValidator(codes.language),
    Field(description="BCP 47 tag, such as `en` or `pt-BR`.", examples=["en"]),
]
TimeZone = Annotated[
    str,
    StringConstraints(min_length=2, max_length=60),
    AfterValidator(codes.time_zone),
    Field(description="IANA time zone, such as `Europe/Berlin`.", examples=["Europe/Berlin"]),
]
Currency = Annotated[
    str,
    StringConstraints(min_length=3, max_length=3),
    AfterValidator(codes.currency),
    Field(description="ISO 4217 code.", examples=["EUR"]),
]
Domain = Annotated[
    str, StringConstraints(min_length=3, max_length=253), AfterValidator(codes.domain)
]
Url = Annotated[str, StringConstraints(min_length=3, max_length=2000), AfterValidator(codes.url)]


def _unique(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


Unique = AfterValidator(_unique)
"""A list of texts of which repeats are dropped."""


def _storable(value: Any) -> Any:
    _need_storable(value)
    return value


def _need_storable(value: Any) -> None:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            raise ValueError("not text that can be stored")
    elif isinstance(value, dict):
        for key, inner in cast("dict[str, Any]", value).items():
            _need_storable(key)
            _need_storable(inner)
    elif isinstance(value, list):
        for inner in cast("list[Any]", value):
            _need_storable(inner)


Storable = AfterValidator(_storable)
"""Any JSON whose texts PostgreSQL takes."""

Tags = Annotated[list[Tag], Field(max_length=100), Unique]


def _amount(value: Any) -> Any:
    if isinstance(value, int | float):
        raise ValueError("money is a decimal string, never a number")  # noqa: TRY004
    return value


# What digits there may be stands first: behind a validator of its own Python counts them.
Amount = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=4, allow_inf_nan=False, ge=0),
    BeforeValidator(_amount),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,14}(\.\d{1,4})?$", "examples": ["9.90"]}),
]
"""Money in, at most four decimals; on the wire a decimal string."""

SignedAmount = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=4, allow_inf_nan=False),
    BeforeValidator(_amount),
    WithJsonSchema(
        {"type": "string", "pattern": r"^-?\d{1,14}(\.\d{1,4})?$", "examples": ["-1.50"]}
    ),
]
"""An amount that is added or taken away."""


def exact_text(value: Any) -> Any:
    """What an exact number is read from; raises `ValueError` where digits may be lost."""
    if isinstance(value, int | float):
        raise ValueError("a decimal string, never a number")  # noqa: TRY004
    return value


Quantity = Annotated[
    Decimal,
    Field(max_digits=18, decimal_places=6, allow_inf_nan=False, ge=0),
    BeforeValidator(exact_text),
    WithJsonSchema({"type": "string", "pattern": r"^\d{1,12}(\.\d{1,6})?$", "examples": ["2.5"]}),
]
"""A quantity in, at most six decimals; on the wire a decimal string."""

QuantityOut = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["2.5"]})
]
"""A quantity out: a decimal string without idle zeros."""

AmountOut = Annotated[
    str, WithJsonSchema({"type": "string", "pattern": r"^-?\d+\.\d+$", "examples": ["1234.50"]})
]
"""Money out: a decimal string with at least two decimals."""

Source = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_\-]{0,39}$")]
_EXTERNAL = Field(
    max_length=20,
    description="This record's ids in other systems, by the name of the system.",
    examples=[{"hubspot": "151"}],
)


class _Merged:
    """Marks an object whose names are changed one by one."""


Merged = _Merged()
"""An object that a patch merges: what it does not name stays, null takes a value away."""
ExternalIds = Annotated[dict[Source, Name], _EXTERNAL, Merged]

Custom = Annotated[
    dict[Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")], Any],
    Field(
        max_length=200,
        description="Values of custom fields by name; `GET /v1/custom-fields` tells which there are.",
    ),
]


_NOT_SCHEMAS = frozenset({"default", "expected", "metadata"})


def _make_exact(node: Any) -> None:
    """Take the documented types of numbers and booleans at their word.

    Strict for all types it cannot be: dates and ids come as text.
    """
    if isinstance(node, dict):
        found = cast("dict[str, Any]", node)
        # Not in a set: of the fields of a shape, one may be called `type`.
        if found.get("type") in ("int", "bool"):
            found["strict"] = True
        for key in found.keys() - _NOT_SCHEMAS:
            _make_exact(found[key])
    elif isinstance(node, list):
        for inner in cast("list[Any]", node):
            _make_exact(inner)


class Shape(BaseModel):
    """What goes in or comes out; how it is read and written is worked out at its first use.

    A process uses few of all there are, and what works it out takes megabytes (ADR-0119).
    """

    model_config = ConfigDict(defer_build=True)


class Schema(Shape):
    """What comes in: an unknown field is an error, never ignored; `false` and `"1"` are no 1."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: type[BaseModel], handler: GetCoreSchemaHandler
    ) -> Any:
        made = handler(source)
        _make_exact(made)
        return made


class Create(Schema):
    """What a new record of any kind may carry."""

    owner_id: UUID | None = Field(None, description="The user who is responsible.")
    custom: Custom = Field(default_factory=dict)
    external_ids: ExternalIds = Field(default_factory=dict)


Translations = Annotated[dict[Language, Name], Field(max_length=50), Merged]
"""What something is called in other languages, by BCP 47 tag."""
LongTranslations = Annotated[dict[Language, Prose], Field(max_length=50), Merged]
_NAMES = "What it is called in other languages than the organization's, by BCP 47 tag."


class TranslatedFields(Schema):
    """What something may be called in other languages."""

    names: Translations = Field(
        default_factory=dict, description=_NAMES, examples=[{"de": "Beispiel"}]
    )


class TranslatedOut(Shape):
    """What something is called in other languages."""

    names: dict[str, str] = Field(description=_NAMES)


class DescribedFields(Schema):
    """What may be said about a record of any kind."""

    tags: Tags = Field(default_factory=list)
    source: Name | None = Field(None, description="Where the record comes from.")
    description: Prose | None = None


class DescribedOut(Shape):
    """What is said about a record of any kind."""

    tags: list[str]
    source: str | None
    description: str | None


class Update(Schema):
    """JSON merge patch (RFC 7396): absent leaves, null clears."""


def patch_of(name: str, create: type[Create], *, required: Iterable[str] = ()) -> type[Update]:
    """The merge patch shape of a creation shape: the same fields, each optional and nullable.

    Fields without a default in `create`, and those in `required`, cannot be cleared. A list that
    is cleared is empty.
    """
    kept = {n for n, info in create.model_fields.items() if info.is_required()} | set(required)
    fields: dict[str, Any] = {}
    for field_name, info in create.model_fields.items():
        annotation = rebuild_annotation(info)
        if Merged in info.metadata:
            annotation = _nullable(info)
        if field_name not in kept and annotation is not Any:
            annotation = Optional[annotation]  # noqa: UP045 - built at run time
            if info.default_factory is list:
                annotation = Annotated[annotation, AfterValidator(_or_empty)]
        fields[field_name] = (annotation, Field(None, description=info.description))
    return create_model(name, __base__=Update, __doc__=Update.__doc__, **fields)


def pascal(name: str) -> str:
    """`api_key` as `ApiKey`."""
    return "".join(word.capitalize() for word in name.split("_"))


@cache
def upsert_of(name: str, create: type[Create]) -> type[Update]:
    """The shape of what creates or changes: a merge patch of what is there, or of nothing."""
    return patch_of(name, create)


def _nullable(info: FieldInfo) -> Any:
    """An object of which a patch may take values away."""
    key, value = get_args(info.annotation)
    inner = value if value is Any else Optional[value]  # noqa: UP045 - built at run time
    return Annotated[dict[key, inner], *info.metadata]


def _or_empty(value: list[Any] | None) -> list[Any]:
    return [] if value is None else value


def rebuild_annotation(info: FieldInfo) -> Any:
    """A field's type with its constraints, as it was declared."""
    if not info.metadata:
        return info.annotation
    return Annotated[info.annotation, *info.metadata]


class Out(Shape):
    """What every record shows."""

    id: UUID = Field(description="UUIDv7.")
    created_at: datetime = Field(description="RFC 3339, UTC.")
    updated_at: datetime = Field(description="RFC 3339, UTC.")
    created_by: UUID | None = Field(description="The key or user that made it.")
    version: int = Field(description="Grows by one with each change; the ETag.")
    owner_id: UUID | None = Field(description="The user who is responsible.")
    custom: dict[str, Any] = Field(description="Values of custom fields by name.")
    external_ids: dict[str, str] = Field(description="Ids in other systems.")
    deleted_at: datetime | None = Field(description="Set while the record is in the bin.")


class TombstoneOut(Shape):
    """A record that is in the bin or gone, or whose id leads to another one."""

    id: UUID
    deleted_at: datetime
    merged_into: UUID | None
