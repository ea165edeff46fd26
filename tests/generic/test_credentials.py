"""Bad credentials at every route: each is a 401 that names what is wrong."""

import hmac
import json
import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from itertools import cycle, islice
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from support.clients import Api, problem
from support.people import joined, logged_in

METHODS = ("get", "post", "put", "patch", "delete")


def encoded(value):
    raw = json.dumps(value).encode() if isinstance(value, dict) else value
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part):
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


class Forger:
    """Somebody with a good token, the public keys and much imagination."""

    def __init__(self, good, signer_key, public):
        self.good = good
        self.head, self.body, self.signature = good.split(".")
        self.header, self.claims = decoded(self.head), decoded(self.body)
        self.key, self.public = signer_key, public

    def signed(self, header=None, **claims):
        """A token with a true signature and other contents."""
        contents = {k: v for k, v in {**self.claims, **claims}.items() if v is not None}
        header = {**self.header, **(header or {})}
        return jwt.encode(header, contents, self.key, algorithms=["ES256"])

    def unsigned(self, algorithm):
        return f"{encoded({**self.header, 'alg': algorithm})}.{self.body}."

    def confused(self, secret):
        """A MAC by what everybody may know: the public key."""
        header = {**self.header, "alg": "HS256"}
        # By hand: no library would still do it.
        signed = f"{encoded(header)}.{self.body}"
        return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), 'sha256'))}"

    def foreign(self):
        """A token of another installation."""
        other = ECKey.generate_key("P-256")
        header = {**self.header, "kid": other.thumbprint()}
        return jwt.encode(header, self.claims, other, algorithms=["ES256"])

    def impostor(self):
        """Another key under the name of the true one."""
        return jwt.encode(
            self.header, self.claims, ECKey.generate_key("P-256"), algorithms=["ES256"]
        )


def tokens_of(forger):
    past, now = int(time.time()) - 1, int(time.time())
    other_claims = encoded({**forger.claims, "org": str(uuid4())})
    pem = forger.public.as_pem(private=False)
    return {
        "expired": (forger.signed(exp=past), "expired_token"),
        "without an end": (forger.signed(exp=None), "incomplete_token"),
        "an end that is no number": (forger.signed(exp=str(now + 600)), "expired_token"),
        "of another audience": (
            forger.signed(aud="https://elsewhere.example.com"),
            "wrong_audience",
        ),
        "of another issuer": (forger.signed(iss="https://elsewhere.example.com"), "wrong_issuer"),
        "without a session": (forger.signed(sid=None), "incomplete_token"),
        "of a session that never was": (forger.signed(sid=str(uuid4())), "session_ended"),
        "of a session elsewhere": (forger.signed(org=str(uuid4())), "session_ended"),
        "a session that is no id": (forger.signed(sid="1 OR 1=1"), "incomplete_token"),
        "of another type": (forger.signed({"typ": "JWT"}), "wrong_token_type"),
        "with a critical extension": (
            forger.signed()
            and f"{encoded({**forger.header, 'crit': ['x'], 'x': 1})}.{forger.body}.{forger.signature}",
            "bad_signature",
        ),
        "unsigned": (forger.unsigned("none"), "wrong_algorithm"),
        "unsigned, in capitals": (forger.unsigned("NONE"), "wrong_algorithm"),
        "signed by a MAC of the public key": (forger.confused(pem), "wrong_algorithm"),
        "signed by a MAC of the key as JSON": (
            forger.confused(json.dumps(forger.public.as_dict(private=False)).encode()),
            "wrong_algorithm",
        ),
        "without a signature": (f"{forger.head}.{forger.body}.", "bad_signature"),
        "of two parts": (f"{forger.head}.{forger.body}", "malformed_token"),
        "truncated": (forger.good[:-8], "bad_signature"),
        "truncated to its head": (forger.head, "malformed_token"),
        "with other contents": (
            f"{forger.head}.{other_claims}.{forger.signature}",
            "bad_signature",
        ),
        "of another installation": (forger.foreign(), "unknown_key"),
        "of an impostor": (forger.impostor(), "bad_signature"),
        "of a key that is none": (forger.signed({"kid": "../../etc/passwd"}), "unknown_key"),
        "without a key": (
            f"{encoded({'alg': 'ES256', 'typ': 'at+jwt'})}.{forger.body}.{forger.signature}",
            "unknown_key",
        ),
        "endless": ("eyJ" + "A" * 20_000 + ".e30.x", "malformed_token"),
        "no token": ("nonsense", "malformed_token"),
        "not ASCII": ("eyJé.e30.x", "malformed_token"),
        "an API key that never was": ("crm_abcdefgh_" + "a" * 40, "invalid_key"),
        "a piece of an API key": ("crm_abcdefgh_", "invalid_key"),
    }


@pytest.fixture
async def forger(client, app):
    person = await joined(client)
    good = (await logged_in(app, person))["access_token"]
    signer = app.state.services.accounts.signer
    known = (await signer._known())[decoded(good.split(".")[0])["kid"]]
    return Forger(good, known.key, ECKey.import_key(dict(known.public)))


@pytest.fixture
async def bad(forger, client, app):
    """Every bad token by name, with the code that it is refused with."""
    found = tokens_of(forger)
    key = await client.made("api-keys", {"name": "Revoked", "scopes": ["*"]})
    await client.delete(f"/v1/api-keys/{key['id']}")
    found["a revoked API key"] = (key["token"], "invalid_key")
    person = await joined(client)
    async with Api(app, (await logged_in(app, person))["access_token"]) as api:
        await api.post("/v1/auth/logout")
        found["of a session that has ended"] = (api.token, "session_ended")
    return found


def operations(app):
    for path, item in app.openapi()["paths"].items():
        for method in METHODS:
            if item.get(method, {}).get("security"):
                yield method, path


async def test_the_good_token_is_good(forger, app):
    async with Api(app, forger.signed()) as api:
        assert (await api.get("/v1/me")).status_code == 200


async def test_each_mistake_is_named(bad, app):
    for name, (token, code) in bad.items():
        async with Api(app) as api:
            headers = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
            answer = await api.get("/v1/me", headers=headers)
            found = problem(answer, 401)
            assert found["code"] == code, (name, found)
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert token not in answer.text or len(token) < 10


async def test_every_route_refuses_bad_tokens(bad, app):
    asked = list(operations(app))
    assert len(asked) > 100
    # Each of them at many routes, and several at each.
    tokens = cycle([token for token, _ in bad.values()])
    async with Api(app) as api:
        for method, path in asked:
            url = re.sub(r"\{[^}]*\}", str(uuid4()), path)
            for token in islice(tokens, 5):
                headers = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
                answer = await api.request(method, url, headers=headers)
                problem(answer, 401)


def one_of_each(app):
    """An operation of every kind, by what it takes and what it gives: streams, files, uploads …"""
    found = {}
    for method, path in operations(app):
        told = app.openapi()["paths"][path][method]
        takes = told.get("requestBody", {}).get("content", {})
        gives = [one.get("content", {}) for one in told["responses"].values()]
        found.setdefault((method, *takes, *{t for one in gives for t in one}), (method, path))
    return [*found.values(), ("head", "/v1/attachments/{id}/content")]


async def test_every_kind_of_route_refuses_every_bad_token(bad, app):
    kinds = one_of_each(app)
    assert any(path.endswith(("/stream", "/events")) for _, path in kinds)
    async with Api(app) as api:
        for method, path in kinds:
            url = re.sub(r"\{[^}]*\}", str(uuid4()), path)
            for name, (token, code) in bad.items():
                headers = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
                answer = await api.request(method, url, headers=headers)
                assert answer.status_code == 401, (method, path, name)
                assert method == "head" or answer.json()["code"] == code, (method, path, name)


async def test_graphql_refuses_every_bad_token(bad, app):
    asked = {"query": "{me{id}}"}
    async with Api(app) as api:
        for name, (token, code) in bad.items():
            headers = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
            for answer in (
                await api.post("/graphql", json=asked, headers=headers),
                await api.get("/graphql", params=asked, headers=headers),
            ):
                assert answer.status_code == 401, name
                assert answer.json()["code"] == code, name


async def greeted(app, token):
    """What the socket of GraphQL answers to whoever introduces themselves by a token."""
    begin = {"type": "connection_init", "payload": {"Authorization": f"Bearer {token}"}}
    coming = iter(
        [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": json.dumps(begin)}]
    )
    said = []

    async def receive():
        return next(coming, {"type": "websocket.disconnect", "code": 1000})

    async def send(message):
        said.append(message)

    scope = {
        "type": "websocket",
        "scheme": "ws",
        "http_version": "1.1",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [],
        "client": ("127.0.0.1", 50_000),
        "server": ("crm.test", 80),
        "subprotocols": ["graphql-transport-ws"],
    }
    await app(scope, receive, send)
    return said[-1]


async def test_the_socket_of_graphql_refuses_every_bad_token(bad, forger, app):
    assert "connection_ack" in (await greeted(app, forger.signed()))["text"]
    for name, (token, _) in bad.items():
        last = await greeted(app, token)
        assert (last["type"], last.get("code")) == ("websocket.close", 4403), name


async def test_only_these_routes_need_no_credential(app):
    open_to_all = {
        path
        for path, item in app.openapi()["paths"].items()
        for method in METHODS
        if method in item and not item[method].get("security")
    }
    assert open_to_all == {
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/oauth/authorize",
        "/oauth/introspect",
        "/oauth/revoke",
        "/oauth/token",
        "/healthz",
        "/readyz",
        "/public/attachments/{token}",
        "/public/automations/{token}",
        "/public/booking-pages/{token}",
        "/public/booking-pages/{token}/book",
        "/public/booking-pages/{token}/page",
        "/public/booking-pages/{token}/slots",
        "/public/bookings/{token}",
        "/public/bookings/{token}/cancel",
        "/public/bookings/{token}/page",
        "/public/bookings/{token}/reschedule",
        "/public/bookings/{token}/slots",
        "/public/cases/{token}",
        "/public/cases/{token}/page",
        "/public/cases/{token}/rate",
        "/public/deliveries/{token}",
        "/public/deliveries/{token}/deliverables/{id}/accept",
        "/public/deliveries/{token}/deliverables/{id}/reject",
        "/public/deliveries/{token}/page",
        "/public/exports/{token}",
        "/public/lead-confirmations/{token}",
        "/public/lead-confirmations/{token}/confirm",
        "/public/lead-confirmations/{token}/page",
        "/public/lead-forms/{token}",
        "/public/lead-forms/{token}/page",
        "/public/lead-forms/{token}/submit",
        "/public/feeds/{token}.ics",
        "/public/mailings/clicks/{token}",
        "/public/mailings/opens/{token}",
        "/public/mailings/unsubscribe/{token}",
        "/public/outreach/unsubscribe/{token}",
        "/public/resource-feeds/{token}.ics",
        "/public/quotes/{token}",
        "/public/quotes/{token}/accept",
        "/public/quotes/{token}/decline",
        "/public/quotes/{token}/document",
        "/public/quotes/{token}/options",
        "/public/quotes/{token}/page",
        "/public/quotes/{token}/questions",
        "/public/unsubscribe/{token}",
        "/v1/auth/accept-invitation",
        "/v1/inbox/messages",
        "/v1/auth/forgot-password",
        "/v1/auth/login",
        "/v1/auth/outside",
        "/v1/auth/outside/finish",
        "/v1/auth/refresh",
        "/v1/auth/reset-password",
        "/v1/auth/confirm-email",
    }
