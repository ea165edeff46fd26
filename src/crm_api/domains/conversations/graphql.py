"""Channels, conversations and messages over GraphQL."""

from datetime import timedelta
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry

from crm_api.domains.cases.graphql import Case
from crm_api.domains.companies.graphql import Company
from crm_api.domains.contacts.graphql import Contact
from crm_api.domains.conversations import schemas
from crm_api.domains.conversations.actions import ConversationActions
from crm_api.domains.conversations.channels import ChannelService
from crm_api.domains.conversations.schemas import ConversationVerb
from crm_api.domains.conversations.service import (
    ConversationService,
    MessageService,
)
from crm_api.kit.graphql.context import GraphInfo
from crm_api.kit.graphql.fields import Collection
from crm_api.kit.graphql.mutations import mutation, shape_given
from crm_api.kit.graphql.relations import related
from crm_api.kit.graphql.types import input_from, type_from


def _later(name: str) -> Any:
    """A type of this file that stands below."""
    return Annotated[name, strawberry.lazy(__name__)]


@type_from(schemas.ChannelOut)
class Channel:
    """Where messages come in and leave."""


@type_from(schemas.ChannelSecret)
class ChannelSecret:
    """What a sender signs with, and where to."""


@type_from(schemas.ConversationOut)
class Conversation:
    """What was written to and fro about one thing."""

    channel = related(ConversationService, "channel", Channel)
    company = related(ConversationService, "company", Company)
    contact = related(ConversationService, "contact", Contact)
    case = related(ConversationService, "case", Case)


@type_from(schemas.MessageOut)
class Message:
    """What was written once."""

    conversation = related(MessageService, "conversation", Conversation)
    source = related(MessageService, "source", Channel)
    company = related(MessageService, "company", Company)
    contact = related(MessageService, "contact", Contact)
    bounced = related(MessageService, "bounced", _later("Message"))


_CHANNELS = Collection(ChannelService, Channel)
_CONVERSATIONS = Collection(ConversationService, Conversation)
_MESSAGES = Collection(MessageService, Message)


def _acting(verb: ConversationVerb, description: str) -> Any:
    async def resolver(
        info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Conversation:
        return await ConversationActions(info.context.tx).go(id, verb, expected_version)

    return mutation(resolver, description=description)


@strawberry.type
class ConversationMutation:
    """What is done with channels, conversations and messages."""

    pend_conversation = _acting("pend", "Have a conversation wait.")
    close_conversation = _acting("close", "Close a conversation.")
    reopen_conversation = _acting("reopen", "Open a conversation again.")
    read_conversation = _acting("read", "Say that a conversation was read.")

    @mutation
    async def reply_to_conversation(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.ReplyInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Message:
        """Answer in a conversation; the message leaves by a job."""
        data = shape_given(schemas.ReplyInput, input)
        return await ConversationActions(info.context.tx).reply(id, data, expected_version)

    @mutation
    async def send_message(
        self,
        info: GraphInfo,
        input: input_from(schemas.OutgoingInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
    ) -> Message:
        """Write to a contact; the message leaves by a job."""
        data = shape_given(schemas.OutgoingInput, input)
        return await ConversationActions(info.context.tx).send(data)

    @mutation
    async def assign_message(
        self,
        info: GraphInfo,
        id: UUID,
        input: input_from(schemas.AssignInput),  # pyright: ignore[reportInvalidTypeForm, reportUnknownParameterType]
        expected_version: int | None = None,
    ) -> Message:
        """Say whose message it is, or make a contact of its sender."""
        data = shape_given(schemas.AssignInput, input)
        return await MessageService(info.context.tx).assign(id, data, expected_version)

    @mutation
    async def cancel_message(
        self, info: GraphInfo, id: UUID, expected_version: int | None = None
    ) -> Message:
        """Keep a message from leaving that waits and was not tried yet."""
        return await ConversationActions(info.context.tx).cancel(id, expected_version)

    @mutation
    async def rotate_channel_secret(
        self, info: GraphInfo, id: UUID, grace_period_seconds: int = 86_400
    ) -> ChannelSecret:
        """Give a channel a secret, or another one; the answer holds it this once."""
        given = {"grace_period_seconds": grace_period_seconds}
        data = shape_given(schemas.ChannelSecretRotation, given)
        grace = timedelta(seconds=data.grace_period_seconds)
        return cast("Any", await ChannelService(info.context.tx).rotate_secret(id, grace))


QUERIES = (_CHANNELS.query(), _CONVERSATIONS.query(), _MESSAGES.query())
MUTATIONS = (_CHANNELS.mutation(), _CONVERSATIONS.mutation(), ConversationMutation)
