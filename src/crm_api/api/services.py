"""What the application keeps for the life of the process."""

import asyncio
import gc
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from functools import cache, partial
from uuid import UUID

import structlog

from crm_api.kit.actor import CREDENTIALS, Actor
from crm_api.kit.broadcast import Broadcast
from crm_api.kit.db.database import APP_ROLE, Database
from crm_api.kit.doorbell import Doorbell
from crm_api.kit.errors import CrmError
from crm_api.kit.files.local import LocalFiles
from crm_api.kit.files.store import Files
from crm_api.kit.followers import Followers
from crm_api.kit.outbound.addresses import Reach
from crm_api.kit.outbound.client import Outbound
from crm_api.kit.rates import Account, Rates, new_buckets
from crm_api.kit.secrets import Keyring
from crm_api.platform.access.rights import Rights
from crm_api.platform.accounts.accounts import Accounts
from crm_api.platform.identity.authenticator import Authenticator
from crm_api.platform.quotas.repository import Quotas
from crm_api.settings import MissingSetting, Settings

log = structlog.get_logger("crm_api.services")
NOTED_EVERY_S = 30.0


class AppServices:
    """The database, what rings and tells by Redis, accounts and the authenticator."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.database = open_database(settings)
        self.files = open_files(settings)
        rights = Rights(self.database)
        self.outbound = Outbound(self.database.reach, plain=False)
        self.accounts = Accounts(self.database, settings.issuer, self.outbound)
        self.authenticator = Authenticator(self.database, rights, self.accounts.tokens)
        self.doorbell = Doorbell(settings.redis_url)
        self.buckets = new_buckets(settings.redis_url)
        quotas = Quotas(
            self.database,
            key=settings.rate_limit_key,
            organization=settings.rate_limit_organization,
        )
        self.rates = Rates(self.buckets, quotas.rates)
        self.followers = Followers(settings.followers, settings.followers_organization)
        self.broadcast = Broadcast(settings.redis_url)
        self.broadcast.on(CREDENTIALS, self.authenticator.forget)
        self.database.tell = self.broadcast.tell
        self.database.news = self.broadcast.news
        self._noting: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Listen to what other processes announce, and note now and then what was used."""
        self.broadcast.start()
        self._noting = asyncio.create_task(self._note_use())

    async def _note_use(self) -> None:
        while True:
            await asyncio.sleep(NOTED_EVERY_S)
            try:
                await self.authenticator.note_use()
            except CrmError as error:
                log.warning("cannot note the use of keys", error=error.detail)

    async def authenticate(self, authorization: str | None, address: str | None = None) -> Actor:
        """The actor of a credential used at an address; raises `Unauthenticated`."""
        return await self.authenticator.authenticate(authorization, address)

    async def admit(self, actor: Actor, points: int = 1) -> Account:
        """Let in a request that costs so many points; raises `RateLimited`."""
        assert actor.id is not None  # nobody else sends requests
        return await self.rates.admit(actor.organization_id, actor.id, points)

    async def ring(self, organization_id: UUID, jobs: Sequence[UUID]) -> None:
        """Tell the workers; a ring that is lost costs them one look at the table."""
        await self.doorbell.ring(organization_id, jobs)

    def listening(self, organization_id: UUID) -> AbstractContextManager[asyncio.Event]:
        """A bell that rings when something happens in an organization."""
        return self.broadcast.listening(organization_id)

    async def close(self) -> None:
        """Let go of every connection."""
        if self._noting is not None:
            self._noting.cancel()
            with suppress(CrmError):
                await self.authenticator.note_use()
        await self.accounts.logins.told()
        await self.broadcast.close()
        await self.doorbell.close()
        await self.buckets.close()
        await self.outbound.close()
        await self.database.close()


def open_database(settings: Settings, role: str = APP_ROLE) -> Database:
    """The pool that the settings describe; raises `MissingSetting`."""
    if settings.database_url is None:
        raise MissingSetting("database_url")
    pooler = settings.database_pooler == "transaction"
    open_at = partial(
        Database,
        signing_key=settings.signing_key,
        secrets=Keyring([bytes.fromhex(key) for key in settings.encryption_keys]),
        role=None if pooler else role,
        pool_size=settings.database_pool_size,
        timeout_s=settings.database_timeout_s,
        pooler=pooler,
        reach=Reach(settings.outbound_networks),
    )
    database = open_at(settings.database_url)
    if settings.replica_url is not None:
        database.replica = open_at(settings.replica_url)
    return database


def open_files(settings: Settings) -> Files:
    """Where the settings have files kept: in a bucket, or else in the data directory."""
    if settings.files_bucket is None:
        return LocalFiles(settings.files_dir)
    from crm_api.kit.files.objects import Bucket, ObjectFiles

    return ObjectFiles(
        Bucket(
            settings.files_bucket,
            settings.files_region,
            settings.files_endpoint,
            settings.files_access_key,
            settings.files_secret_key,
            settings.files_path_style,
        )
    )


@cache
def spare_garbage_collector() -> None:
    """Have it pass over what lives as long as the process, when the first of its parts is ready.

    With how seldom it looks at the rest (`crm_api/__init__.py`) this makes the slowest requests
    eight times faster, and an import by a tenth.
    """
    gc.collect()
    gc.freeze()
