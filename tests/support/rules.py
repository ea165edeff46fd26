"""Rules that are published, and their runs."""

from support.waiting import patiently

CREATED = {"type": "event", "events": ["contact.created"]}
TAG = {"action": "update", "patch": {"tags": ["new"]}}


class Rules:
    """What tests do with rules, as one client."""

    def __init__(self, client):
        self.client = client

    async def draft(self, *steps, trigger=CREATED, **more):
        body = {"name": "Example", "trigger": trigger, "steps": list(steps), **more}
        return (await self.client.made("automations", body))["id"]

    async def active(self, *steps, trigger=CREATED, **more):
        id = await self.draft(*steps, trigger=trigger, **more)
        await self.act(id, "publish")
        return id

    async def act(self, id, action, body=None, status=200):
        answer = await self.client.post(f"/v1/automations/{id}/{action}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def runs(self, id, **params):
        return (await self.client.read(f"automations/{id}/runs", **params))["data"]

    async def ended(self, id, count=1, status="succeeded"):
        """The runs of a rule, the first one first, once so many have ended like this."""
        found = []
        async for _ in patiently():
            found = await self.runs(id, limit=200)
            if len([run for run in found if run["finished_at"]]) >= count:
                break
        assert [run["status"] for run in found] == [status] * count, found
        return [await self.client.read(f"automation-runs/{run['id']}") for run in reversed(found)]

    async def until(self, id, status):
        """The only run of a rule, once it stands like this."""
        async for _ in patiently():
            found = await self.runs(id)
            if found and found[0]["status"] == status:
                break
        return found[0]
