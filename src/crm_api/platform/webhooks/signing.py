"""Secrets and signatures of Standard Webhooks 1.0."""

import hmac
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

from crm_api.kit.db.json import decode, encode
from crm_api.kit.secrets import Keyring, Place

PREFIX = "whsec_"
MOST_SECRETS = 3
MOST_SIGNATURES = 10
_SECRET_BYTES = 32
_TABLE = "webhooks"
# Names that the request, proxies or clouds give a meaning of their own.
_RESERVED = re.compile(
    r"(webhook-|crm-|content-|x-forwarded-|x-amz-|x-goog|x-azure-|proxy-|sec-|:).*"
    r"|accept-encoding|connection|cookie|date|expect|forwarded|host|keep-alive"
    r"|metadata|metadata-flavor|te|trace(parent|state)|trailer|transfer-encoding|upgrade|user-agent|via"
)


def new_secret() -> str:
    """A secret as receivers enter it into their libraries."""
    return PREFIX + b64encode(os.urandom(_SECRET_BYTES)).decode()


def signature(secrets: Iterable[str], id: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`: one signature for each secret."""
    signed = f"{id}.{timestamp}.".encode() + body
    return " ".join(
        f"v1,{b64encode(hmac.digest(_key(secret), signed, sha256)).decode()}" for secret in secrets
    )


def is_signed(secrets: Iterable[str], id: str, timestamp: int, body: bytes, given: str) -> bool:
    """Whether one of the signatures that came was made by one of the secrets."""
    wanted = [signature([secret], id, timestamp, body).encode() for secret in secrets]
    found = [one.encode() for one in given.split(" ")[:MOST_SIGNATURES]]
    # Each is compared with each, so that no time tells which of them is near.
    return sum(hmac.compare_digest(one, own) for one in found for own in wanted) > 0


def _key(secret: str) -> bytes:
    return b64decode(secret.removeprefix(PREFIX))


def is_reserved(header: str) -> bool:
    """Whether a header of this name is not the client's to set."""
    return _RESERVED.fullmatch(header) is not None


class Safe:
    """The secrets and headers of one endpoint, or of what is alike, sealed and opened."""

    def __init__(
        self, keyring: Keyring, organization_id: UUID, id: UUID, table: str = _TABLE
    ) -> None:
        self._keyring, self._table = keyring, table
        self._place = (organization_id, id)

    def _at(self, column: str) -> Place:
        organization_id, id = self._place
        return Place(organization_id, self._table, column, id)

    def begin(self, secret: str) -> str:
        """What is stored of the first secret."""
        return self._sealed([{"secret": secret, "until": None}])

    def rotate(self, sealed: str, secret: str, until: datetime) -> str:
        """What is stored with a new secret, while the former ones still sign for a while."""
        ends = until.isoformat()
        former = [{**one, "until": min(one["until"] or ends, ends)} for one in self._kept(sealed)]
        return self._sealed([{"secret": secret, "until": None}, *former][:MOST_SECRETS])

    def secrets(self, sealed: str, now: datetime) -> list[str]:
        """The secrets that sign at a moment, the newest first."""
        return [
            one["secret"]
            for one in self._kept(sealed)
            if one["until"] is None or datetime.fromisoformat(one["until"]) > now
        ]

    def _sealed(self, kept: list[dict[str, Any]]) -> str:
        return self._keyring.seal(encode(kept).decode(), self._at("secrets"))

    def _kept(self, sealed: str) -> list[dict[str, Any]]:
        return decode(self._keyring.open(sealed, self._at("secrets")).encode())

    def seal_headers(self, headers: dict[str, str]) -> str | None:
        """What is stored of headers."""
        if not headers:
            return None
        return self._keyring.seal(encode(headers).decode(), self._at("sealed_headers"))

    def headers(self, sealed: str | None) -> dict[str, str]:
        """The headers back."""
        if sealed is None:
            return {}
        return decode(self._keyring.open(sealed, self._at("sealed_headers")).encode())
