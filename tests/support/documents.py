"""Random GraphQL documents over the whole schema, valid ones."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_non_null_type,
    is_object_type,
)
from hypothesis import strategies as st

# What is read by other means than the planned ones has no place in the comparison of the two.
ROOTS = ("contacts", "contact", "companies", "company", "employments", "employment", "apiKeys")
ALIASES = 7
"""So many in a document; fragments may have each of them there twice, and 15 are allowed."""


@dataclass(frozen=True)
class Pool:
    """Values that mean something in the organization that is asked."""

    ids: list[str]
    filters: dict[str, list[Any]]
    cursors: list[str]
    sorts: list[str]
    views: list[str]


@dataclass
class _Maker:
    draw: Callable[[Any], Any]
    schema: GraphQLSchema
    pool: Pool
    fragments: list[str] = field(default_factory=list)
    variables: dict[str, tuple[str, Any]] = field(default_factory=dict)
    defaults: set[str] = field(default_factory=set)
    aliases: int = 0
    left: int = 40

    def one_of(self, *options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def chance(self, times: int) -> bool:
        return self.draw(st.integers(1, times)) == 1

    def variable(self, kind: str, value: Any) -> str:
        name = f"v{len(self.variables)}"
        self.variables[name] = (kind, value)
        return f"${name}"

    def declared(self, name: str) -> str:
        """A variable's type, sometimes with another one's value as its default."""
        kind, _ = self.variables[name]
        if not self.chance(4):
            return f"${name}: {kind}"
        self.defaults.add(name)
        others = [value for other, value in self.variables.values() if other == kind]
        return f"${name}: {kind} = {written(self.one_of(*others))}"

    def directive(self) -> str:
        if not self.chance(6):
            return ""
        name, on = self.one_of("skip", "include"), self.draw(st.booleans())
        value = self.variable("Boolean!", on) if self.chance(2) else str(on).lower()
        return f" @{name}(if: {value})"

    def selection(self, kind: GraphQLObjectType, depth: int) -> str:
        """Fields, some of them in fragments; each name is used for one thing only."""
        names = [name for name in kind.fields if depth > 1 or not self.below(kind.fields[name])]
        picked = self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=5))
        if kind.name.endswith(("Connection", "Edge")) and depth > 1:
            picked.append("nodes" if "nodes" in names else "node")
        parts: list[str] = []
        argued: set[str] = set()
        for name in picked:
            found = kind.fields[name]
            if found.args and name in argued:
                continue
            argued.add(name)
            parts.append(self.one(name, found, depth))
        if self.chance(4):
            parts.append(f"{self.alias('kind') if self.chance(2) else ''}__typename")
        return " ".join(self.wrapped(kind, part) for part in parts)

    def below(self, found: GraphQLField) -> bool:
        return is_object_type(get_named_type(found.type))

    def one(self, name: str, found: GraphQLField, depth: int) -> str:
        self.left -= 1
        alias = self.alias() if self.chance(4) else ""
        inner = get_named_type(found.type)
        text = f"{alias}{name}{self.arguments(found)}{self.directive()}"
        if isinstance(inner, GraphQLObjectType):
            depth = depth if self.left > 0 else min(depth, 2)
            text += f" {{ {self.selection(inner, depth - 1)} }}"
        return text

    def alias(self, name: str = "") -> str:
        """Another name for a field, as long as there may be more of them."""
        if self.aliases == ALIASES:
            return ""
        self.aliases += 1
        return f"{name or f'a{self.aliases}'}: "

    def wrapped(self, kind: GraphQLObjectType, part: str) -> str:
        if not self.chance(5):
            return part
        on = kind.name
        if self.chance(2):
            return f"... {self.one_of('', 'on ' + on)}{self.directive()} {{ {part} }}"
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {on} {{ {part} }}")
        return f"...{name}{self.directive()}" + (f" ...{name}" if self.chance(3) else "")

    def arguments(self, found: GraphQLField) -> str:
        given: list[str] = []
        for name, argument in found.args.items():
            if not is_non_null_type(argument.type) and not self.chance(5):
                continue
            if name in {"after", "search"} and not self.chance(3):
                continue
            # A past state is never planned, and a view rarely there.
            if name in {"asOf", "view", "deleted"} and not self.chance(8):
                continue
            kind = str(argument.type)
            nullable = not is_non_null_type(argument.type)
            value = None if nullable and self.chance(8) else self.value(name, kind)
            literal = self.variable(kind, value) if self.chance(2) else written(value)
            given.append(f"{name}: {literal}")
        return f"({', '.join(given)})" if given else ""

    def value(self, name: str, kind: str) -> Any:
        if name == "id":
            return self.draw(st.sampled_from(self.pool.ids))
        if name == "first":
            return self.one_of(0, 1, 2, 3, 20, 20, 20)
        if name == "where":
            return self.draw(st.sampled_from([None, *self.pool.filters.get(kind, ())]))
        if name == "orderBy":
            return [self.draw(st.sampled_from(self.pool.sorts))]
        if name == "after":
            return self.draw(st.sampled_from([None, None, *self.pool.cursors]))
        if name == "deleted":
            return self.one_of("include", "only", "never")
        if name == "asOf":
            return self.one_of("@now", "@now-1d", "soon")
        if name == "view":
            return self.draw(st.sampled_from([None, *self.pool.views]))
        assert name == "search", name
        return self.one_of("person", "example", "sample", "!")


def written(value: Any) -> str:
    """A value as a literal of the language."""
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {written(inner)}' for name, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(written, value))}]"
    return json.dumps(value)


@st.composite
def documents(draw: Any, schema: GraphQLSchema, pool: Pool) -> tuple[str, dict[str, Any]]:
    """A query, and its variables."""
    maker = _Maker(draw, schema, pool)
    query = schema.query_type
    assert query is not None
    roots = draw(st.lists(st.sampled_from(ROOTS), min_size=1, max_size=3, unique=True))
    fields = " ".join(maker.one(name, query.fields[name], 6) for name in roots)
    if maker.chance(5):
        fields += " __typename"
    declared = ", ".join(maker.declared(name) for name in maker.variables)
    head = f"query({declared})" if declared else "query"
    text = " ".join([f"{head} {{ {fields} }}", *maker.fragments])
    # A null and an absence differ for what has a default.
    variables = {
        name: value
        for name, (kind, value) in maker.variables.items()
        if (kind.endswith("!") and name not in maker.defaults) or not maker.chance(4)
    }
    return text, variables
