"""The rules of mailings."""

from collections.abc import Mapping
from typing import Any, ClassVar

from crm_api.domains.conversations.repository import Channels
from crm_api.domains.mailings.contents import check
from crm_api.domains.mailings.models import Mailing
from crm_api.domains.mailings.repository import AREA, Mailings
from crm_api.domains.mailings.schemas import Content, MailingCreate, MailingUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.crud.plain import columns_of
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import WrongState

_COURSE = frozenset({"status", "pause_reason", "started_at", "ended_at"})
FIXED = frozenset(
    {
        *("purpose", "channel_id", "campaign_id", "is_ongoing", "contents"),
        *("tracks_opens", "tracks_clicks"),
    }
)
"""What stays as it is once a mailing was started."""


class MailingService(NamedService[Mailing]):
    """Something that is written to many: its contents, and how far it is."""

    repository = Mailings
    area = AREA
    plural = "mailings"
    personal = Impersonal("What is said to many; to whom it went is kept apart.")
    create_shape = MailingCreate
    update_shape = MailingUpdate
    begins_with: ClassVar[Mapping[str, Any]] = {
        "status": "draft",
        **dict.fromkeys(("pause_reason", "started_at", "ended_at")),
    }
    records: Mailings

    async def prepare(self, values: dict[str, Any], current: Mailing | None) -> dict[str, Any]:
        """Its templates ask for what there is, and what was started says the same to all."""
        values = await super().prepare(values, current)
        if "contents" in values:
            values["contents"] = [
                {**dict.fromkeys(Content.model_fields), **one} for one in values["contents"]
            ]
        before = {} if current is None else columns_of(current)
        changed = {n for n in values if current is None or before[n] != values[n]}
        if current is not None and current.status != "draft" and changed & FIXED:
            raise WrongState(
                "It was started: some have got it as it is.",
                code="mailing_started",
                details={"fields": sorted(changed & FIXED)},
            )
        if "contents" in changed:
            check(self.tx, values["contents"])
        return values

    async def put_back(self, record: Mailing, values: dict[str, Any]) -> Any:
        """What an undo takes back is not how far it is, nor what was said to some."""
        kept = _COURSE if record.status == "draft" else _COURSE | FIXED
        return await super().put_back(record, {n: v for n, v in values.items() if n not in kept})

    async def check_purge(self, current: Mailing) -> None:
        """What is being sent is not destroyed."""
        await super().check_purge(current)
        if current.status == "running":
            raise WrongState("It is being sent: cancel it first.", code="mailing_running")


async def is_mail(tx: Tx, channel_id: Any) -> bool:
    """Whether mail leaves by a channel."""
    found = await Channels(tx).usable(channel_id)
    return found is not None and found.kind == "email" and bool(found.addresses)
