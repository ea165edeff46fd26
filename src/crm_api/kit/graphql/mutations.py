"""Mutations: each happens wholly or not at all, and can be rehearsed."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

import strawberry
from graphql import FieldNode, GraphQLNonNull, GraphQLSchema
from pydantic import BaseModel, ValidationError
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions.field_extension import FieldExtension
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField

from crm_api.kit.db.rehearsal import rehearsal
from crm_api.kit.db.tx import Tx
from crm_api.kit.faults import invalid_body
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.types import values_of


class Atomic(FieldExtension):
    """Has a mutation happen wholly or not at all, whatever its neighbours do.

    With `dryRun` it is checked and answered as if done, and rolled back.
    """

    def apply(self, field: StrawberryField) -> None:
        """Give the mutation its argument."""
        dry_run = StrawberryArgument(
            python_name="dry_run",
            graphql_name=None,
            type_annotation=StrawberryAnnotation(bool),
            description="Check and answer as if done, but store nothing.",
            default=False,
        )
        field.arguments = [*field.arguments, dry_run]

    # By place only: a mutation may have an argument of the name `source`.
    async def resolve_async(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        next_: Callable[..., Awaitable[Any]],
        source: Any,
        info: GraphInfo,
        /,
        *,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The resolver's answer."""
        async with _part(info.context.tx, info, dry_run=dry_run):
            return await next_(source, info, **kwargs)


class Insistent(FieldExtension):
    """Lets a mutation store what the policy for duplicates would refuse."""

    def apply(self, field: StrawberryField) -> None:
        """Give the mutation its argument."""
        allowed = StrawberryArgument(
            python_name="allow_duplicates",
            graphql_name=None,
            type_annotation=StrawberryAnnotation(bool),
            description="Store it even where the policy blocks duplicates.",
            default=False,
        )
        field.arguments = [*field.arguments, allowed]

    # By place only: a mutation may have an argument of the name `source`.
    async def resolve_async(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        next_: Callable[..., Awaitable[Any]],
        source: Any,
        info: GraphInfo,
        /,
        *,
        allow_duplicates: bool = False,
        **kwargs: Any,
    ) -> Any:
        """The resolver's answer."""
        tx = info.context.tx
        before, tx.allow_duplicates = tx.allow_duplicates, allow_duplicates
        try:
            return await next_(source, info, **kwargs)
        finally:
            tx.allow_duplicates = before


def _part(tx: Tx, info: GraphInfo, *, dry_run: bool) -> AbstractAsyncContextManager[None]:
    if dry_run:
        return rehearsal(tx)
    roots = info.operation.selection_set.selections
    return tx.atomic(alone=len(roots) == 1 and isinstance(roots[0], FieldNode))


def mutation(
    resolver: Callable[..., Any] | None = None,
    *,
    extensions: Sequence[FieldExtension] = (),
    **options: Any,
) -> Any:
    """A mutation of the schema; the only way to declare one."""
    made = strawberry.mutation(extensions=[*extensions, Atomic()], **options)
    return made if resolver is None else made(resolver)


def answer_apart(schema: GraphQLSchema) -> None:
    """Have mutations that fail be null by themselves (ADR-0125).

    What their neighbours did is stored, so it is told: a field that is never null would take all of
    the answer with it.
    """
    if schema.mutation_type is None:
        return
    for field in schema.mutation_type.fields.values():
        if isinstance(field.type, GraphQLNonNull):
            field.type = field.type.of_type


def shape_given(shape: type[BaseModel], given: Any, pointer: str = "") -> Any:
    """The REST shape of an input, validated by the same rules; raises `Invalid`.

    `pointer` is where in the request the input stands.
    """
    try:
        return shape.model_validate(values_of(given))
    except ValidationError as error:
        raise invalid_body(error.errors(include_url=False)).under(pointer) from None
