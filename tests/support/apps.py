"""Apps, and what they send for tokens."""

from base64 import urlsafe_b64encode
from hashlib import sha256
from urllib.parse import parse_qs, urlsplit

BACK = "https://app.example.com/callback?keep=1"
VERIFIER = "a-verifier-of-enough-letters-0123456789.~_-"
CHALLENGE = urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


async def made_app(client, **more):
    body = {"name": "Sample app", "redirect_uris": [BACK], "scopes": ["contacts:write"], **more}
    return await client.made("apps", body)


def asked(app, **more):
    return {
        "response_type": "code",
        "client_id": app["id"],
        "redirect_uri": BACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": "a state & more",
        **more,
    }


async def code_of(user, app, **more):
    answer = await user.post("/v1/oauth/consents", json=asked(app, **more))
    assert answer.status_code == 200, answer.text
    query = parse_qs(urlsplit(answer.json()["redirect_to"]).query)
    assert query["state"] == ["a state & more"]
    assert query["keep"] == ["1"]
    return query["code"][0]


async def token(api, app, auth=True, **form):
    basic = (app["id"], app["client_secret"]) if auth else None
    if not auth:
        form = {"client_id": app["id"], **form}
    return await api.post("/oauth/token", data=form, auth=basic)


def by_code(given, **more):
    return {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": BACK,
        "code_verifier": VERIFIER,
        **more,
    }


def refused(answer, error, status=400):
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found["error"] == error, found
    assert found["error_description"]
    assert answer.headers["cache-control"] == "no-store"
