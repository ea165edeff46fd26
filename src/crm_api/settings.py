"""Every setting of the service, read from `CRM_*` environment variables."""

from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Read once, in `main`, `worker` and `cli`; the README's table is made from these fields."""

    model_config = SettingsConfigDict(
        env_prefix="CRM_", env_file=".env", extra="ignore", frozen=True
    )

    database_url: str | None = Field(
        None,
        description="PostgreSQL, as `postgresql://user:password@host/name`. "
        "Unset: `crm-api dev` starts an embedded server.",
    )
    migration_database_url: str | None = Field(
        None, description="The same database for `crm-api migrate`, as the owner of the tables."
    )
    database_pooler: Literal["none", "transaction"] = Field(
        "none", description="`transaction` behind a pooler such as PgBouncer: no session state."
    )
    database_pool_size: int = Field(10, ge=1, le=200, description="Connections per process.")
    database_timeout_s: float = Field(
        5.0, gt=0, description="Longest statement of a request, in seconds."
    )
    redis_url: str | None = Field(
        None, description="Redis, as `redis://host:6379/0`. Unset: embedded with `crm-api dev`."
    )
    data_dir: Path = Field(
        Path(".crm"), description="Embedded servers, uploaded files, generated secrets."
    )
    host: str = Field("127.0.0.1", description="Address the API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port the API listens on.")
    secret_key: str | None = Field(
        None,
        min_length=32,
        description="Signs cursors and keys the hashes of API keys; 32 characters or more. "
        "Needed by `serve` and `worker`; `dev` makes one in the data directory.",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest JSON body.")
    max_upload_bytes: int = Field(209_715_200, ge=1024, description="Largest uploaded file.")
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Browser origins that may call the API, separated by commas."
    )
    docs: bool = Field(default=True, description="Serve `/docs` and the GraphiQL page.")
    graphql_introspection: bool = Field(
        default=True, description="Let GraphQL clients ask for the schema."
    )
    graphql_max_cost: int = Field(
        20_000, ge=1, description="Dearest GraphQL document that is carried out."
    )
    graphql_persisted: Path | None = Field(
        None, description="JSON file of allowed GraphQL documents by their SHA-256."
    )
    graphql_persisted_only: bool = Field(
        default=False, description="Refuse GraphQL documents that are not in that file."
    )
    log_format: Literal["json", "console"] = Field("json", description="Shape of the log lines.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe level that is logged."
    )
    worker_jobs: int = Field(4, ge=1, le=64, description="Jobs one worker runs at a time.")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(filter(None, value.split(","))) if isinstance(value, str) else value

    @cached_property
    def signing_key(self) -> bytes:
        """The key of every HMAC, derived from `secret_key`."""
        if self.secret_key is None:
            raise MissingSetting("secret_key")
        return sha256(self.secret_key.encode()).digest()

    @property
    def files_dir(self) -> Path:
        """Where uploads and generated files are kept."""
        return self.data_dir / "files"


class MissingSetting(Exception):
    """A command needs a setting that nobody gave."""

    def __init__(self, name: str) -> None:
        super().__init__(f"CRM_{name.upper()} is not set")
