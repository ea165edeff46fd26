"""Guards that want an approval: what opens them, for whom, and until when."""

from uuid import UUID, uuid4

import pytest

from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.outreach.gate import Question, reach
from support.approving import Approving, by
from support.clients import tx_of

RULE = {
    "name": "Ask first",
    "effect": "require_approval",
    "filter": {"created_at": {"gte": "2000-01-01T00:00:00Z"}},
}


@pytest.fixture
def approving(client):
    return Approving(client)


@pytest.fixture
def person(client):
    async def made(**more):
        id = (await client.made("contacts", {"last_name": "Person", **more}))["id"]
        said = {"basis": "consent", "evidence": {"source": "form"}, "channel": "email"}
        for purpose in ("promotion", "dunning"):
            await client.made("consents", {**said, "purpose": purpose, "record_id": id})
        return id

    return made


@pytest.fixture
def verdict(client):
    async def verdict(id, purpose="promotion"):
        """The reasons against reaching somebody, and what the only rule says."""
        items = [{"channel": "email", "purpose": purpose, "record_id": id}]
        answer = await client.post("/v1/guards/evaluate", json={"items": items})
        assert answer.status_code == 200, answer.text
        (row,) = answer.json()["data"]
        return row["reasons"], row["rules"][0]["verdict"]

    return verdict


CLOSED = (["approval_required"], "approval_required")
OPEN = ([], "passed")


async def approved(approving, who, **about):
    """A request that is approved."""
    asked = await approving.client.made("approvals", about)
    return await approving.act(who.api, asked["id"], "approve")


async def test_an_approval_of_the_purpose_opens_until_it_is_voided(
    client, approving, person, verdict, org, world
):
    id, other = await person(email="one@example.com"), await person(email="two@example.com")
    await client.made("guard-rules", RULE)
    (who,) = await approving.approvers(1)
    policies = {"promotion": "Promotion", "general": "Other"}
    for purpose, name in policies.items():
        more = {"purpose": purpose, "name": name, "material_fields": ["email"]}
        await approving.policy(by(who), target="contact", **more)
    assert await verdict(id) == CLOSED
    about = {"target": "contact", "record_id": id}
    await approved(approving, who, **about, purpose="general")
    assert await verdict(id) == CLOSED
    asked = await client.made("approvals", {**about, "purpose": "promotion"})
    assert await verdict(id) == CLOSED
    await approving.act(who.api, asked["id"], "approve")
    assert await verdict(id) == OPEN
    assert await verdict(id, "dunning") == CLOSED
    assert await verdict(other) == CLOSED
    async with unit_of_work(tx_of(world.database, org)) as tx:
        keys = [UUID(one) for one in (id, other)]
        asked = [Question("email", "promotion", record_id=one, key=uuid4()) for one in keys]
        assert [answer.allowed for answer in await reach(tx, asked)] == [True, False]
    await client.changed(f"contacts/{id}", {"last_name": "Renamed"})
    assert await verdict(id) == OPEN
    await client.changed(f"contacts/{id}", {"email": "new@example.com"})
    assert await verdict(id) == CLOSED


async def test_all_policies_of_the_purpose_have_to_agree(client, approving, person, verdict):
    """A rule about companies looks at what was approved of these."""
    company = await approving.company()
    id = await person(email="in@example.com", company_id=company["id"])
    await client.made("guard-rules", {**RULE, "subject": "company"})
    (who,) = await approving.approvers(1)
    for name in ("First", "Second"):
        await approving.policy(by(who), name=name, purpose="promotion", material_fields=["name"])
    policies = (await client.read("approval-policies"))["data"]
    about = {"target": "company", "record_id": company["id"]}
    first, second = (policy["id"] for policy in policies)
    await approved(approving, who, **about, policy_id=first)
    assert await verdict(id) == CLOSED
    await approved(approving, who, **about, policy_id=second)
    assert await verdict(id) == OPEN


async def test_beyond_a_cap_it_takes_an_approval(client, approving, person, verdict, org, world):
    id = await person(email="often@example.com")
    await client.made("guard-rules", {**RULE, "filter": {}, "most": 1, "days": 30})
    assert await verdict(id) == OPEN

    async def send():
        async with unit_of_work(tx_of(world.database, org)) as tx:
            asked = [Question("email", "promotion", record_id=UUID(id), key=uuid4())]
            return [answer.allowed for answer in await reach(tx, asked)]

    assert (await send(), await send()) == ([True], [False])
    (who,) = await approving.approvers(1)
    await approving.policy(by(who), target="contact", purpose="promotion")
    await approved(approving, who, target="contact", record_id=id, purpose="promotion")
    assert (await send(), await send()) == ([True], [True])
    assert await verdict(id) == OPEN
