"""Conversations as a part of the product."""

from crm_api.domains.conversations.channels import ChannelService
from crm_api.domains.conversations.jobs import send_message
from crm_api.domains.conversations.pictured import SECTIONS, TOUCHPOINTS
from crm_api.domains.conversations.repository import CHANNELS_AREA, INBOX_AREA
from crm_api.domains.conversations.service import (
    ConversationService,
    MessageService,
    wipe,
)
from crm_api.domains.conversations.working import WORK
from crm_api.kit.access import Managed
from crm_api.kit.crud.applying import CollectionApplier
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.module import Faces, Module
from crm_api.kit.secrets import SealedColumn


def _faces() -> Faces:
    from crm_api.domains.conversations import inbox_rest
    from crm_api.domains.conversations.graphql import MUTATIONS, QUERIES
    from crm_api.domains.conversations.rest import ROUTERS

    return Faces(routers=(*ROUTERS, *inbox_rest.ROUTERS), queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="conversations",
    title="Conversations",
    description="What customers write and are written, on every channel, in threads.",
    depends_on=["companies", "contacts", "cases"],
    faces=_faces,
    tags={"inbox": "Where messages come in."},
    areas=[INBOX_AREA],
    managed={
        CHANNELS_AREA: Managed("manage_settings"),
        INBOX_AREA: Managed("manage_settings"),
    },
    jobs=[send_message],
    appliers=[CollectionApplier(ChannelService, by=["name"])],
    events=[
        "channel.secret_rotated",
        *(f"conversation.{verb}" for verb in ("pended", "closed", "reopened", "read")),
        *(f"message.{verb}" for verb in ("received", "queued", "sent", "failed", "assigned")),
    ],
    services=[ChannelService, ConversationService, MessageService],
    secrets=[SealedColumn("channels", "secrets", tenant=True)],
    traces=[
        Trace(
            "messages",
            ("messages",),
            wipe,
            rows_of(messages="contact_id = ANY($2) OR from_key = ANY($3)"),
        )
    ],
    touchpoints=TOUCHPOINTS,
    sections=SECTIONS,
    work=WORK,
)
