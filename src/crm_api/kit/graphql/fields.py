"""The fields of a plain collection: one, a connection, and its mutations."""

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional, TypeVar
from uuid import UUID

import strawberry

from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.upserts import EXTERNAL, Expected, External, Upserted
from crm_api.kit.errors import Invalid, Merged, NotFound
from crm_api.kit.graphql.bulk import bulk_fields
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import Insistent, mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.reads import READS, Many, One
from crm_api.kit.graphql.relations import (
    asked,
    asks_count,
    changes_of,
    connected,
    connection_of,
)
from crm_api.kit.graphql.types import input_from
from crm_api.kit.query.changes import Changes
from crm_api.kit.query.moments import moment_of
from crm_api.kit.schema import Create, Name, Schema, Source, Update, pascal

T = TypeVar("T")
_ONLY_NEW = "with `onlyNew` it is refused where there is such a record."


@dataclass(frozen=True)
class Collection:
    """Builds the GraphQL face of a collection from what REST has."""

    service: type[CrudService[Any]]
    node: type
    made: type | None = None
    """What creation answers, where that is not the node itself."""

    @property
    def plural(self) -> str:
        """`contacts`."""
        return self.service.plural

    @property
    def single(self) -> str:
        """`contact`."""
        return self.service.repository.listing.entity

    def query(self) -> type:
        """`contact(id:)` and `contacts(where:, orderBy:, first:, after:)`."""
        fields = {self.single: self._one(), self.plural: self._many()}
        if self.service.plain:
            fields[f"{self.single}_changes"] = self._changes()
        if self.service.plain and self.service.upserts:
            fields[f"{self.single}_by_external_id"] = self._one_by_external()
        return strawberry.type(
            type(
                f"{pascal(self.plural)}Query",
                (),
                fields,
            )
        )

    def mutation(self) -> type:
        """Create, update, delete, restore, purge and, where it may be, upsert."""
        single = pascal(self.single)
        fields = {
            f"create_{self.single}": self._create(self.service.create_shape),
            f"update_{self.single}": self._update(self.service.update_shape),
            f"delete_{self.single}": self._delete(),
            f"restore_{self.single}": self._restore(),
            f"purge_{self.single}": self._purge(),
        }
        if self.service.upserts:
            fields[f"upsert_{self.single}"] = self._upsert()
            fields[f"upsert_{self.single}_by_external_id"] = self._upsert_external()
        fields |= bulk_fields(self.service, self.node, self.made)
        return strawberry.type(type(f"{single}Mutation", (), fields))

    @cached_property
    def connection(self) -> type:
        """The Relay connection type."""
        return connection_of(self.single, self.node)

    def _one(self) -> Any:
        service, node = self.service, self.node

        async def resolver(info: GraphInfo, id: UUID, as_of: str | None = None) -> Any:
            tx = info.context.tx
            moment = moment_of("asOf", as_of, tx.now, tx.actor.time_zone)
            try:
                return await service(tx).get(id, at=moment)
            except Merged as merged:
                return (await service(tx).many([merged.target])).get(merged.target)
            except NotFound:
                return None

        resolver.__annotations__["return"] = Optional[node]  # noqa: UP045
        description = (
            f"One {self.single}, or null; `asOf` shows it as it was at a time, "
            "with what is related to it now."
        )
        return strawberry.field(
            resolver=resolver, description=description, metadata={READS: One(service)}
        )

    def _one_by_external(self) -> Any:
        service, node = self.service, self.node

        async def resolver(info: GraphInfo, source: str, external_id: str) -> Any:
            external = external_of(source, external_id)
            own = service(info.context.tx)
            id = await found_or_none(own.id_of(external))
            return None if id is None else await found_or_none(own.get(id))

        resolver.__annotations__["return"] = Optional[node]  # noqa: UP045
        description = f"The {self.single} with this id in another system, or null."
        return strawberry.field(resolver=resolver, description=description)

    def _many(self) -> Any:
        service, listing = self.service, self.service.repository.listing

        async def resolver(
            info: GraphInfo,
            where: Any = None,
            order_by: list[str] | None = None,
            first: int = 50,
            after: str | None = None,
            search: str | None = None,
            view: UUID | None = None,
            deleted: str | None = None,
        ) -> Any:
            tx = info.context.tx
            query = asked(
                listing,
                tx,
                where=where,
                order_by=order_by,
                first=first,
                after=after,
                search=search,
                view=view,
                deleted=deleted,
                count=asks_count(info),
            )
            return connected(await service(tx).page(query), after)

        resolver.__annotations__["where"] = Optional[where_of(listing)]  # noqa: UP045
        resolver.__annotations__["return"] = self.connection
        description = (
            f"A page of {self.plural}, through a saved view if one is named; with those in the bin "
            'too (`deleted: "include"`) or alone (`"only"`).'
        )
        return strawberry.field(
            resolver=resolver, description=description, metadata={READS: Many(service)}
        )

    def _changes(self) -> Any:
        service = self.service

        async def resolver(info: GraphInfo, first: int = 50, after: str | None = None) -> Any:
            found = await service(info.context.tx).changes(after, page_size(first))
            return followed(found)

        resolver.__annotations__["return"] = changes_of(self.single, self.node)
        description = (
            f"The sync feed of {self.plural}: without `after` all there is, then what has changed."
        )
        return strawberry.field(resolver=resolver, description=description)

    def _writing(self, resolver: Any, description: str) -> Any:
        """A mutation that writes a record; where duplicates may be refused, one can insist."""
        extensions = [Insistent()] if self.service.matched else []
        return mutation(resolver, description=description, extensions=extensions)

    def _create(self, shape: type[Create]) -> Any:
        service = self.service

        async def resolver(info: GraphInfo, input: Any) -> Any:
            return await service(info.context.tx).create(shape_given(shape, input))

        resolver.__annotations__.update(
            input=input_from(shape), **{"return": self.made or self.node}
        )
        return self._writing(resolver, f"Create a {self.single}.")

    def _update(self, shape: type[Update]) -> Any:
        service = self.service

        async def resolver(
            info: GraphInfo, id: UUID, input: Any, expected_version: int | None = None
        ) -> Any:
            data = shape_given(shape, input)
            return await service(info.context.tx).update(
                id, data, expected_version=expected_version
            )

        resolver.__annotations__.update(input=input_from(shape), **{"return": self.node})
        return self._writing(resolver, f"Change a {self.single}.")

    def _delete(self) -> Any:
        service = self.service

        async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> UUID:
            await service(info.context.tx).delete(id, expected_version=expected_version)
            return id

        return mutation(resolver, description=f"Put a {self.single} in the bin; returns its id.")

    def _purge(self) -> Any:
        service = self.service

        async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> UUID:
            await service(info.context.tx).purge(id, expected_version=expected_version)
            return id

        description = f"Destroy a {self.single} for good, with its parts; returns its id."
        return mutation(resolver, description=description)

    def _restore(self) -> Any:
        service = self.service

        async def resolver(info: GraphInfo, id: UUID, expected_version: int | None = None) -> Any:
            return await service(info.context.tx).restore(id, expected_version=expected_version)

        resolver.__annotations__["return"] = self.node
        return self._writing(resolver, f"Take a {self.single} out of the bin.")

    def _upsert(self) -> Any:
        service, shape = self.service, self.service.upsert_shape()

        async def resolver(
            info: GraphInfo,
            match: str,
            input: Any,
            expected_version: int | None = None,
            only_new: bool = False,  # noqa: FBT001, FBT002 - an argument of the mutation
        ) -> Any:
            expected = _expected(expected_version, only_new=only_new)
            data = shape_given(shape, input)
            return self._upserted(await service(info.context.tx).upsert(match, data, expected))

        kinds = ", ".join(sorted([EXTERNAL, *service.repository.listing.lookups]))
        resolver.__annotations__.update(input=input_from(shape), **{"return": self._upserted_type})
        description = (
            f"Create a {self.single}, or change the one of the same {kinds} (`match`); {_ONLY_NEW}"
        )
        return self._writing(resolver, description)

    def _upsert_external(self) -> Any:
        service, shape = self.service, self.service.upsert_shape()

        async def resolver(
            info: GraphInfo,
            source: str,
            external_id: str,
            input: Any,
            expected_version: int | None = None,
            only_new: bool = False,  # noqa: FBT001, FBT002 - an argument of the mutation
        ) -> Any:
            external = external_of(source, external_id)
            expected = _expected(expected_version, only_new=only_new)
            data = shape_given(shape, input)
            done = await service(info.context.tx).upsert_external(external, data, expected)
            return self._upserted(done)

        resolver.__annotations__.update(input=input_from(shape), **{"return": self._upserted_type})
        description = (
            f"Create a {self.single}, or change the one with this id in another system; {_ONLY_NEW}"
        )
        return self._writing(resolver, description)

    @cached_property
    def _upserted_type(self) -> type:
        annotations: dict[str, Any] = {"result": str, self.single: self.node}
        made = type(f"Upserted{pascal(self.single)}", (), {"__annotations__": annotations})
        description = "What an upsert did (`created`, `updated`, `unchanged`), and the record."
        return strawberry.type(made, description=description)

    def _upserted(self, done: Upserted) -> dict[str, Any]:
        return {"result": done.result, self.single: done.record}


class _Named(Schema):
    source: Source
    external_id: Name


def _expected(version: int | None, *, only_new: bool) -> Expected:
    if not only_new:
        return Expected(version)
    if version is not None:
        raise Invalid.at("/onlyNew", "contradiction", "What is new has no version yet.")
    return Expected(exists=False)


def external_of(source: str, id: str) -> External:
    """An id in another system, checked."""
    given = shape_given(_Named, {"source": source, "external_id": id})
    return External(given.source, given.external_id)


async def found_or_none(found: Awaitable[T]) -> T | None:
    """What is looked for, or None where it is not there."""
    try:
        return await found
    except NotFound:
        return None


def followed(found: Changes) -> dict[str, Any]:
    """A stretch of the sync feed as its type has it."""
    return {
        "nodes": found.data,
        "removed": found.removed,
        "next_cursor": found.next_cursor,
        "more": found.more,
    }
