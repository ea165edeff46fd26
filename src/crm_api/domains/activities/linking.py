"""What activities and tasks are about: checked to be there, and kept when records become one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.activities.repository import LINK, ids_linked_to, linked_to, wherever
from crm_api.kit.crud.mentions import need_mentioned
from crm_api.kit.crud.personal import Gone, Told
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.crud.service import CrudService, E
from crm_api.kit.db.tx import Tx

TYPED: Mapping[str, str] = {"company_id": "company", "contact_id": "contact", "deal_id": "deal"}


class LinkedService(CrudService[E]):
    """Records that name what they are about."""

    @classmethod
    def keys(cls, record: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Found by every record that it is about."""
        typed = [(kind, record[name]) for name, kind in TYPED.items() if record[name] is not None]
        links = [(link["target"], link["record_id"]) for link in record["links"]]
        return [(LINK, value) for value in dict.fromkeys(f"{k}:{id}" for k, id in (*typed, *links))]

    @classmethod
    def derive(cls, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """Links as they are stored, so that what is equal is no change."""
        values = super().derive(values, current)
        if "links" in values:
            values["links"] = [
                {**link, "record_id": str(link["record_id"])} for link in values["links"] or ()
            ]
        return values

    async def prepare(self, values: dict[str, Any], current: E | None) -> dict[str, Any]:
        """What is linked is there, and seen by whoever links it."""
        values = await super().prepare(values, current)
        if values.get("links"):
            before: Sequence[Any] = () if current is None else columns_of(current)["links"]
            links = {f"/links/{place}": link for place, link in enumerate(values["links"])}
            await need_mentioned(self.tx, links, before)
        return values


async def move_links(
    service: LinkedService[Any], entity: str, winner: UUID, losers: Sequence[UUID]
) -> None:
    """Have what is linked to merged records be linked to the one that is left."""
    gone = {str(id) for id in losers}

    def moved(link: Mapping[str, Any]) -> dict[str, Any]:
        is_gone = link["target"] == entity and link["record_id"] in gone
        return {**link, "record_id": str(winner)} if is_gone else dict(link)

    for record in await linked_to(service.records, entity, losers):
        links: list[dict[str, Any]] = []
        for link in map(moved, record.links):
            if link not in links:
                links.append(link)
        await service.change(record, {"links": links})


async def pass_on(
    service: LinkedService[Any], entity: str, id: UUID, became: Mapping[str, UUID]
) -> dict[str, list[str]]:
    """Have what is linked to a record be about what it became, too, unless it names others.

    `became` has ids by `TYPED` fields. Returns by record which of its fields were filled, for
    `hand_back`.
    """
    filled: dict[str, list[str]] = {}
    for record in await linked_to(service.records, entity, [id]):
        values = {name: one for name, one in became.items() if getattr(record, name) is None}
        if values and record.deleted_at is None:
            await service.change(record, values)
            filled[str(record.id)] = list(values)
    return filled


async def hand_back(
    service: LinkedService[Any],
    filled: Mapping[str, Sequence[str]],
    became: Mapping[str, UUID],
) -> None:
    """Take back what `pass_on` filled, as far as nobody has changed it since.

    Also of what is in the bin, which may come back.
    """
    for record in await wherever(service.records, [UUID(id) for id in filled]):
        known = {name: became.get(name) for name in filled[str(record.id)]}
        values = dict.fromkeys(
            name for name, one in known.items() if one is not None and getattr(record, name) == one
        )
        if values:
            await service.change(record, values)


async def drop_links(service: LinkedService[Any], entity: str, ids: Sequence[UUID]) -> int:
    """Take away the links to records that are gone for good; returns from how many."""
    gone = {str(id) for id in ids}
    found = await linked_to(service.records, entity, ids)
    for record in found:
        links = [
            link
            for link in record.links
            if link["target"] != entity or link["record_id"] not in gone
        ]
        await service.change(record, {"links": links})
    return len(found)


def forgetting(services: Sequence[type[LinkedService[Any]]]) -> Any:
    """What becomes of links once records of any kind are gone for good."""

    async def forget(tx: Tx, entity: str, ids: Sequence[UUID]) -> None:
        for service in services:
            await drop_links(service(tx), entity, ids)

    return forget


def moving(services: Sequence[type[LinkedService[Any]]]) -> Any:
    """What becomes of links in a merge of records of any kind, as a part of it."""

    async def move(tx: Tx, entity: str, winner: UUID, losers: Sequence[UUID], merge: UUID) -> None:
        del merge
        for service in services:
            await move_links(service(tx), entity, winner, losers)

    return move


def erasing(services: Sequence[type[LinkedService[Any]]]) -> Any:
    """What becomes of links once a person is erased."""

    async def erase(tx: Tx, gone: Gone) -> int:
        return sum([await drop_links(service(tx), gone.entity, gone.ids) for service in services])

    return erase


def collecting(services: Sequence[type[LinkedService[Any]]]) -> Any:
    """What has links to a person who asks for their data."""

    async def collect(tx: Tx, gone: Gone) -> Told:
        found: dict[str, list[Any]] = {}
        for service in services:
            records = service(tx).records
            ids = await ids_linked_to(records, gone.entity, gone.ids)
            rows = await records.rows(ids, deleted="include")
            found[f"linked_{service.plural}"] = list(rows.values())
        return found

    return collect
