"""Campaigns of tests, and who is in their audiences."""

from uuid import uuid4

TO = {"channel": "email", "purpose": "newsletter"}


async def person(client, agreed=True, **more):
    """The id of somebody who may be reached, unless they did not agree."""
    emails = [{"value": f"{uuid4().hex}@example.com", "primary": True}]
    made = await client.made("contacts", {"last_name": "Person", "emails": emails, **more})
    if agreed:
        body = {"target": "contact", "record_id": made["id"], "state": "granted", **TO}
        await client.made("consents", {**body, "basis": "consent", "evidence": {"source": "form"}})
    return made["id"]


async def segment(client, *ids, kind="static", **more):
    """The id of a segment of these."""
    made = await client.made("segments", {"name": uuid4().hex, "kind": kind, **more})
    answer = await client.post(f"/v1/segments/{made['id']}/members", json={"add": list(ids)})
    assert answer.status_code == 200, answer.text
    assert answer.json()["added"] == len(ids), answer.text
    return made["id"]


async def campaign(client, *segments, **more):
    """The id of a draft that would reach these."""
    body = {"name": "Spring offers", **TO, "include_segment_ids": list(segments), **more}
    return (await client.made("campaigns", body))["id"]


async def done(client, id, verb, status=200, **body):
    """What came of an action."""
    answer = await client.post(f"/v1/campaigns/{id}/{verb}", json=body or None)
    assert answer.status_code == status, answer.text
    return answer.json()


async def members(client, id, **asked):
    """Who is in a frozen audience."""
    return (await client.read(f"campaigns/{id}/members", limit=200, **asked))["data"]
