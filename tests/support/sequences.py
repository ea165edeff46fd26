"""Sequences, as tests have them run: published, with somebody who may be written to."""

from typing import Any
from uuid import uuid4

from support.clients import Api
from support.waiting import patiently

MAIL = {"action": "mail", "subject": "Hello {{ contact.first_name }}", "body": "It is ready."}
ALWAYS = {
    "weekdays": [
        *("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"),
    ],
    "starts_at": "00:00",
    "ends_at": "23:59",
    "heeds_holidays": False,
}
"""A window that is closed for the last minute of a day alone."""


async def reachable(api: Api, **more: Any) -> dict[str, Any]:
    """A contact who has agreed to news by mail, at an address to which nobody else writes."""
    address = f"{uuid4().hex}@example.org"
    body = {"first_name": "Sample", "last_name": "Person", "email": address, **more}
    contact = await api.made("contacts", body)
    await agree(api, contact)
    return {**contact, "address": address}


async def agree(api: Api, contact: dict[str, Any]) -> None:
    """Have a contact agree to news by mail."""
    said = {"purpose": "news", "channel": "email", "state": "granted", "basis": "consent"}
    about = {"target": "contact", "record_id": contact["id"], "evidence": {"source": "form"}}
    answer = await api.post("/v1/consents", json={**about, **said})
    assert answer.status_code == 201, answer.text


async def published(api: Api, *steps: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A sequence of news that runs, at any hour."""
    if "channel_id" not in more:
        address = f"{uuid4().hex}@example.com"
        channel = await api.made("channels", {"name": "News", "addresses": [address]})
        more["channel_id"] = channel["id"]
    given = {"name": "After the fair", "purpose": "news", "send_window": ALWAYS, **more}
    made = await api.made("sequences", {**given, "steps": list(steps)})
    return await did(api, "sequences", made, "publish")


async def did(api: Api, plural: str, record: dict[str, Any], verb: str, **body: Any) -> Any:
    """A record after an action."""
    given = {"json": body} if body else {}
    answer = await api.post(f"/v1/{plural}/{record['id']}/{verb}", **given)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def enrolled(
    api: Api, sequence: dict[str, Any], contact: dict[str, Any], **more: Any
) -> dict[str, Any]:
    """Somebody who goes through a sequence."""
    body = {"sequence_id": sequence["id"], "contact_id": contact["id"], **more}
    return await api.made("sequence-enrolments", body)


async def becomes(api: Api, enrolment: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """An enrolment, once it says all this; takes a worker."""
    found: dict[str, Any] = {}
    async for _ in patiently():
        found = await api.read(f"sequence-enrolments/{enrolment['id']}")
        if all(found[name] == value for name, value in wanted.items()):
            break
        if found["status"] in {"failed", "exited"} and wanted.get("status") != found["status"]:
            raise AssertionError(found)
    return found


async def steps_of(api: Api, enrolment: dict[str, Any]) -> list[tuple[str, str, str]]:
    """What was done: where, what, and what came of it."""
    log = (await api.read(f"sequence-enrolments/{enrolment['id']}/steps"))["data"]
    return [(one["place"], one["action"], one["outcome"]) for one in log]
