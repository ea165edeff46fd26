"""How activities and tasks are listed and found."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.activities.models import Activity, Task
from crm_api.domains.activities.schemas import ActivityOut, TaskOut
from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals.repository import DEALS
from crm_api.kit.crud.marks import marked
from crm_api.kit.crud.repository import Repository
from crm_api.kit.query.listing import Linked, Listing, Relation, Searched
from crm_api.platform.identity.repository import TEAMS

LINK = "link"
"""The look-up key of what a record is about."""


def _around() -> Mapping[str, Sequence[tuple[Listing, str]]]:
    return {
        "company": [(CONTACTS, "company"), (DEALS, "company")],
        "contact": [(DEALS, "contact")],
    }


def _about(model: Any, back: str) -> tuple[Relation, ...]:
    return (
        Relation("company", lambda: COMPANIES, model.company_id, COMPANIES.model.id, back=back),
        Relation("contact", lambda: CONTACTS, model.contact_id, CONTACTS.model.id, back=back),
        Relation("deal", lambda: DEALS, model.deal_id, DEALS.model.id, back=back),
        Relation("team", lambda: TEAMS, model.team_id, TEAMS.model.id),
    )


ACTIVITIES: Listing = Listing(
    model=Activity,
    out=ActivityOut,
    area="activities",
    relations=_about(Activity, "activities"),
    linked=Linked(LINK, _around),
    search=Searched(
        names=("subject",),
        others=("body", "outcome", "tags", "external_ids"),
        title="subject",
        subtitle=("outcome",),
    ),
)
TASKS: Listing = Listing(
    model=Task,
    out=TaskOut,
    area="tasks",
    sorts={"due": Task.overdue_at},
    relations=_about(Task, "tasks"),
    linked=Linked(LINK, _around),
    search=Searched(
        names=("subject",),
        others=("description", "tags", "external_ids"),
        title="subject",
        subtitle=("description",),
    ),
)
_ABOVE = """
    WITH RECURSIVE path AS (
        SELECT unnest($2::uuid[]) AS id
        UNION
        SELECT before::uuid FROM path
        JOIN tasks t ON t.organization_id = $1 AND t.id = path.id
        CROSS JOIN LATERAL jsonb_array_elements_text(t.depends_on) before)
    SELECT id FROM path
"""
_OPEN = """
    SELECT id, subject, status FROM tasks WHERE organization_id = $1 AND id = ANY($2)
    AND deleted_at IS NULL AND status NOT IN ('done', 'cancelled') ORDER BY id
"""
# Those in the bin have no look-up keys.
_LINKED = """
    SELECT record_id AS id FROM record_keys
    WHERE organization_id = $1 AND entity = $2 AND kind = 'link' AND value = ANY($3)
    UNION
    SELECT t.id FROM {table} t CROSS JOIN LATERAL jsonb_array_elements(t.links) link
    WHERE t.organization_id = $1 AND t.deleted_at IS NOT NULL
    AND (link ->> 'target') || ':' || (link ->> 'record_id') = ANY($3)
"""


class Activities(Repository[Activity]):
    """What is done with customers, or was."""

    model = Activity
    listing = ACTIVITIES

    async def mark(self, id: UUID, alert: str, mark: str) -> bool:
        """Note what is told of an activity by itself; whether that is new."""
        return await marked(self.tx, Activity, id, alert, mark)

    async def timed_by(self, user_id: UUID) -> UUID | None:
        """The activity for which the timer of a user runs, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id FROM activities WHERE organization_id = $1 AND timer_user_id = $2",
            self.tx.organization_id,
            user_id,
        )
        return rows[0]["id"] if rows else None


class Tasks(Repository[Task]):
    """What is to be done."""

    model = Task
    listing = TASKS

    async def mark(self, id: UUID, alert: str, mark: str) -> bool:
        """Note what is told of a task by itself; whether that is new."""
        return await marked(self.tx, Task, id, alert, mark)

    async def above(self, ids: Sequence[UUID]) -> set[UUID]:
        """These tasks and all that have to be done before them, whoever asks."""
        rows = await self.tx.fetch(_ABOVE, self.tx.organization_id, list(ids))
        return {row["id"] for row in rows}

    async def open_ones(self, ids: Sequence[UUID]) -> Sequence[Mapping[str, Any]]:
        """Those of some tasks that are not done yet, whoever asks."""
        return await self.tx.fetch(_OPEN, self.tx.organization_id, list(ids))

    async def next_of(self, id: UUID) -> UUID | None:
        """The task that another one's completion made, in the bin or not, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT id FROM tasks WHERE organization_id = $1 AND previous_id = $2",
            self.tx.organization_id,
            id,
        )
        return rows[0]["id"] if rows else None


async def ids_linked_to(records: Repository[Any], entity: str, ids: Sequence[UUID]) -> list[UUID]:
    """All that have a link to some records, in the bin or not, whoever asks."""
    sql = _LINKED.format(table=records.model.__tablename__)
    parties = [f"{entity}:{id}" for id in ids]
    own = records.listing.entity
    rows = await records.tx.fetch(sql, records.tx.organization_id, own, parties)
    return [row["id"] for row in rows]


async def linked_to(records: Repository[Any], entity: str, ids: Sequence[UUID]) -> list[Any]:
    """The same records, locked."""
    return await wherever(records, await ids_linked_to(records, entity, ids))


async def wherever(records: Repository[Any], ids: Sequence[UUID]) -> list[Any]:
    """Some records, in the bin or not, locked, whoever asks."""
    query = records.select_all().where(records.model.id.in_(ids)).order_by(records.model.id)
    return list((await records.tx.run(query.with_for_update(key_share=True))).scalars())
