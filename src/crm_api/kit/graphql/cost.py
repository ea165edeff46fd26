"""What a document costs, counted before anything is read.

A field without fields of its own costs nothing, `totalCount` and
`estimatedCount` cost 10, every other field costs one
and what its fields cost. What a connection lists counts once per record of the page that is asked
for (`first`), whether so many are found or not; what a change of many lists, once per item that it
is given. A change costs 10 more. Fragments count each time
they are spread; what `@skip` and `@include` leave out does not count.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_list_type,
)

from crm_api.kit.crud.bulk import MOST
from crm_api.kit.graphql.selecting import chosen
from crm_api.kit.query.page import MAX_LIMIT

TOTAL = 10
COUNTS = ("totalCount", "estimatedCount")
MUTATION = 10
SIZES = ("first", "ids", "inputs", "operations")
"""The arguments that say how many records there may be."""
_Parent = GraphQLObjectType | GraphQLInterfaceType


def cost_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: Mapping[str, Any],
) -> int:
    """The cost of a valid operation with these variables."""
    root = schema.get_root_type(operation.operation)
    assert root is not None
    counted = _Counter(schema, fragments, variables).of(operation.selection_set, root, 1)
    if operation.operation is OperationType.MUTATION:
        counted += MUTATION * len(operation.selection_set.selections)
    return counted


def size_of(value: Any) -> Any:
    """How many records a value of such an argument stands for, as far as that can be told."""
    return len(cast("list[Any]", value)) if isinstance(value, list) else value


@dataclass
class _Counter:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    known: dict[tuple[str, int], int] = field(default_factory=dict[tuple[str, int], int])
    """Of fragments by the size of the page they are in: spread twice in each other, a few
    fragments would take for ever."""

    def of(self, selected: SelectionSetNode, parent: _Parent, rows: int) -> int:
        """The cost of a selection; `rows` is the page size where it is that of a connection."""
        chosen_ones = (s for s in selected.selections if chosen(s, self.variables))
        return sum(self._of_selection(selection, parent, rows) for selection in chosen_ones)

    def _of_selection(self, selection: SelectionNode, parent: _Parent, rows: int) -> int:
        if isinstance(selection, FieldNode):
            return self._of_field(selection, parent, rows)
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value, rows)
        assert isinstance(selection, InlineFragmentNode)
        condition = selection.type_condition
        inner = parent if condition is None else self._type(condition.name.value)
        return self.of(selection.selection_set, inner, rows)

    def _of_field(self, node: FieldNode, parent: _Parent, rows: int) -> int:
        if node.selection_set is None:
            return TOTAL if node.name.value in COUNTS else 0
        found = self.schema.get_field(parent, node.name.value)
        assert found is not None
        inner = cast("_Parent", get_named_type(found.type))
        is_list, size = is_list_type(get_nullable_type(found.type)), self._size(found, node)
        if is_list:
            # A list that says itself how many it has is not the page of a connection.
            return (size or rows) * (1 + self.of(node.selection_set, inner, 1))
        return 1 + self.of(node.selection_set, inner, size or 1)

    def _size(self, found: GraphQLField, node: FieldNode) -> int | None:
        """How many records a list, or each list directly below, may have; None if it isn't said."""
        name = next((name for name in SIZES if name in found.args), None)
        if name is None:
            return None
        asked = found.args[name].default_value
        for argument in node.arguments or ():
            if argument.name.value == name:
                value = argument.value
                if isinstance(value, IntValueNode):
                    asked = int(value.value)
                elif isinstance(value, ListValueNode):
                    asked = len(value.values)
                elif isinstance(value, VariableNode):
                    asked = size_of(self.variables.get(value.name.value, asked))
        most = MAX_LIMIT if name == "first" else MOST
        return min(max(asked, 1), most) if isinstance(asked, int) else most

    def _of_fragment(self, name: str, rows: int) -> int:
        key = name, rows
        if key not in self.known:
            found = self.fragments[name]
            parent = self._type(found.type_condition.name.value)
            self.known[key] = self.of(found.selection_set, parent, rows)
        return self.known[key]

    def _type(self, name: str) -> _Parent:
        return cast("_Parent", self.schema.type_map[name])
