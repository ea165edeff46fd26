"""What schedules and alerts put into inboxes."""

from collections.abc import Sequence
from uuid import UUID

from crm_api.kit.db.tables import EventRow
from crm_api.kit.db.tx import Tx
from crm_api.platform.notifications.events import NOTICE
from crm_api.platform.notifications.repository import add_notice


def notify(
    tx: Tx, about: tuple[str, UUID, int], users: Sequence[UUID], subject: str, text: str
) -> None:
    """Tell users of a record: the event names them, and what it says is kept beside it."""
    entity, id, version = about
    tx.record(NOTICE, entity=entity, record_id=id, version=version, data={"users": list(users)})
    add_notice(tx, tx.kept(EventRow)[-1]["id"], id, subject=subject, text=text)
