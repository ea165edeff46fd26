"""Records of custom objects over GraphQL: one type for all of them, their fields in `custom`."""

from typing import Any
from uuid import UUID

import strawberry

from crm_api.kit.crud.upserts import Expected, Upserted
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import external_of, followed, found_or_none
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.paging import page_size
from crm_api.kit.graphql.relations import asked, asks_count, changes_of, connected, connection_of
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.query.moments import moment_of
from crm_api.kit.schema import upsert_of
from crm_api.platform.custom_objects.repository import LISTING
from crm_api.platform.custom_objects.schemas import (
    CustomRecordCreate,
    CustomRecordOut,
    CustomRecordUpdate,
)
from crm_api.platform.custom_objects.service import CustomRecordService, service_of_object


@type_from(CustomRecordOut)
class CustomRecord:
    """A record of a custom object."""


CustomRecordConnection = connection_of(LISTING.entity, CustomRecord)
CustomRecordChanges = changes_of(LISTING.entity, CustomRecord)
CustomRecordWhere = where_of(LISTING)
CustomRecordCreateInput = input_from(CustomRecordCreate)
CustomRecordUpdateInput = input_from(CustomRecordUpdate)


_UPSERT = upsert_of("CustomRecordUpsert", CustomRecordCreate)
CustomRecordUpsertInput = input_from(_UPSERT)


@strawberry.type
class UpsertedCustomRecord:
    """What an upsert did (`created`, `updated`, `unchanged`), and the record."""

    result: str
    custom_record: CustomRecord


def _upserted(done: Upserted) -> Any:
    return {"result": done.result, "custom_record": done.record}


def _service(info: GraphInfo, object: str) -> CustomRecordService:
    tx = info.context.tx
    return service_of_object(tx.catalogue.object(object).key)(tx)


@strawberry.type
class CustomRecordQuery:
    """Records of custom objects."""

    @strawberry.field
    async def custom_record(
        self, info: GraphInfo, object: str, id: UUID, as_of: str | None = None
    ) -> CustomRecord | None:
        """One record of an object, or null; `asOf` shows it as it was at a time."""
        tx = info.context.tx
        moment = moment_of("asOf", as_of, tx.now, tx.actor.time_zone)
        return await found_or_none(_service(info, object).get(id, at=moment))

    @strawberry.field
    async def custom_record_by_external_id(
        self, info: GraphInfo, object: str, source: str, external_id: str
    ) -> CustomRecord | None:
        """The record of an object with this id in another system, or null."""
        service, external = _service(info, object), external_of(source, external_id)
        id = await found_or_none(service.id_of(external))
        return None if id is None else await found_or_none(service.get(id))

    @strawberry.field
    async def custom_records(
        self,
        info: GraphInfo,
        object: str,
        where: CustomRecordWhere | None = None,  # pyright: ignore[reportInvalidTypeForm]
        order_by: list[str] | None = None,
        first: int = 50,
        after: str | None = None,
        search: str | None = None,
        view: UUID | None = None,
        deleted: str | None = None,
    ) -> CustomRecordConnection:  # pyright: ignore[reportInvalidTypeForm]
        """A page of an object's records, through a saved view if one is named."""
        service = _service(info, object)
        query = asked(
            service.records.listing,
            info.context.tx,
            where=where,
            order_by=order_by,
            first=first,
            after=after,
            search=search,
            view=view,
            deleted=deleted,
            count=asks_count(info),
        )
        return connected(await service.page(query), after)

    @strawberry.field
    async def custom_record_changes(
        self, info: GraphInfo, object: str, first: int = 50, after: str | None = None
    ) -> CustomRecordChanges:  # pyright: ignore[reportInvalidTypeForm]
        """The sync feed of an object: without `after` all there is, then what has changed."""
        found = await _service(info, object).changes(after, page_size(first))
        return followed(found)


@strawberry.type
class CustomRecordMutation:
    """What may be done to records of custom objects."""

    @mutation
    async def create_custom_record(
        self,
        info: GraphInfo,
        object: str,
        input: CustomRecordCreateInput,  # pyright: ignore[reportInvalidTypeForm]
    ) -> CustomRecord:
        """Create a record of an object."""
        data = shape_given(CustomRecordCreate, input)
        return await _service(info, object).create(data)

    @mutation
    async def update_custom_record(
        self,
        info: GraphInfo,
        object: str,
        id: UUID,
        input: CustomRecordUpdateInput,  # pyright: ignore[reportInvalidTypeForm]
        expected_version: int | None = None,
    ) -> CustomRecord:
        """Change a record of an object."""
        data = shape_given(CustomRecordUpdate, input)
        service = _service(info, object)
        return await service.update(id, data, expected_version=expected_version)

    @mutation
    async def upsert_custom_record(
        self,
        info: GraphInfo,
        object: str,
        match: str,
        input: CustomRecordUpsertInput,  # pyright: ignore[reportInvalidTypeForm]
        expected_version: int | None = None,
    ) -> UpsertedCustomRecord:
        """Create a record of an object, or change the one of the same external_id, or of the same
        unique field such as `custom.vin` (`match`).
        """
        data = shape_given(_UPSERT, input)
        service = _service(info, object)
        return _upserted(await service.upsert(match, data, Expected(expected_version)))

    @mutation
    async def upsert_custom_record_by_external_id(
        self,
        info: GraphInfo,
        object: str,
        source: str,
        external_id: str,
        input: CustomRecordUpsertInput,  # pyright: ignore[reportInvalidTypeForm]
        expected_version: int | None = None,
    ) -> UpsertedCustomRecord:
        """Create a record of an object, or change the one with this id in another system."""
        external, expected = external_of(source, external_id), Expected(expected_version)
        data = shape_given(_UPSERT, input)
        return _upserted(await _service(info, object).upsert_external(external, data, expected))

    @mutation
    async def delete_custom_record(
        self, info: GraphInfo, object: str, id: UUID, expected_version: int | None = None
    ) -> UUID:
        """Put a record of an object in the bin; returns its id."""
        service = _service(info, object)
        await service.delete(id, expected_version=expected_version)
        return id

    @mutation
    async def purge_custom_record(
        self, info: GraphInfo, object: str, id: UUID, expected_version: int | None = None
    ) -> UUID:
        """Destroy a record of an object for good; returns its id."""
        await _service(info, object).purge(id, expected_version=expected_version)
        return id

    @mutation
    async def restore_custom_record(
        self, info: GraphInfo, object: str, id: UUID, expected_version: int | None = None
    ) -> CustomRecord:
        """Take a record of an object out of the bin."""
        return await _service(info, object).restore(id, expected_version=expected_version)
