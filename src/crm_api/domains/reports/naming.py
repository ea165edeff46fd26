"""What the values that a report is grouped by are called, in a column beside them."""

from collections.abc import Collection, Mapping
from uuid import UUID

from crm_api.domains.reports.compiling import Plan
from crm_api.domains.reports.grouping import Group
from crm_api.domains.reports.operands import Operand
from crm_api.domains.reports.results import Row, column_row
from crm_api.kit.crud.collections import service_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import NotFound
from crm_api.kit.query.selection import Selection

Names = Mapping[str, str]


async def name_groups(tx: Tx, plan: Plan, answer: Row) -> None:
    """Tell beside the ids of records what these are called, and beside custom choices their labels.

    What is not seen, is gone or has no name is called by its id. Where the records may not be read,
    or their names are hidden, nothing is told.
    """
    groups = {group.name: group for group in plan.groups}
    taken = {column["name"] for column in answer["columns"]}
    columns: list[Row] = []
    for column in answer["columns"]:
        columns.append(column)
        group = groups.get(column["name"])
        told = [one["values"] for one in (*answer["rows"], *answer["totals"])]
        values = {row.get(column["name"]) for row in told} - {None}
        names = None if group is None else await _names(tx, group, values)
        if names is None:
            continue
        own = _beside(column["name"], taken)
        taken.add(own)
        columns[-1] = {**column, "label": own}
        columns.append(column_row(own, "column", "text"))
        for row in told:
            if column["name"] in row:
                row[own] = names.get(row[column["name"]], row[column["name"]])
    answer["columns"] = columns


def _beside(name: str, taken: Collection[str]) -> str:
    short = name.removesuffix("_id")
    own = f"{name}_name" if short == name else short
    while own in taken:
        own += "_name"
    return own


async def _names(tx: Tx, group: Group, values: Collection[str]) -> Names | None:
    """What some values of a grouping are called; None where they are what they say themselves."""
    operand = group.operand
    if operand.is_custom and operand.choices:
        field = tx.catalogue.of(operand.place.listing.entity).get(operand.name)
        return field and {value: option.label for value, option in field.choices.items()}
    entity = _entity(tx, operand) if group.kind == "uuid" else None
    try:
        service = service_of(tx, entity) if entity is not None else None
    except NotFound:
        return None
    if service is None or not tx.actor.covers(f"{service.area}:read"):
        return None
    title = service.records.listing.title
    if title is None or title in tx.actor.hidden(service.records.listing.entity):
        return None
    ids = [UUID(value) for value in values]
    found = await service.records.rows(ids, Selection((title,)), deleted="include")
    return {str(id): getattr(row, title) or str(id) for id, row in found.items()}


def _entity(tx: Tx, operand: Operand) -> str | None:
    """The kind of the records that the ids of a field are of."""
    listing = operand.place.listing
    if operand.is_custom:
        field = tx.catalogue.of(listing.entity).get(operand.name)
        return field and field.relates_to
    if operand.name == "id":
        return listing.entity
    for relation in listing.related.values():
        if not relation.many and relation.local.key == operand.name and relation.remote.key == "id":
            return relation.target().entity
    return None
