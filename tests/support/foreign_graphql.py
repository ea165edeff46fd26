"""Fields of GraphQL and what their arguments may be, with ids of another organization among them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    is_required_input_field,
)

from support.factories import KINDS, Body, Kind
from support.foreign import Shapes
from support.graph import body_as_graph, pascal

_SCALARS: dict[str, Any] = {
    "UUID": {"format": "uuid"},
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "Date": {"format": "date"},
    "DateTime": {"format": "date-time"},
    "JSON": {"type": "object"},
    "Decimal": {"const": "1"},
}


@dataclass(frozen=True)
class Asked:
    """A field of a root that takes ids."""

    operation: str
    name: str
    field: GraphQLField
    shapes: Shapes

    @property
    def makes(self) -> bool:
        """Whether its input may be what makes a record."""
        return re.match("(create|upsert)[A-Z]", self.name) is not None

    def document(self, variables: Body) -> str:
        """What asks for it with some arguments."""
        types = ", ".join(f"${n}: {self.field.args[n].type}" for n in variables)
        given = ", ".join(f"{n}: ${n}" for n in variables)
        type = get_named_type(self.field.type)
        shown = "stored results { status }" if type.name.endswith("BulkReport") else "__typename"
        inner = "" if is_leaf_type(type) else f" {{ {shown} }}"
        return f"{self.operation}({types}) {{ {self.name}({given}){inner} }}"

    def holding(self, least: Body | None = None) -> Iterator[Body]:
        """Variables in each of which one id is theirs; `least` is the input that makes a record."""
        arguments = self.field.args.items()
        schema = {
            "properties": {name: schema_of(a.type) for name, a in arguments},
            "required": [name for name, a in arguments if is_required_argument(a)],
        }
        base = self.shapes.least(schema)
        if least is not None:
            body = body_as_graph(least)
            base |= {n: body if n == "input" else [body] for n in base if n in {"input", "inputs"}}
        elif self.name.startswith("update"):
            base |= {"input": {}} if "input" in base else {}
        return self.shapes.holding(schema, base)


class Fields:
    """The fields of the roots that take ids, by what they are about."""

    def __init__(self, schema: GraphQLSchema) -> None:
        inputs = {
            name: type
            for name, type in schema.type_map.items()
            if isinstance(type, GraphQLInputObjectType)
        }
        shapes = Shapes({"components": {"schemas": {n: _object(t) for n, t in inputs.items()}}})
        self._found: dict[str | None, list[Asked]] = {}
        words = {word.lower(): k.name for k in KINDS for word in (k.type, pascal(k.name))}
        for root in (schema.query_type, schema.mutation_type):
            assert root is not None
            for name, field in root.fields.items():
                fits = [word for word in words if word in name.lower()]
                about = words[max(fits, key=len)] if fits else None
                asked = Asked(root.name.lower(), name, field, shapes)
                if any(_holds_id(a.type) for a in field.args.values()):
                    self._found.setdefault(about, []).append(asked)

    def about(self, kind: Kind | None) -> list[Asked]:
        """The fields about a collection, or about none of them."""
        return self._found.get(kind.name if kind else None, [])


def schema_of(type: Any) -> dict[str, Any]:
    """A type of input as JSON Schema."""
    if isinstance(type, GraphQLNonNull):
        return schema_of(type.of_type)
    if isinstance(type, GraphQLList):
        return {"type": "array", "items": schema_of(type.of_type), "minItems": 1}
    if isinstance(type, GraphQLEnumType):
        return {"enum": list(type.values)}
    if isinstance(type, GraphQLInputObjectType):
        return {"type": "object"} if _is_filter(type) else {"$ref": type.name}
    return _SCALARS.get(type.name, {"type": "string"})


def _object(type: GraphQLInputObjectType) -> dict[str, Any]:
    fields = type.fields
    return {
        "properties": {name: schema_of(field.type) for name, field in fields.items()},
        "required": [name for name, field in fields.items() if is_required_input_field(field)],
    }


def _is_filter(type: Any) -> bool:
    """Whether it is a filter, which finds nothing by other ids (`test_foreign_ids.py`)."""
    return get_named_type(type).name.endswith("Where")


def _holds_id(type: Any, depth: int = 0) -> bool:
    named = get_named_type(type)
    if isinstance(named, GraphQLInputObjectType) and not _is_filter(named):
        return depth < 3 and any(_holds_id(f.type, depth + 1) for f in named.fields.values())
    return named.name == "UUID"
