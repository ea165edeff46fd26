"""Strawberry types made from the pydantic shapes; rows are read by attribute."""

import types
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from inspect import get_annotations
from typing import Annotated, Any, Literal, Optional, TypeVar, Union, cast, get_args, get_origin
from uuid import UUID

import msgspec
import strawberry
from graphql import GraphQLError, ValueNode, value_from_ast_untyped
from pydantic import BaseModel
from pydantic.fields import FieldInfo
from strawberry.scalars import JSON
from strawberry.types.base import has_object_definition

from crm_api.kit.db.json import decode
from crm_api.kit.graphql.nodes import Node
from crm_api.kit.schema import Out

T = TypeVar("T")
DEFAULT = "default"
"""The key of a field's metadata: what it is where nothing is stored."""
_outputs: dict[type[BaseModel], type] = {}
_inputs: dict[type[BaseModel], type] = {}


def resolve(source: Any, name: str) -> Any:
    """The default resolver: struct, row or dictionary; JSON columns are parsed here."""
    if isinstance(source, Mapping):
        value = cast("Mapping[str, Any]", source).get(name)
    else:
        value = getattr(source, name)
    return decode(value) if isinstance(value, msgspec.Raw) else value


def _instant(value: datetime | str) -> str:
    if isinstance(value, str):
        return value
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _day(value: date | str) -> str:
    return value if isinstance(value, str) else value.isoformat()


def _parse_instant(value: str) -> datetime:
    found = datetime.fromisoformat(value)
    if found.tzinfo is None:
        raise ValueError("a time needs a zone, such as Z or +02:00")
    return found


def _scalar(
    name: str,
    parse: Callable[[str], Any],
    serialize: Callable[[Any], str],
    description: str | None = None,
) -> Any:
    """A scalar that is a string on the wire; all else is an error in the document."""

    def parse_value(value: object) -> Any:
        if not isinstance(value, str):
            raise GraphQLError(f"{name} is a string.")
        try:
            return parse(value)
        except ValueError as error:
            raise GraphQLError(f"{value[:60]!r} is not a {name}: {error}.") from None

    def parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        try:
            return parse_value(value_from_ast_untyped(node, variables))
        except GraphQLError as error:
            raise GraphQLError(error.message, node) from None

    return strawberry.scalar(
        name=name,
        description=description,
        serialize=serialize,
        parse_value=parse_value,
        parse_literal=parse_literal,
    )


SCALARS: dict[object, Any] = {
    datetime: _scalar("DateTime", _parse_instant, _instant, "RFC 3339, UTC."),
    date: _scalar("Date", date.fromisoformat, _day, "YYYY-MM-DD."),
    UUID: _scalar("UUID", UUID, str),
}


def type_from(shape: type[BaseModel]) -> Callable[[type[T]], type[T]]:
    """Make a class the GraphQL type of an `Out` shape, beside the fields it declares itself."""

    def decorate(cls: type[T]) -> type[T]:
        assert shape not in _outputs, f"{shape.__name__} has a type; `registry.shown` keeps order"
        own = get_annotations(cls)
        inherited: tuple[str, ...] = ()
        # A shape made of another one shows a record of that other kind.
        if Out in shape.__bases__:
            cls, inherited = _as_node(cls), ("id",)
        fields = {n: info for n, info in shape.model_fields.items() if n not in inherited}
        cls.__annotations__ = {n: _output(info.annotation) for n, info in fields.items()} | own
        for name, info in fields.items():
            setattr(cls, name, _shown(name, info, cls.__annotations__[name]))
        made = strawberry.type(cls, name=cls.__name__, description=shape.__doc__)
        _outputs[shape] = made
        return made

    return decorate


def _shown(name: str, info: FieldInfo, kind: Any) -> Any:
    """A field; what a JSON column lacks is what the shape says that it is then.

    What was said to be nothing is nothing.
    """
    default = None if info.is_required() else info.default
    if default is None:
        return strawberry.field(description=info.description)

    def given_or_default(root: Any) -> Any:
        value = resolve(root, name)
        is_said = isinstance(root, BaseModel) or (isinstance(root, Mapping) and name in root)
        return default if value is None and not is_said else value

    given_or_default.__annotations__["return"] = kind
    return strawberry.field(
        resolver=given_or_default, description=info.description, metadata={DEFAULT: default}
    )


def _as_node(cls: type[T]) -> type[T]:
    """The class as an implementation of `Node`, whose instances are rows and not its own."""
    members = {n: v for n, v in vars(cls).items() if n not in {"__dict__", "__weakref__"}}
    members["is_type_of"] = classmethod(_any_row)
    return cast("type[T]", type(cls.__name__, (Node,), members))


def _any_row(_cls: type, _row: object, _info: object) -> bool:
    return True


def output_type(shape: type[BaseModel]) -> type:
    """The GraphQL type of a nested shape, made on first use."""
    if shape not in _outputs:
        type_from(shape)(type(shape.__name__.removesuffix("Out"), (), {}))
    return _outputs[shape]


def _output(annotation: Any) -> Any:
    return _mapped(annotation, output_type)


def input_from(shape: type[BaseModel]) -> type:
    """The GraphQL input of a shape; what is left out stays unset, which differs from null."""
    if shape not in _inputs:
        name = shape.__name__.removesuffix("Input") + "Input"
        fields: dict[str, Any] = {"__annotations__": {}}
        for key, info in shape.model_fields.items():
            kind = _mapped(info.annotation, input_from)
            if not info.is_required():
                kind = Optional[kind]  # noqa: UP045 - built at run time
                fields[key] = strawberry.field(
                    default=strawberry.UNSET, description=info.description
                )
            else:
                fields[key] = strawberry.field(description=info.description)
            fields["__annotations__"][key] = kind
        # Required fields come first, as dataclasses want them.
        ordered = sorted(shape.model_fields, key=lambda k: not shape.model_fields[k].is_required())
        fields["__annotations__"] = {k: fields["__annotations__"][k] for k in ordered}
        made = strawberry.input(type(name, (), fields), name=name)
        _inputs[shape] = made
    return _inputs[shape]


def _mapped(annotation: Any, nested: Callable[[type[BaseModel]], type]) -> Any:
    origin = get_origin(annotation)
    if annotation is Any:
        return Optional[JSON]  # noqa: UP045 - built at run time
    if origin is Annotated:
        return _mapped(get_args(annotation)[0], nested)
    if origin in {Union, types.UnionType}:
        parts = [a for a in get_args(annotation) if a is not type(None)]
        if len(parts) > 1:
            return Optional[JSON] if type(None) in get_args(annotation) else JSON  # noqa: UP045
        return Optional[_mapped(parts[0], nested)]  # noqa: UP045 - built at run time
    if origin is list:
        return list[_mapped(get_args(annotation)[0], nested)]
    if origin is Literal:
        return str
    if origin is dict or annotation is dict:
        return JSON
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return nested(annotation)
    if annotation in {UUID, datetime, date, str, int, bool, float}:
        return annotation
    return str


def values_of(given: Any) -> Any:
    """An input as the plain values that REST would have read, without what is unset."""
    if isinstance(given, list):
        return [values_of(item) for item in cast("list[Any]", given)]
    if has_object_definition(given):
        return {
            field.python_name: values_of(value)
            for field in given.__strawberry_definition__.fields
            if (value := getattr(given, field.python_name)) is not strawberry.UNSET
        }
    return given
