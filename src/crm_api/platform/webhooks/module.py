"""Webhooks as a part of the product."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.personal import Copies, Trace
from crm_api.kit.crud.service import CrudService
from crm_api.kit.jobs import Chore, Watch, forgetting
from crm_api.kit.measuring import Measure, Measuring
from crm_api.kit.meters import RELAY_LAG, WEBHOOKS_RECENT
from crm_api.kit.module import Faces, Module
from crm_api.kit.secrets import SealedColumn
from crm_api.kit.standing import Standing
from crm_api.platform.webhooks.actions import CallWebhook
from crm_api.platform.webhooks.catalogue import EventTypes
from crm_api.platform.webhooks.events import CALLED, DISABLED, FAILING, SECRET_ROTATED
from crm_api.platform.webhooks.fanout import FanOut
from crm_api.platform.webhooks.jobs import replay
from crm_api.platform.webhooks.queue import FORGET, forget_tallies
from crm_api.platform.webhooks.schemas import WebhooksStanding
from crm_api.platform.webhooks.sender import Sender
from crm_api.platform.webhooks.service import Restored, WebhookService, wipe_answers
from crm_api.platform.webhooks.standing import measured_webhooks, webhooks_standing

MEASURE = Measure({"lag": RELAY_LAG, "recent": WEBHOOKS_RECENT}, measured_webhooks)


def _faces() -> Faces:
    from crm_api.platform.webhooks.graphql import MUTATIONS, QUERIES
    from crm_api.platform.webhooks.rest import deliveries, event_types, webhooks

    return Faces(
        routers=[webhooks, deliveries, event_types],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="webhooks",
    title="Webhooks",
    description="What happened, sent to the systems of others and signed.",
    switchable=False,
    events=[CALLED, DISABLED, FAILING, SECRET_ROTATED],
    faces=_faces,
    jobs=[replay],
    chores=[
        Chore("forget deliveries", forgetting(FORGET)),
        Chore("forget tallies", forget_tallies, shared=True),
    ],
    watches=[
        Watch("fan-out", FanOut, is_urgent=True),
        Watch("deliveries", Sender, is_urgent=True),
        Watch("gauges of webhooks", partial(Measuring, MEASURE), hears=False),
    ],
    standings=[Standing("webhooks", WebhooksStanding, webhooks_standing)],
    services=[WebhookService],
    managed={"webhooks": Managed("manage_settings", secret=True)},
    secrets=[
        SealedColumn("webhooks", "secrets", tenant=True),
        SealedColumn("webhooks", "sealed_headers", tenant=True),
    ],
    traces=[
        Trace(
            "webhooks", ("webhook_attempts",), wipe_answers, Copies("What other systems answered.")
        )
    ],
    actions=[CallWebhook],
)


def announce(
    modules: Iterable[Module],
    services: Mapping[str, type[CrudService[Any]]],
    restored: Restored,
) -> EventTypes:
    """Let webhooks know what can happen in these modules, to the records of what, and for whom."""
    topics = {topic for module in modules for topic in module.topics}
    told = {topic: what for module in modules for topic, what in module.told.items()}
    WebhookService.types = EventTypes(topics, services, told)
    WebhookService.restored = staticmethod(restored)
    return WebhookService.types
