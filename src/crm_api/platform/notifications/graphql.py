"""Notifications, preferences and followings over GraphQL."""

from collections.abc import AsyncGenerator
from typing import Any, Optional, cast
from uuid import UUID

import strawberry

from crm_api.kit.errors import NotFound, Unauthenticated
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.filters import where_of
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import asked, asks_count, connected, connection_of
from crm_api.kit.graphql.types import input_from, type_from
from crm_api.kit.live import Ended
from crm_api.platform.notifications.live import unread
from crm_api.platform.notifications.repository import NOTIFICATIONS
from crm_api.platform.notifications.schemas import (
    DefaultsOut,
    DefaultsPatch,
    FollowerOut,
    InboxInput,
    MarkInput,
    NotificationOut,
    PreferencesOut,
    PreferencesPatch,
)
from crm_api.platform.notifications.service import (
    FollowingService,
    InboxService,
    PreferenceService,
)


@type_from(NotificationOut)
class Notification:
    """Something that the user is told, in their language."""


@type_from(PreferencesOut)
class NotificationPreferences:
    """What the user has chosen, and what holds in the end."""


@type_from(DefaultsOut)
class NotificationDefaults:
    """What holds where users say nothing."""


@type_from(FollowerOut)
class Follower:
    """A user who is told what happens to a record."""


NotificationConnection = connection_of("notification", Notification)


async def _notifications(
    info: GraphInfo,
    where: Any = None,
    order_by: list[str] | None = None,
    first: int = 50,
    after: str | None = None,
    state: str = "inbox",
) -> Any:
    tx = info.context.tx
    wanted = shape_given(InboxInput, {"state": state}).state
    count = asks_count(info)
    query = asked(
        NOTIFICATIONS, tx, where=where, order_by=order_by, first=first, after=after, count=count
    )
    return connected(await InboxService(tx).page(query, wanted), after)


_notifications.__annotations__["where"] = Optional[where_of(NOTIFICATIONS)]  # noqa: UP045
_notifications.__annotations__["return"] = NotificationConnection


_inbox: Any = strawberry.field(
    resolver=_notifications,
    description="The inbox of the user, what is unread first. `state` is `inbox`, `unread`, "
    "`snoozed`, `archived` or `all`.",
)
InboxQuery: type = strawberry.type(type("InboxQuery", (), {"notifications": _inbox}))


@strawberry.type
class NotificationQuery:
    """What the user is told."""

    @strawberry.field
    async def notification(self, info: GraphInfo, id: UUID) -> Notification | None:
        """One notification, or null."""
        try:
            return cast("Any", await InboxService(info.context.tx).get(id))
        except NotFound:
            return None

    @strawberry.field
    async def unread_notifications(self, info: GraphInfo) -> int:
        """How much there is to read in the inbox."""
        return await InboxService(info.context.tx).unread()

    @strawberry.field
    async def notification_preferences(self, info: GraphInfo) -> NotificationPreferences:
        """What the user has chosen, and what holds in the end."""
        return cast("Any", await PreferenceService(info.context.tx).own())

    @strawberry.field
    async def notification_defaults(self, info: GraphInfo) -> NotificationDefaults:
        """What holds where users say nothing."""
        return cast("Any", await PreferenceService(info.context.tx).defaults())

    @strawberry.field
    async def followers(self, info: GraphInfo, target: str, id: UUID) -> list[Follower]:
        """Who is told what happens to a record, and why."""
        return cast("Any", await FollowingService(info.context.tx).list(target, id))


@strawberry.type
class NotificationMutation:
    """What becomes of notifications, and what the user wants."""

    @mutation
    async def mark_notifications(
        self,
        info: GraphInfo,
        input: input_from(MarkInput),  # pyright: ignore[reportInvalidTypeForm]
    ) -> int:
        """Mark some, or all that happened by a time; how many were not so before."""
        return await InboxService(info.context.tx).mark(shape_given(MarkInput, input))

    @mutation
    async def update_notification_preferences(
        self,
        info: GraphInfo,
        input: input_from(PreferencesPatch),  # pyright: ignore[reportInvalidTypeForm]
    ) -> NotificationPreferences:
        """Change what the user wants to be told."""
        data = shape_given(PreferencesPatch, input)
        return cast("Any", await PreferenceService(info.context.tx).update_own(data))

    @mutation
    async def update_notification_defaults(
        self,
        info: GraphInfo,
        input: input_from(DefaultsPatch),  # pyright: ignore[reportInvalidTypeForm]
    ) -> NotificationDefaults:
        """Change what holds where users say nothing."""
        data = shape_given(DefaultsPatch, input)
        return cast("Any", await PreferenceService(info.context.tx).update_defaults(data))

    @mutation
    async def follow(self, info: GraphInfo, target: str, id: UUID) -> bool:
        """Be told what happens to a record."""
        service = FollowingService(info.context.tx)
        return (await service.choose(target, id, follows=True))["follows"]

    @mutation
    async def unfollow(self, info: GraphInfo, target: str, id: UUID) -> bool:
        """Be told of a record no more, for whatever reason; mentions are told nevertheless."""
        service = FollowingService(info.context.tx)
        return (await service.choose(target, id, follows=False))["follows"]


@strawberry.type
class NotificationSubscription:
    """How much there is to read, as it changes."""

    @strawberry.subscription
    async def unread_notifications(self, info: GraphInfo) -> AsyncGenerator[int, None]:
        """The number at first, and whenever it is another."""
        live, tx = info.context.live, info.context.tx
        assert live is not None
        await InboxService(tx).unread()
        try:
            async for number in live.follow(tx.organization_id, unread()):
                if number is not None:
                    yield number
        except Ended as end:
            raise Unauthenticated(str(end), code=end.code) from None
