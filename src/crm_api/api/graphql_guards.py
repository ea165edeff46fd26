"""Fields of the root types are not there for an organization that has their module disabled."""

from collections.abc import Callable, Iterable, Mapping
from inspect import isawaitable
from typing import Any

from graphql import GraphQLField, GraphQLSchema
from strawberry import Schema
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition

from crm_api.kit.module import Module
from crm_api.kit.switches import TERRITORY


def guard(schema: Schema, modules: Iterable[Module]) -> None:
    """Have each root field of a module that can be switched off look whether it is."""
    core: GraphQLSchema = schema._schema  # noqa: SLF001 # pyright: ignore[reportPrivateUsage]
    for module in modules:
        if module.switchable:
            _guard(schema, core.query_type, module.shown.queries, module.key)
            _guard(schema, core.mutation_type, module.shown.mutations, module.key)
            _guard(schema, core.subscription_type, module.shown.subscriptions, module.key)


def _guard(schema: Schema, root: Any, types: Iterable[type], key: str) -> None:
    known: Mapping[str, GraphQLField] = root.fields
    for name in (name for made in types for name in _names(schema, made)):
        TERRITORY.fields[root.name, name] = frozenset({key})
        field = known[name]
        assert field.resolve is not None
        field.resolve = _guarded(field.resolve, root.name, name)


def _names(schema: Schema, made: type) -> list[str]:
    definition: StrawberryObjectDefinition = get_object_definition(made, strict=True)
    return [schema.config.name_converter.get_graphql_name(field) for field in definition.fields]


def _guarded(resolve: Callable[..., Any], root: str, name: str) -> Callable[..., Any]:
    async def guarded(source: Any, info: Any, /, **arguments: Any) -> Any:
        info.context.tx.catalogue.switches.need_field(root, name)
        found = resolve(source, info, **arguments)
        return await found if isawaitable(found) else found

    return guarded
