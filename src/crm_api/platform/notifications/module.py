"""Notifications as a part of the product."""

from collections.abc import Iterable, Mapping
from typing import Any

from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.crud.service import CrudService
from crm_api.kit.crud.sight import Services
from crm_api.kit.jobs import UNHURRIED_S, Chore, Watch, forgetting
from crm_api.kit.module import Faces, Module
from crm_api.platform.notifications.actions import Notify
from crm_api.platform.notifications.digests import Collector
from crm_api.platform.notifications.events import NOTICE, PREFERENCES_UPDATED
from crm_api.platform.notifications.fanout import FanOut
from crm_api.platform.notifications.jobs import send_digest
from crm_api.platform.notifications.reading import Acting, Audience
from crm_api.platform.notifications.recipients import remind
from crm_api.platform.notifications.repository import OTHERS, TOLD_OF
from crm_api.platform.notifications.service import forget_person, forget_records
from crm_api.platform.notifications.texts import add_titles

_FORGET = (
    "SELECT crm_forget_notifications($1) AS number",
    "SELECT crm_forget_notices($1) AS number",
)


def notifications_module(
    followed: Iterable[type[CrudService[Any]]],
    others: type[CrudService[Any]],
    services: Services,
    acting: Acting,
    reminders: Mapping[str, Mapping[str, str]],
    guarded: Mapping[str, str],
) -> Module:
    """What users are told of all of these records, and of some that they may follow.

    `acting` gives somebody the rights of a user as they are at that moment; of `reminders` owners
    of records are told, by these words in each language; of those in `guarded` the holders of that
    permission, where the record has no owner.
    """
    followed = [service for service in followed if service.plain]
    Audience.followed = [service.repository.listing.entity for service in followed]
    Audience.services = services
    Audience.acting = staticmethod(acting)
    remind(reminders, guarded)
    add_titles(reminders)
    TOLD_OF[:] = (
        service.repository.listing for service in services.values() if service is not others
    )
    OTHERS[:] = [others.repository.listing]
    Guarded.purged.append(forget_records)

    def faces() -> Faces:
        from crm_api.platform.notifications.graphql import (
            InboxQuery,
            NotificationMutation,
            NotificationQuery,
            NotificationSubscription,
        )
        from crm_api.platform.notifications.rest import (
            following_routes,
            notifications,
            preferences,
            public,
        )

        return Faces(
            routers=[notifications, preferences, public, following_routes([*followed, others])],
            queries=[InboxQuery, NotificationQuery],
            mutations=[NotificationMutation],
            subscriptions=[NotificationSubscription],
        )

    return Module(
        key="notifications",
        title="Notifications",
        description="What happened that somebody wants to know: an inbox, letters, messages.",
        switchable=False,
        areas=["notifications"],
        faces=faces,
        tags={"notifications": "What the user is told, and by which ways."},
        jobs=[send_digest],
        chores=[Chore("notifications.forget", forgetting(*_FORGET))],
        watches=[Watch("notifications", FanOut), Watch("digests", Collector, pause_s=UNHURRIED_S)],
        managed={"notifications": Managed("manage_settings")},
        events=[PREFERENCES_UPDATED, NOTICE, "job.failed"],
        actions=[Notify],
        traces=[
            Trace(
                "notifications",
                ("notifications", "followings", "notices"),
                forget_person,
                rows_of(notifications="record_id = ANY($2)", notices="record_id = ANY($2)"),
            )
        ],
    )
