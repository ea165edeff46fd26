"""How deep and how wide a document may be, counted once per fragment."""

from dataclasses import dataclass, field

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    ValidationContext,
    ValidationRule,
)


@dataclass(frozen=True, slots=True)
class _Size:
    depth: int = 0
    aliases: int = 0


def size_limit(*, max_depth: int, max_aliases: int) -> type[ValidationRule]:
    """The rule that refuses what is larger; fragments that are missing or cyclic are others' work.

    Make it once: the cache of validations knows a rule by its identity.
    """

    class SizeLimit(ValidationRule):
        def __init__(self, context: ValidationContext) -> None:
            super().__init__(context)
            sizes = _Sizes(context)
            operations = [
                (found, sizes.of(found.selection_set))
                for found in context.document.definitions
                if isinstance(found, OperationDefinitionNode)
            ]
            for operation, size in operations:
                if size.depth > max_depth:
                    context.report_error(
                        GraphQLError(f"Nested deeper than {max_depth} fields.", operation)
                    )
            if sum(size.aliases for _, size in operations) > max_aliases:
                context.report_error(GraphQLError(f"More than {max_aliases} aliases."))

    return SizeLimit


@dataclass
class _Sizes:
    """Sizes by fragment: spread twice in each other, a few fragments would take for ever."""

    context: ValidationContext
    known: dict[str, _Size] = field(default_factory=dict[str, _Size])

    def of(self, selected: SelectionSetNode) -> _Size:
        """The depth below a selection, and the aliases in it."""
        sizes = [self._of_selection(selection) for selection in selected.selections]
        return _Size(max(size.depth for size in sizes), sum(size.aliases for size in sizes))

    def _of_selection(self, selection: SelectionNode) -> _Size:
        if isinstance(selection, FieldNode):
            return self._of_field(selection)
        if isinstance(selection, FragmentSpreadNode):
            return self._of_fragment(selection.name.value)
        assert isinstance(selection, InlineFragmentNode)
        return self.of(selection.selection_set)

    def _of_field(self, node: FieldNode) -> _Size:
        aliases = int(node.alias is not None)
        if node.selection_set is None:
            return _Size(0, aliases)
        inner = self.of(node.selection_set)
        # The library has a rule of its own for the depth of introspection.
        depth = 0 if node.name.value.startswith("__") else inner.depth + 1
        return _Size(depth, aliases + inner.aliases)

    def _of_fragment(self, name: str) -> _Size:
        if name not in self.known:
            self.known[name] = _Size()
            found: FragmentDefinitionNode | None = self.context.get_fragment(name)
            if found is not None:
                self.known[name] = self.of(found.selection_set)
        return self.known[name]
