"""Documents that were parsed and validated once, and what was worked out for them."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from graphql import (
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    Node,
    OperationDefinitionNode,
    OperationType,
    VariableNode,
    VariableValues,
    get_variable_values,
    parse,
)

from crm_api.kit.graphql.cost import SIZES, cost_of, size_of

T = TypeVar("T")
_MOST_ERRORS = 50


class Refused(Exception):
    """A request that is not carried out, and why."""

    def __init__(
        self, errors: Sequence[GraphQLError], extensions: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(errors)
        self.errors = errors
        self.extensions = extensions


class NoOperation(Exception):
    """The document has no such operation, or several and none is named."""


class Recent(Generic[T]):
    """The values that were used last, so many and no more."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: OrderedDict[Any, T] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Any, make: Callable[[], T]) -> T:
        """The value of a key, made on first use; what `make` raises is not remembered."""
        if key in self._known:
            self._known.move_to_end(key)
            return self._known[key]
        made = self._known[key] = make()
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return made


class Operation:
    """One operation of a valid document, with the plans and costs of its variants."""

    MOST = 16
    """How many combinations of directives' and page sizes' variables are remembered."""

    def __init__(
        self, schema: GraphQLSchema, document: "Document", node: OperationDefinitionNode
    ) -> None:
        self.schema = schema
        self.node = node
        self.fragments = document.fragments
        self.plans: Recent[Any] = Recent(self.MOST)
        self._costs: Recent[int] = Recent(self.MOST)
        self._switches, self._sizes = document.steering

    @property
    def kind(self) -> OperationType:
        """A query, a mutation or a subscription."""
        return self.node.operation

    def variables(self, given: Mapping[str, Any]) -> VariableValues:
        """The coerced variables; raises `Refused`."""
        found = get_variable_values(
            self.schema, self.node.variable_definitions or (), dict(given), max_errors=_MOST_ERRORS
        )
        if isinstance(found, VariableValues):
            return found
        raise Refused(found)

    def variant(self, variables: VariableValues) -> tuple[Any, ...]:
        """What of the variables decides which fields there are."""
        coerced = variables.coerced
        return tuple(coerced.get(name) for name in self._switches)

    def cost(self, variables: VariableValues) -> int:
        """What it costs with these variables."""
        coerced = variables.coerced
        sizes = tuple(size_of(coerced.get(name)) for name in self._sizes)
        return self._costs.get(
            (self.variant(variables), sizes),
            lambda: cost_of(self.schema, self.node, self.fragments, coerced),
        )


class Document:
    """A parsed document, and what is wrong with it."""

    def __init__(
        self, schema: GraphQLSchema, node: DocumentNode, errors: Sequence[GraphQLError]
    ) -> None:
        self.node = node
        self.errors = errors
        self.fragments = {
            found.name.value: found
            for found in node.definitions
            if isinstance(found, FragmentDefinitionNode)
        }
        self.steering = _steering(node)
        self._operations = {
            found.name.value if found.name else None: Operation(schema, self, found)
            for found in node.definitions
            if isinstance(found, OperationDefinitionNode)
        }

    def operation(self, name: str | None) -> Operation:
        """The operation of this name, or the only one; raises `NoOperation` and `Refused`."""
        if name is None and len(self._operations) == 1:
            found = next(iter(self._operations.values()))
        else:
            found = self._operations.get(name) if name is not None else None
        if found is None:
            raise NoOperation
        if found.schema.get_root_type(found.kind) is None:
            raise Refused([GraphQLError(f"There are no {found.kind.value}s here.", found.node)])
        return found


class Documents:
    """Parses and validates each text once; long ones are not remembered."""

    MOST = 300
    LONGEST = 20_000

    def __init__(
        self,
        schema: GraphQLSchema,
        validate: Callable[[DocumentNode], Sequence[GraphQLError]],
        *,
        max_tokens: int,
    ) -> None:
        self._schema, self._validate, self._max_tokens = schema, validate, max_tokens
        self._known: Recent[Document] = Recent(self.MOST)

    def __len__(self) -> int:
        return len(self._known)

    def get(self, text: str) -> Document:
        """The document of a text; raises `Refused`."""
        if len(text) > self.LONGEST:
            document = self._read(text)
        else:
            document = self._known.get(text, lambda: self._read(text))
        if document.errors:
            raise Refused(document.errors)
        return document

    def _read(self, text: str) -> Document:
        try:
            node = parse(text, max_tokens=self._max_tokens)
        except GraphQLError as error:
            raise Refused([error]) from None
        except RecursionError:
            raise Refused([GraphQLError("The document is nested too deeply.")]) from None
        return Document(self._schema, node, self._validate(node))


def _steering(document: DocumentNode) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The variables of directives, and those that tell how many records there may be."""
    switches: dict[str, None] = {}
    sizes: dict[str, None] = {}
    left: list[Node] = [document]
    while left:
        node = left.pop()
        if isinstance(node, DirectiveNode):
            _note(node.arguments or (), switches)
        elif isinstance(node, ArgumentNode) and node.name.value in SIZES:
            _note([node], sizes)
        left += _below(node)
    return tuple(switches), tuple(sizes)


def _note(arguments: Sequence[ArgumentNode], names: dict[str, None]) -> None:
    for argument in arguments:
        if isinstance(argument.value, VariableNode):
            names[argument.value.name.value] = None


def _below(node: Node) -> list[Node]:
    found: list[Node] = []
    for key in node.keys:
        value = getattr(node, key, None)
        several = value if isinstance(value, list | tuple) else (value,)
        found.extend(each for each in several if isinstance(each, Node))
    return found
