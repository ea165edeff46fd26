"""Every setting of the service, read from `CRM_*` environment variables."""

from functools import cached_property
from hashlib import sha256
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import DirectoryPath, Field, StringConstraints, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

EncryptionKey = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{64}$")]


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
    replica_url: str | None = Field(
        None,
        description="A replica of the database (hot standby, same user): reports, metrics and "
        "dashboards are read there, as late as it is. Unset: from the database itself.",
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
    public_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+$",
        description="Where others find the service, such as `https://crm.example.com`; the issuer "
        "of its tokens. Unset: `http://` with host and port.",
    )
    consent_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s#]+$",
        description="The page that asks users whether an app may work in their name; "
        "`/oauth/authorize` sends browsers there.",
    )
    secret_key: str | None = Field(
        None,
        min_length=32,
        description="Signs cursors and keys the hashes of API keys; 32 characters or more. "
        "Needed by `serve` and `worker`; `dev` makes one in the data directory.",
    )
    encryption_keys: Annotated[tuple[EncryptionKey, ...], NoDecode] = Field(
        (),
        repr=False,
        description="Keys of what is encrypted at rest, separated by commas, each 64 hexadecimal "
        "digits: the first one encrypts, all of them decrypt. Needed by `serve` and `worker`; "
        "`dev` makes one in the data directory.",
    )
    max_body_bytes: int = Field(1_048_576, ge=1024, description="Largest JSON body.")
    max_bulk_bytes: int = Field(
        8_388_608, ge=1024, description="Largest JSON body of a bulk or batch request."
    )
    max_upload_bytes: int = Field(209_715_200, ge=1024, description="Largest uploaded file.")
    files_bucket: str | None = Field(
        None,
        pattern=r"^[a-z0-9][a-z0-9.\-_]{1,62}$",
        description="The bucket of an S3-compatible store in which files are kept. Unset: they are "
        "in the data directory, which all processes must then share.",
    )
    files_endpoint: str | None = Field(
        None,
        pattern=r"^https?://[^\s/?#]+$",
        description="Where that store is, such as `https://minio.internal:9000`. Unset: Amazon S3. "
        "A store in a private network needs no `CRM_OUTBOUND_NETWORKS`.",
    )
    files_region: str = Field("us-east-1", min_length=1, description="The region of the bucket.")
    files_access_key: str | None = Field(
        None, description="The id of the key to the bucket. Unset: the role of the machine."
    )
    files_secret_key: str | None = Field(None, repr=False, description="Its secret.")
    files_path_style: bool = Field(
        default=True,
        description="Whether the bucket stands in the path; false: in the name of the host.",
    )
    files_types: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="The types of attachments that are taken, separated by commas, such as "
        "`image/*,application/pdf`. Unset: all but programs.",
    )
    request_timeout_s: float = Field(
        30.0, gt=0, description="Longest wait for the beginning of an answer, in seconds."
    )
    rate_limit_key: int = Field(
        3_000,
        ge=0,
        description="Points that a credential may spend within a minute; a plain request costs "
        "one. 0: as many as it likes. An organization may have another (`crm-api org quota`).",
    )
    rate_limit_organization: int = Field(
        12_000, ge=0, description="The same for all credentials of an organization together."
    )
    silence_timeout_s: float = Field(
        60.0,
        ge=1,
        description="Seconds after which a connection ends that takes nothing of what it is sent "
        "(on Linux), that has not sent the whole head of a request, or a socket that answers no ping.",
    )
    followers: int = Field(
        1_000,
        ge=1,
        description="Most streams and sockets that are open at a time, per process; more get 503.",
    )
    followers_organization: int = Field(
        100, ge=1, description="The same for each organization; more get 429."
    )
    outbound_networks: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Private networks where webhooks and short messages may be sent and providers of "
        "logins be asked, separated by commas, such as `10.20.0.0/16`. Without it only public addresses are reached.",
    )
    trusted_proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        ("127.0.0.0/8", "::1/128"),
        description="Addresses or networks of the proxies in front of the service, separated by "
        "commas, such as `10.0.3.7`: of these `X-Forwarded-For` and `X-Forwarded-Proto` are "
        "believed, of nobody else.",
    )
    fx_file: Path | None = Field(
        None,
        description="A file of exchange rates that workers hand out to all organizations, four times "
        "a day: XML of the ECB (`eurofxref-daily.xml`), or CSV with the columns "
        "`day,base,quote,rate`. Unset: rates are set by the API alone.",
    )
    font_dir: DirectoryPath | None = Field(
        None,
        description="A directory of more fonts (`.otf`, `.ttf`, `.ttc`), for characters that those of the "
        "product do not draw in documents and charts.",
    )
    smtp_url: str | None = Field(
        None,
        pattern=r"^smtps?://[^\s/]+$",
        repr=False,
        description="The server that takes letters, as `smtp://user:password@host:587` (STARTTLS) "
        "or `smtps://…`. Unset: none are sent.",
    )
    mail_from: str = Field("crm-api@localhost", min_length=3, description="Whom letters are from.")
    mail_outbox: Path | None = Field(
        None,
        description="Directory for letters as `.eml` files, and for short messages as `.json` files, "
        "where no server takes them; `dev` has one in the data directory.",
    )
    sms_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s#]+$",
        description="The gateway that takes SMS: `id`, `to` and `text` are posted to it as JSON. "
        "Unset: none are sent.",
    )
    sms_token: str | None = Field(
        None, min_length=1, repr=False, description="What it wants as a bearer token."
    )
    messenger_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s#]+$",
        description="The gateway that takes messages for a messenger, in the same way.",
    )
    messenger_token: str | None = Field(
        None, min_length=1, repr=False, description="What that one wants as a bearer token."
    )
    pages_url: str | None = Field(
        None,
        pattern=r"^https?://[^\s#]+$",
        description="Where the front end has its pages `invitation`, `password-reset` and "
        "`notifications`; letters lead there. Unset: letters hold the bare token.",
    )
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
    telemetry: bool = Field(
        default=False,
        description="Send traces and metrics by OTLP, where and how `OTEL_*` say. Takes the extra "
        "`observability`.",
    )
    metrics_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description="Port at which Prometheus finds the metrics of this process, beside the API's. "
        "Takes the extra `observability`.",
    )
    worker_jobs: int = Field(4, ge=1, le=64, description="Jobs one worker runs at a time.")
    jobs_kept_days: int = Field(
        30, ge=1, le=3_650, description="Days after which jobs are removed that succeeded or ended."
    )
    jobs_failed_kept_days: int = Field(
        90, ge=1, le=3_650, description="Days after which jobs are removed that failed; no fewer."
    )

    @field_validator(
        *("cors_origins", "encryption_keys", "files_types", "outbound_networks"),
        "trusted_proxies",
        mode="before",
    )
    @classmethod
    def _split(cls, value: Any) -> Any:
        return _split_by_commas(value) if isinstance(value, str) else value

    @field_validator("outbound_networks", "trusted_proxies")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(str(ip_network(network)) for network in value)

    @cached_property
    def signing_key(self) -> bytes:
        """The key of every HMAC, derived from `secret_key`."""
        if self.secret_key is None:
            raise MissingSetting("secret_key")
        return sha256(self.secret_key.encode()).digest()

    @property
    def issuer(self) -> str:
        """Who signs tokens, and whom they are for."""
        return self.public_url or f"http://{self.host}:{self.port}"

    @property
    def files_dir(self) -> Path:
        """Where uploads and generated files are kept."""
        return self.data_dir / "files"


def _split_by_commas(text: str) -> tuple[str, ...]:
    return tuple(filter(None, map(str.strip, text.split(","))))


class MissingSetting(Exception):
    """A command needs a setting that nobody gave."""

    def __init__(self, name: str) -> None:
        super().__init__(f"CRM_{name.upper()} is not set")
