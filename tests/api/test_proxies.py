"""Who asks is what a trusted proxy says, and nobody else."""

import pytest

from support.processes import Server

GUEST = "203.0.113.7"


@pytest.mark.parametrize(
    ("trusted", "asked_from", "status"),
    [
        (None, GUEST, 200),  # the loopback, by which the test comes
        ("127.0.0.1", GUEST, 200),
        ("10.0.0.0/8,127.0.0.0/8", f"198.51.100.9, {GUEST}", 200),
        ("127.0.0.1", "198.51.100.9", 403),
        # What somebody has put before what the proxy adds is not believed.
        ("127.0.0.1", f"{GUEST}, 198.51.100.9", 403),
        ("10.0.0.0/8", GUEST, 403),
    ],
)
async def test_addresses_of_keys_are_those_behind_a_trusted_proxy(
    client, org, settings, trusted, asked_from, status
):
    body = {"name": "Bound", "scopes": ["contacts:read"], "allowed_addresses": [GUEST]}
    token = (await client.made("api-keys", body))["token"]
    server = Server(settings, **({} if trusted is None else {"CRM_TRUSTED_PROXIES": trusted}))
    try:
        server.wait()
        async with server.client(org) as api:
            said = {"X-Forwarded-For": asked_from, "X-Forwarded-Proto": "https"}
            headers = {**said, "Authorization": f"Bearer {token}"}
            answer = await api.get("/v1/contacts", headers=headers)
        assert answer.status_code == status, answer.text
        is_believed = trusted != "10.0.0.0/8"
        assert ("strict-transport-security" in answer.headers) is is_believed
    finally:
        server.kill()
