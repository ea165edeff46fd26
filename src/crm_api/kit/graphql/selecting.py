"""Which fields a selection has once fragments and directives are worked out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    NamedTypeNode,
    SelectionNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)


def chosen(selection: SelectionNode, variables: Mapping[str, Any]) -> bool:
    """Whether `@skip` and `@include` leave a selection in."""
    for directive in selection.directives or ():
        name = directive.name.value
        if name in {"skip", "include"}:
            value = next(iter(directive.arguments or ())).value
            if isinstance(value, BooleanValueNode):
                told = value.value
            else:
                assert isinstance(value, VariableNode)
                told = variables.get(value.name.value)
            if told is (name == "skip"):
                return False
    return True


@dataclass(frozen=True)
class Selector:
    """Collects fields as the specification's CollectFields does."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]

    def fields(
        self, parent: GraphQLObjectType, selected: Iterable[SelectionSetNode | None]
    ) -> dict[str, list[FieldNode]]:
        """The fields by the name under which they are answered, in the order of the answer."""
        found: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        for each in selected:
            if each is not None:
                self._collect(parent, each, found, spread)
        return found

    def _collect(
        self,
        parent: GraphQLObjectType,
        selected: SelectionSetNode,
        found: dict[str, list[FieldNode]],
        spread: set[str],
    ) -> None:
        for selection in selected.selections:
            if not chosen(selection, self.variables):
                continue
            if isinstance(selection, FieldNode):
                key = (selection.alias or selection.name).value
                found.setdefault(key, []).append(selection)
                continue
            inner: InlineFragmentNode | FragmentDefinitionNode
            if isinstance(selection, FragmentSpreadNode):
                name = selection.name.value
                if name in spread:
                    continue
                spread.add(name)
                inner = self.fragments[name]
            else:
                assert isinstance(selection, InlineFragmentNode)
                inner = selection
            if self._applies(inner.type_condition, parent):
                self._collect(parent, inner.selection_set, found, spread)

    def _applies(self, condition: NamedTypeNode | None, parent: GraphQLObjectType) -> bool:
        if condition is None or condition.name.value == parent.name:
            return True
        named = self.schema.type_map[condition.name.value]
        return is_abstract_type(named) and self.schema.is_sub_type(named, parent)
