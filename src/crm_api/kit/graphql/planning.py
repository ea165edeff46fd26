"""From a query's selection to a plan: which reads, and how their rows become the answer.

A plan covers what the shapes and listings declare. For all else `NotPlanned` is raised, and the
query is carried out field by field.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLScalarType,
    OperationType,
    VariableNode,
    VariableValues,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_list_type,
    is_non_null_type,
)
from strawberry import Schema
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from crm_api.kit.db.base import Json
from crm_api.kit.db.json import decode
from crm_api.kit.graphql.documents import Operation
from crm_api.kit.graphql.plans import Arguments, Connection, NodePlan, NotPlanned, Plan, Root
from crm_api.kit.graphql.reads import READS, Column, Many, One, Related
from crm_api.kit.graphql.selecting import Selector
from crm_api.kit.graphql.types import DEFAULT
from crm_api.kit.query.listing import Listing, Relation

_PASSED = frozenset({"ID", "UUID", "String", "Boolean", "DateTime", "Date", "JSON"})
"""Scalars whose columns encode to what the scalar would show."""
_INT = 2**31
Fix = Callable[[Any], Any]


def plan_of(schema: Schema, operation: Operation, variables: VariableValues) -> Plan:
    """The plan of an operation with these variables; raises `NotPlanned`."""
    if operation.kind is not OperationType.QUERY or None in operation.variant(variables):
        raise NotPlanned
    try:
        return _Planner(schema, operation, variables).plan()
    except GraphQLError:
        # An argument that its type refuses: the library says so, in its words and at its place.
        raise NotPlanned from None


@dataclass(frozen=True)
class _Slot:
    """A member of a row's struct."""

    key: str
    column: str
    fix: Fix | None = None


class _Planner:
    def __init__(self, schema: Schema, operation: Operation, variables: VariableValues) -> None:
        self.schema = schema
        self.core = schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
        self.operation = operation
        self.variables = variables
        self.selector = Selector(self.core, operation.fragments, variables.coerced)

    def plan(self) -> Plan:
        query = self.core.query_type
        assert query is not None
        roots: dict[str, Root | str] = {}
        for key, nodes in self.collect(query, [self.operation.node.selection_set]).items():
            found = self.field(query, nodes[0])
            roots[key] = query.name if found is None else self.root(found, nodes)
        return Plan(roots)

    def collect(
        self, parent: GraphQLObjectType, selected: Sequence[Any]
    ) -> dict[str, list[FieldNode]]:
        return self.selector.fields(parent, selected)

    def below(self, parent: GraphQLObjectType, nodes: list[FieldNode]) -> dict[str, Any]:
        return self.collect(parent, [node.selection_set for node in nodes])

    def field(self, parent: GraphQLObjectType, node: FieldNode) -> GraphQLField | None:
        """The field that a node asks for; None for the name of the type."""
        name = node.name.value
        if name == "__typename":
            return None
        if name not in parent.fields:
            raise NotPlanned
        return parent.fields[name]

    def root(self, found: GraphQLField, nodes: list[FieldNode]) -> Root:
        reads = _definition(found).metadata.get(READS)
        inner = _object(found)
        arguments = self.arguments(found, nodes[0])
        if isinstance(reads, Many):
            listing = reads.service.repository.listing
            return Root(reads.service, arguments, self.connection(inner, listing, nodes), None)
        if isinstance(reads, One):
            listing = reads.service.repository.listing
            return Root(reads.service, arguments, None, self.node(inner, listing, nodes))
        raise NotPlanned

    # Rows

    def node(self, kind: GraphQLObjectType, listing: Listing, nodes: list[FieldNode]) -> NodePlan:
        """How rows of a collection become objects of this type."""
        slots: list[_Slot] = []
        relations: dict[str, tuple[Relation, Arguments, NodePlan | Connection]] = {}
        for key, same in self.below(kind, nodes).items():
            found = self.field(kind, same[0])
            if found is None:
                # No column, but one must hold its place.
                slots.append(_Slot(key, "id", _constant(kind.name)))
                continue
            reads = _definition(found).metadata.get(READS)
            if isinstance(reads, Related):
                relation = listing.related[reads.relation]
                inner = self.relation(relation, found, same)
                relations[f"s{len(slots)}"] = relation, self.arguments(found, same[0]), inner
                slots.append(_Slot(key, relation.local.key))
            else:
                slots.append(self.column(key, listing, found, same))
        return self.rows(listing, slots, relations)

    def rows(self, listing: Listing, slots: list[_Slot], relations: dict[str, Any]) -> NodePlan:
        names = [f"s{n}" for n in range(len(slots))]
        renamed = {name: slot.key for name, slot in zip(names, slots, strict=True)}
        shape = msgspec.defstruct(
            listing.out.__name__, [(name, Any) for name in names], rename=renamed, gc=False
        )
        fixes = {
            name: slot.fix for name, slot in zip(names, slots, strict=True) if slot.fix is not None
        }
        fields = tuple(slot.column for slot in slots)
        return NodePlan(fields, shape, _finisher(fixes), relations)

    def relation(
        self, relation: Relation, found: GraphQLField, nodes: list[FieldNode]
    ) -> "NodePlan | Connection":
        listing, kind = relation.target(), _object(found)
        if relation.many:
            return self.connection(kind, listing, nodes)
        if is_non_null_type(found.type):
            raise NotPlanned
        return self.node(kind, listing, nodes)

    # Columns

    def column(
        self, key: str, listing: Listing, found: GraphQLField, nodes: list[FieldNode]
    ) -> _Slot:
        definition = _definition(found)
        name = definition.python_name
        own = definition.base_resolver is None or isinstance(definition.metadata.get(READS), Column)
        if not own or name not in listing.shown:
            raise NotPlanned
        stored = getattr(listing.model, name).property.columns[0]
        if stored.nullable and is_non_null_type(found.type):
            raise NotPlanned
        if isinstance(get_named_type(found.type), GraphQLObjectType):
            value = self.value(found, nodes)
            return _Slot(key, name, lambda raw: value(None if raw is None else decode(raw)))
        scalar = get_named_type(found.type).name
        if scalar == "Int" and not is_list_type(get_nullable_type(found.type)):
            return _Slot(key, name, _int)
        if scalar not in _PASSED or (_is_list(found) and not isinstance(stored.type, Json)):
            raise NotPlanned
        return _Slot(key, name)

    def value(self, found: GraphQLField, nodes: list[FieldNode]) -> Fix:
        """What shows a part of a JSON column."""
        inner = get_named_type(found.type)
        if isinstance(inner, GraphQLObjectType):
            show = self.part(inner, nodes)
        elif isinstance(inner, GraphQLScalarType):
            show = inner.serialize
        else:
            raise NotPlanned
        strict = is_non_null_type(found.type)
        many = _is_list(found)

        def shown(value: Any) -> Any:
            if value is None:
                if strict:
                    raise NotPlanned
                return None
            if many:
                if not isinstance(value, list) or None in value:
                    raise NotPlanned
                return [show(item) for item in cast("list[Any]", value)]
            return show(value)

        return shown

    def part(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Fix:
        """What shows an object within a JSON column."""
        members: list[tuple[str, str, Any, Fix]] = []
        for key, same in self.below(kind, nodes).items():
            found = self.field(kind, same[0])
            if found is None:
                members.append((key, "", None, _constant(kind.name)))
                continue
            definition = _definition(found)
            default = definition.metadata.get(DEFAULT)
            if definition.base_resolver is not None and default is None:
                raise NotPlanned
            members.append((key, definition.python_name, default, self.value(found, same)))
        return lambda given: {
            key: show(given.get(name, default)) for key, name, default, show in members
        }

    # Pages

    def connection(
        self, kind: GraphQLObjectType, listing: Listing, nodes: list[FieldNode]
    ) -> Connection:
        """How a page of a collection becomes a connection."""
        made = Connection(listing)
        for key, same in self.below(kind, nodes).items():
            found = self.field(kind, same[0])
            if found is None:
                made.add(key, lambda _page, _after: kind.name)
            elif (name := same[0].name.value) == "totalCount":
                made.count = "exact"
                made.add(key, lambda page, _after: page.total)
            elif name == "estimatedCount":
                made.count = made.count or "estimate"
                made.add(key, lambda page, _after: page.total)
            elif name == "pageInfo":
                made.add(key, self.page_info(_object(found), same))
            elif name == "nodes":
                made.show_rows(self.node(_object(found), listing, same))
                made.add(key, lambda page, _after: page.data)
            elif name == "edges":
                made.add(key, self.edges(made, _object(found), same))
            else:
                raise NotPlanned
        return made

    def edges(self, made: Connection, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Any:
        members: list[tuple[str, str]] = []
        for key, same in self.below(kind, nodes).items():
            name = same[0].name.value
            if name == "node":
                made.show_rows(self.node(_object(kind.fields[name]), made.listing, same))
            elif name not in {"cursor", "__typename"}:
                raise NotPlanned
            members.append((key, name))
        return _edges(members, kind.name)

    def page_info(self, kind: GraphQLObjectType, nodes: list[FieldNode]) -> Any:
        members = {key: same[0].name.value for key, same in self.below(kind, nodes).items()}
        if not set(members.values()) <= {*_PAGE_INFO, "__typename"}:
            raise NotPlanned
        readers = {
            key: _PAGE_INFO.get(name, lambda _page, _after: kind.name)
            for key, name in members.items()
        }
        return lambda page, after: {key: read(page, after) for key, read in readers.items()}

    # Arguments

    def arguments(self, found: GraphQLField, node: FieldNode) -> Arguments:
        """The arguments as the resolver would get them; worked out now if nothing varies."""
        definition = _definition(found)
        converter = self.schema.schema_converter

        def read(variables: VariableValues) -> dict[str, Any]:
            given = get_argument_values(found, node, variables)
            return convert_arguments(
                given, definition.arguments, converter.scalar_registry, self.schema.config
            )

        if any(_varies(argument) for argument in node.arguments or ()):
            return read
        constant = read(self.variables)
        return lambda _variables: constant


_PAGE_INFO: dict[str, Callable[[Any, str | None], Any]] = {
    "hasNextPage": lambda page, _after: page.next_cursor is not None,
    "hasPreviousPage": lambda _page, after: after is not None,
    "startCursor": lambda page, _after: page.cursors[0] if page.data else None,
    "endCursor": lambda page, _after: page.cursors[-1] if page.data else None,
}


def _edges(members: list[tuple[str, str]], kind: str) -> Callable[[Any, str | None], Any]:
    def edge(page: Any, place: int) -> dict[str, Any]:
        return {
            key: page.data[place]
            if name == "node"
            else page.cursors[place]
            if name == "cursor"
            else kind
            for key, name in members
        }

    return lambda page, _after: [edge(page, place) for place in range(len(page.data))]


def _finisher(fixes: dict[str, Fix]) -> Callable[[list[Any]], None] | None:
    if not fixes:
        return None

    def finish(rows: list[Any]) -> None:
        for name, fix in fixes.items():
            for row in rows:
                setattr(row, name, fix(getattr(row, name)))

    return finish


def _constant(value: str) -> Fix:
    return lambda _: value


def _int(value: Any) -> Any:
    if value is not None and not -_INT <= value < _INT:
        raise NotPlanned
    return value


def _definition(found: GraphQLField) -> StrawberryField:
    definition = found.extensions.get("strawberry-definition")
    if not isinstance(definition, StrawberryField):
        raise NotPlanned
    return definition


def _object(found: GraphQLField) -> GraphQLObjectType:
    kind = get_named_type(found.type)
    if not isinstance(kind, GraphQLObjectType):
        raise NotPlanned
    return kind


def _is_list(found: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(found.type))


def _varies(node: Any) -> bool:
    if isinstance(node, VariableNode):
        return True
    inner: list[Any] = []
    for key in node.keys:
        value = getattr(node, key, None)
        inner += value if isinstance(value, list | tuple) else [value]
    return any(_varies(each) for each in inner if hasattr(each, "keys"))
