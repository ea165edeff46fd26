"""A small provider of OpenID Connect on this machine, which signs what tests tell it to."""

import asyncio
import socket
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote_plus, urlsplit
from uuid import uuid4

import httpx
import uvicorn
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

CLIENT, SECRET = "the crm", "a secret: with / and %"
Sign = Callable[[dict[str, Any]], str]


@dataclass
class Provider:
    """Who logs in is `person`; the rest is what a test changes."""

    issuer: str
    person: dict[str, Any] = field(
        default_factory=lambda: {
            "sub": uuid4().hex,
            "email": "member@example.com",
            "email_verified": True,
            "name": "Sample Member",
        }
    )
    claims: dict[str, Any] = field(default_factory=dict)
    """Claims of the next ID tokens instead of the right ones; None leaves one out."""
    metadata: dict[str, Any] = field(default_factory=dict)
    sign: Sign | None = None
    keys: list[Any] = field(default_factory=lambda: [new_key()])
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    """The paths that were asked for."""

    @property
    def published(self) -> dict[str, Any]:
        """Its configuration."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize?tenant=1",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }

    def rotate(self) -> None:
        """Sign by another key from now on."""
        self.keys = [new_key()]

    def id_token(self, nonce: str) -> str:
        """What the token endpoint hands out."""
        now = int(time.time())
        stamps = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce}
        claims = {**stamps, **self.person, **self.claims}
        claims = {name: value for name, value in claims.items() if value is not None}
        if self.sign is not None:
            return self.sign(claims)
        return signed(self.keys[0], claims)


def new_key() -> RSAKey:
    """A key to sign by."""
    return RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256"}, auto_kid=True)


def signed(key: RSAKey | ECKey, claims: dict[str, Any], algorithm: str = "RS256") -> str:
    """A token."""
    return jwt.encode({"alg": algorithm, "kid": key.kid}, claims, key, algorithms=[algorithm])


async def visited(url: str) -> dict[str, str]:
    """What the provider sends the browser of a person back with."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(url)
    assert answer.status_code == 302, answer.text
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


@asynccontextmanager
async def serving() -> AsyncIterator[Provider]:
    """A provider that answers while the context is open."""
    listening = socket.create_server(("127.0.0.1", 0))
    provider = Provider(f"http://127.0.0.1:{listening.getsockname()[1]}")
    config = uvicorn.Config(_app(provider), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - the library has no event for it
        await asyncio.sleep(0.01)
    yield provider
    server.should_exit = True
    await running
    listening.close()


def _app(provider: Provider) -> Starlette:
    async def configuration(_request: Request) -> Response:
        return JSONResponse(provider.published)

    async def keys(request: Request) -> Response:
        provider.asked.append(request.url.path)
        return JSONResponse({"keys": [key.as_dict(private=False) for key in provider.keys]})

    async def authorize(request: Request) -> Response:
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert asked["tenant"] == "1"
        code = uuid4().hex
        provider.codes[code] = asked
        back = httpx.URL(asked["redirect_uri"]).copy_merge_params(
            {"code": code, "state": asked["state"], "iss": provider.issuer}
        )
        return RedirectResponse(str(back), status_code=302)

    async def token(request: Request) -> Response:
        provider.asked.append(request.url.path)
        form = {n: v[0] for n, v in parse_qs((await request.body()).decode()).items()}
        scheme, _, pair = request.headers["authorization"].partition(" ")
        client, _, secret = b64decode(pair).decode().partition(":")
        known = (scheme, unquote_plus(client), unquote_plus(secret)) == ("Basic", CLIENT, SECRET)
        asked = provider.codes.pop(form["code"], None)
        challenge = sha256(form["code_verifier"].encode()).digest()
        if (
            not known
            or asked is None
            or asked["redirect_uri"] != form["redirect_uri"]
            or urlsafe_b64encode(challenge).rstrip(b"=").decode() != asked["code_challenge"]
        ):
            return JSONResponse({"error": "invalid_grant"}, status_code=400)
        found = {"token_type": "Bearer", "access_token": "one"}
        return JSONResponse({**found, "id_token": provider.id_token(asked["nonce"])})

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", configuration),
            Route("/keys", keys),
            Route("/authorize", authorize),
            Route("/token", token, methods=["POST"]),
        ]
    )
