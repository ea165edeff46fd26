"""How rows name records that are there already: by external id, or by their exact name."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select

from crm_api.kit.crud.index import external_key
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault
from crm_api.kit.query.visibility import among
from crm_api.kit.values.names import sort_key
from crm_api.platform.transfer.importer import Draft, Importer, Plan

_END = "\x01"
"""Behind what is compared of a sort key stands how it is written."""


async def called(
    records: Repository[Any], texts: Iterable[str], plan: Plan
) -> dict[str, Collection[UUID]]:
    """The records that the actor sees and that rows mean by these texts.

    An external id of the file's system counts before a name, which is compared without case and
    accents. Of a text that names nothing it says nothing.
    """
    wanted = sorted(set(texts))
    if not wanted:
        return {}
    ids = {external_key(plan.source, text): text for text in wanted}
    by_id = await records.by_keys("external", list(ids))
    found: dict[str, Collection[UUID]] = {ids[key]: those for key, those in by_id.items()}
    names = {text: name_key(text) for text in wanted if text not in found}
    named = await by_name(records, list(names.values()))
    return found | {text: named[key] for text, key in names.items() if key in named}


async def by_name(records: Repository[Any], keys: Sequence[str]) -> dict[str, set[UUID]]:
    """The records that the actor sees and that have names of these keys (`name_key`)."""
    if not keys:
        return {}
    model = records.model
    name = func.split_part(model.sort_name, _END, 1)
    query = select(model.id, name).where(
        model.organization_id == records.tx.organization_id,
        model.deleted_at.is_(None),
        name.in_(keys),
    )
    rows: list[Any] = list(await records.tx.run(query))
    visible = await among(records.tx, records.listing, records.sight, [id for id, _ in rows])
    found: dict[str, set[UUID]] = {}
    for id, key in rows:
        if id in visible:
            found.setdefault(key, set()).add(id)
    return found


def name_key(text: str) -> str:
    """A name as it is compared with others."""
    return sort_key(text).partition(_END)[0]


def refer_to(
    importer: Importer, draft: Draft, plan: Plan, named: str, ids: Collection[UUID], column: str
) -> None:
    """Have a row's `column` be the one record that it calls `named`; else the row is at fault."""
    found = the_one(importer, draft, plan, named, ids, f"/{column}")
    if found is not None:
        draft.values[column] = found
        draft.given |= {column}


def the_one(
    importer: Importer, draft: Draft, plan: Plan, named: str, ids: Collection[UUID], pointer: str
) -> UUID | None:
    """The one record that a row calls `named`; else None, and the row is at fault."""
    if len(ids) == 1:
        return next(iter(ids))
    code = f"ambiguous_{named}" if ids else f"unknown_{named}"
    fault = Fault(code, f"{len(ids) or 'No'} {named} of that name is seen.", pointer)
    draft.faults.append(importer.located(fault, draft, plan))
    return None


class NamedImporter(Importer):
    """Rows of what has a name of its own, which is matched by it."""

    match = ("external_id", "name")

    def keys(self, values: Mapping[str, Any]) -> list[tuple[str, str]]:
        """Also by its name."""
        return [*super().keys(values), ("name", name_key(values["name"]))]

    async def hold(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """Names are no look-up keys: whoever else imports such waits."""
        if drafts:
            await lock_graph(tx, f"{self.service.repository.model.__tablename__}.name")

    async def holders(self, tx: Tx, drafts: Sequence[Draft]) -> list[tuple[str, str, UUID]]:
        """Those that have these names."""
        names = [name_key(draft.values["name"]) for draft in drafts]
        found = await by_name(self.service.repository(tx), names)
        return [("name", name, id) for name, ids in found.items() for id in ids]

    async def relate(self, tx: Tx, drafts: Sequence[Draft]) -> None:
        """All that rows refer to is there already."""
        del tx, drafts

    def pointed(self, path: Sequence[str]) -> str:
        """What rows refer to is given by names."""
        head = path[0].removesuffix("_id")
        return head if head in self.fields else super().pointed(path)
