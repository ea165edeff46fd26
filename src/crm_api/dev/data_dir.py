"""What the development set-up keeps in its data directory, and who else may use it."""

import json
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from crm_api.embedded import EmbeddedPostgres, EmbeddedRedis
from crm_api.settings import Settings

DATABASE = "crm"


class DemoKey(NamedTuple):
    """The demo organization and a key that opens it."""

    organization_id: UUID
    api_key: str


class DataDir:
    """The files of one data directory, each readable by its owner alone."""

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.postgres = EmbeddedPostgres(self.path / "postgres")
        self.redis = EmbeddedRedis(self.path / "redis")

    def secret_key(self) -> str:
        """The generated `CRM_SECRET_KEY`; made at the first call."""
        return self._find_or_make("secret_key", secrets.token_urlsafe(48))

    def find_secret_key(self) -> str | None:
        """The generated `CRM_SECRET_KEY`, if there is one."""
        return self._find("secret_key")

    def encryption_key(self) -> str:
        """The generated `CRM_ENCRYPTION_KEYS`; made at the first call."""
        return self._find_or_make("encryption_key", secrets.token_hex(32))

    def find_encryption_key(self) -> str | None:
        """The generated `CRM_ENCRYPTION_KEYS`, if there is one."""
        return self._find("encryption_key")

    def _find_or_make(self, name: str, fresh: str) -> str:
        found = self._find(name)
        if found is None:
            found = fresh
            _write(self.path / name, found)
        return found

    def _find(self, name: str) -> str | None:
        with suppress(FileNotFoundError):
            return (self.path / name).read_text().strip() or None
        return None

    def find_demo_key(self) -> DemoKey | None:
        """The key of the demo organization as it was last written."""
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError):
            found = json.loads((self.path / "demo.json").read_text())
            return DemoKey(UUID(found["organization_id"]), str(found["api_key"]))
        return None

    def keep_demo_key(self, key: DemoKey) -> None:
        """Write the key of the demo organization down."""
        shown = {"organization_id": str(key.organization_id), "api_key": key.api_key}
        _write(self.path / "demo.json", json.dumps(shown, indent=2) + "\n")


def completed(settings: Settings) -> Settings:
    """The settings, with what is missing taken from a `crm-api dev` that runs here."""
    data_dir = DataDir(settings.data_dir)
    found: dict[str, Any] = {}
    if settings.secret_key is None:
        found["secret_key"] = data_dir.find_secret_key()
    if not settings.encryption_keys:
        key = data_dir.find_encryption_key()
        found["encryption_keys"] = () if key is None else (key,)
    if settings.database_url is None and data_dir.postgres.find():
        found["database_url"] = data_dir.postgres.dsn(DATABASE)
    if settings.redis_url is None and data_dir.redis.find():
        found["redis_url"] = data_dir.redis.url()
    return settings.model_copy(update=found)


def url_of(settings: Settings) -> str:
    """Where the API of these settings is found from this machine."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 # nosec B104 - read, not bound
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.port}"


def _write(path: Path, text: str) -> None:
    # Complete or not at all, and never readable by others, not even for a moment.
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)
