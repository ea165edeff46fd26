"""Notifications, preferences and followings over REST."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import HTMLResponse

from crm_api.kit.actor import Actor
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.errors import NotFound
from crm_api.kit.query.page import PageQuery
from crm_api.kit.query.selection import Selection
from crm_api.kit.rest import answers, params
from crm_api.kit.rest.problems import problems
from crm_api.kit.rest.records import Id
from crm_api.kit.rest.requests import Reading, Writing, services_of
from crm_api.kit.rest.router import filtered, new_router, page_shape
from crm_api.kit.rest.routes import joined
from crm_api.kit.rest.streams import EventStream, live_of, spoken
from crm_api.platform.notifications.live import unread
from crm_api.platform.notifications.rendering import page_of
from crm_api.platform.notifications.repository import NOTIFICATIONS, Preferences
from crm_api.platform.notifications.schemas import (
    DefaultsOut,
    DefaultsPatch,
    FollowerList,
    FollowingOut,
    InboxState,
    MarkInput,
    MarkOut,
    NotificationOut,
    PreferencesOut,
    PreferencesPatch,
    UnreadOut,
)
from crm_api.platform.notifications.service import (
    AREA,
    FollowingService,
    InboxService,
    PreferenceService,
)
from crm_api.platform.notifications.unsubscribing import user_of

notifications = new_router("notifications", "notifications")
preferences = new_router("notifications", "notification-preferences")
# Not strict: what programs of mail send along they may.
public = APIRouter(prefix="/public/unsubscribe", tags=["notifications"])
_MANY: dict[int | str, dict[str, Any]] = {200: {"model": page_shape(NotificationOut)}}
_ONE: dict[int | str, dict[str, Any]] = {200: {"model": NotificationOut}}
_UNREAD: dict[int | str, dict[str, Any]] = {200: {"model": UnreadOut}}
_MARKED: dict[int | str, dict[str, Any]] = {200: {"model": MarkOut}}
_OWN: dict[int | str, dict[str, Any]] = {200: {"model": PreferencesOut}}
_DEFAULTS: dict[int | str, dict[str, Any]] = {200: {"model": DefaultsOut}}
_FOLLOWING: dict[int | str, dict[str, Any]] = {200: {"model": FollowingOut}}
_FOLLOWERS: dict[int | str, dict[str, Any]] = {200: {"model": FollowerList}}
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {"description": "How much there is to read.", "content": {"text/event-stream": {}}}
}
_PAGE: dict[int | str, dict[str, Any]] = {
    200: {"description": "A page for people.", "content": {"text/html": {}}}
}
_PUBLIC: dict[str, Any] = {"security": []}


@notifications.get(
    "",
    operation_id="listNotifications",
    summary="The inbox of the user",
    responses=_MANY | problems(403, 422),
    openapi_extra=filtered(NOTIFICATIONS),
)
async def list_notifications(
    request: Request,
    tx: Reading,
    limit: params.Limit = 50,
    cursor: params.Cursor = None,
    sort: params.Sort = None,
    count: params.Count = None,
    state: Annotated[
        InboxState, Query(description="What is neither archived nor snoozed, unless another.")
    ] = "inbox",
) -> Response:
    """What is unread comes first. Nothing is listed whose record the user does not see now."""
    query = PageQuery(
        Selection(NOTIFICATIONS.shown),
        filter=params.filter_of(request, NOTIFICATIONS, tx),
        sort=sort,
        limit=limit,
        cursor=cursor,
        count=count,
    )
    return answers.page(request, await InboxService(tx).page(query, state))


@notifications.get(
    "/unread",
    operation_id="countUnreadNotifications",
    summary="How much there is to read",
    responses=_UNREAD | problems(403),
)
async def count_unread(tx: Reading) -> Response:
    """Of what is in the inbox."""
    return answers.plain({"unread": await InboxService(tx).unread()})


@notifications.get(
    "/stream",
    operation_id="streamUnreadNotifications",
    summary="Follow how much there is to read",
    responses=_STREAM | problems(403),
)
async def stream_unread(request: Request, tx: Reading) -> Response:
    """Server-sent events `unread`: one at first, and one whenever the number is another.

    It ends with an event `end`: after an hour, or when the credential does.
    """
    await InboxService(tx).unread()
    numbers = live_of(request).follow(tx.organization_id, unread())
    seen = ({"unread": number} if number is not None else None async for number in numbers)
    return EventStream(request, tx.organization_id, spoken("unread", seen))


@notifications.post(
    "/mark",
    operation_id="markNotifications",
    summary="Mark notifications as read, archive or snooze them",
    responses=_MARKED | problems(400, 403, 409, 415, 422),
)
async def mark(tx: Writing, body: MarkInput) -> Response:
    """Some, or all that happened by a time, 10,000 at once. Others' are passed over."""
    return answers.plain({"changed": await InboxService(tx).mark(body)})


@notifications.get(
    "/{id}",
    operation_id="getNotification",
    summary="Read a notification",
    responses=_ONE | problems(403, 404, 422),
)
async def read_notification(id: Id, tx: Reading) -> Response:
    """In the user's language; reading it here does not mark it."""
    return answers.plain(await InboxService(tx).get(id))


@preferences.get(
    "",
    operation_id="getNotificationPreferences",
    summary="What the user wants to be told",
    responses=_OWN | problems(403),
)
async def read_preferences(tx: Reading) -> Response:
    """What they have chosen, and what holds in the end."""
    return answers.plain(await PreferenceService(tx).own())


@preferences.patch(
    "",
    operation_id="updateNotificationPreferences",
    summary="Change what the user wants to be told",
    responses=_OWN | problems(400, 403, 409, 415, 422),
)
async def update_preferences(tx: Writing, body: PreferencesPatch) -> Response:
    """Counts for what happens from here on; what waits to be sent is sent as it was to be."""
    return answers.plain(await PreferenceService(tx).update_own(body))


@preferences.get(
    "/defaults",
    operation_id="getNotificationDefaults",
    summary="What holds where users say nothing",
    responses=_DEFAULTS | problems(403),
)
async def read_defaults(tx: Reading) -> Response:
    """The organization's choices; what is not among them the product says."""
    return answers.plain(await PreferenceService(tx).defaults())


@preferences.patch(
    "/defaults",
    operation_id="updateNotificationDefaults",
    summary="Change what holds where users say nothing",
    responses=_DEFAULTS | problems(400, 403, 409, 415, 422),
)
async def update_defaults(tx: Writing, body: DefaultsPatch) -> Response:
    """Takes the permission `manage_settings`."""
    return answers.plain(await PreferenceService(tx).update_defaults(body))


def following_routes(services: Iterable[type[CrudService[Any]]]) -> APIRouter:
    """`/{id}/following` and `/{id}/followers` for every collection that can be followed."""
    return joined(map(_following, services))


def _following(service: type[CrudService[Any]]) -> APIRouter:
    entity = service.repository.listing.entity
    single = "".join(word.capitalize() for word in entity.split("_"))
    own = new_router(service.plural, service.route_of())

    def target_in(tx: Any) -> str:
        return service(tx).records.listing.entity

    @own.get(
        "/{id}/followers",
        operation_id=f"list{single}Followers",
        summary=f"Who is told what happens to a {entity}",
        responses=_FOLLOWERS | problems(403, 404, 422),
    )
    async def followers(id: UUID, tx: Reading) -> Response:
        """The owner, collaborators, whoever commented or was mentioned, and who chose to."""
        return answers.plain({"data": await FollowingService(tx).list(target_in(tx), id)})

    @own.put(
        "/{id}/following",
        operation_id=f"follow{single}",
        summary=f"Follow a {entity}",
        responses=_FOLLOWING | problems(403, 404, 409, 422),
    )
    async def follow(id: UUID, tx: Writing) -> Response:
        """The user is told what happens to it from here on."""
        found = await FollowingService(tx).choose(target_in(tx), id, follows=True)
        return answers.plain(found)

    @own.delete(
        "/{id}/following",
        operation_id=f"unfollow{single}",
        summary=f"Do not follow a {entity}",
        responses=_FOLLOWING | problems(403, 404, 409, 422),
    )
    async def unfollow(id: UUID, tx: Writing) -> Response:
        """Nor as its owner or for any other reason; mentions are told nevertheless."""
        found = await FollowingService(tx).choose(target_in(tx), id, follows=False)
        return answers.plain(found)

    return own


@public.get(
    "/{token}",
    operation_id="askToUnsubscribe",
    summary="The page of the link in letters",
    responses=_PAGE | problems(404),
    openapi_extra=_PUBLIC,
)
async def ask_to_unsubscribe(request: Request, token: str) -> Response:
    """Asks first: mail programs open links by themselves."""
    return HTMLResponse(page_of(await _language(request, token), done=False))


@public.post(
    "/{token}",
    operation_id="unsubscribe",
    summary="Get no more notifications by e-mail",
    responses=_PAGE | problems(404),
    openapi_extra=_PUBLIC,
)
async def unsubscribe(request: Request, token: str) -> Response:
    """By one click, as in RFC 8058; whoever holds the link needs no login."""
    async with unit_of_work(_tx_of(request, token)) as tx:
        assert tx.actor.id is not None
        await PreferenceService(tx).unsubscribe(tx.actor.id)
    return HTMLResponse(page_of(await _language(request, token), done=True))


def _tx_of(request: Request, token: str) -> Tx:
    database = services_of(request).database
    found = user_of(database.signing_key, token)
    if found is None:
        raise NotFound("There is no such link.")
    organization_id, user = found
    return Tx(database, Actor(organization_id, "user", user, frozenset({f"{AREA}:write"})))


async def _language(request: Request, token: str) -> str:
    tx = _tx_of(request, token)
    readers = await Preferences(tx).readers([tx.actor.id] if tx.actor.id else [])
    return next((reader["language"] for reader in readers.values()), "en")
