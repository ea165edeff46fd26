"""What schedules and alerts put into inboxes."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.kit.db.tables import EventRow
from crm_api.kit.db.tx import Tx
from crm_api.kit.ids import new_id
from crm_api.platform.notifications.events import NOTICE, RUN
from crm_api.platform.notifications.repository import add_notice

About = tuple[str, UUID, int]
"""The kind of a record, its id and version."""


def notify(
    tx: Tx, users: Sequence[UUID], subject: str, text: str, about: About | None = None
) -> None:
    """Tell users: the event names them, and what it says is kept beside it.

    Whoever does not see the record that it is about is told nothing.
    """
    entity, id, version = about or (RUN, new_id(), 1)
    tx.record(NOTICE, entity=entity, record_id=id, version=version, data={"users": list(users)})
    add_notice(tx, tx.kept(EventRow)[-1]["id"], id, subject=subject, text=text)
