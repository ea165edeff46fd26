"""Rules of the organization inside the gate: whom nobody reaches, and not more often than that."""

import asyncio
from uuid import UUID, uuid4

import pytest

from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.outreach.gate import Question, may_reach, reach, take_back
from support.clients import pointers, problem, tx_of

PROMOTION = {"channel": "email", "purpose": "promotion"}
CAP = {"name": "Not too often", "purposes": ["promotion"], "most": 4, "days": 30}


async def person(client, **more):
    id = (await client.made("contacts", {"last_name": "Person", **more}))["id"]
    said = {"basis": "consent", "evidence": {"source": "form"}}
    for purpose in ("promotion", "dunning"):
        await client.made(
            "consents", {"channel": "email", **said, "purpose": purpose, "record_id": id}
        )
    return id


async def judged(client, *items):
    body = {"items": [{**PROMOTION, **item} for item in items]}
    answer = await client.post("/v1/guards/evaluate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


@pytest.fixture
def begin(org, world):
    """A unit of work of a sender."""
    return lambda: unit_of_work(tx_of(world.database, org))


@pytest.fixture
def sent(begin):
    async def send(id, *, purpose="promotion", key=None):
        """Whether a sender may send, in a transaction of its own."""
        async with begin() as tx:
            question = Question("email", purpose, record_id=UUID(id), key=key or uuid4())
            (answer,) = await reach(tx, [question])
        return answer.allowed

    return send


async def test_a_condition_over_what_leads_to_somebody_keeps_them_from_being_reached(client):
    company = (await client.made("companies", {"name": "Sample"}))["id"]
    id = await person(client, email="in@example.com", company_id=company)
    free = await person(client, email="free@example.com")
    rule = {
        "name": "No promotion while a big deal is open",
        "subject": "company",
        "purposes": ["promotion"],
        "filter": {"deals": {"some": {"status": "open"}}},
        "message": "Ask sales first.",
    }
    made = await client.made("guard-rules", rule)
    asked = [{"record_id": id}, {"record_id": free}, {"record_id": id, "purpose": "dunning"}]
    assert [row["allowed"] for row in await judged(client, *asked)] == [True, True, True]
    deal = {"name": "Offices", "company_id": company}
    await client.made("deals", deal)
    found = await judged(client, *asked)
    assert [row["reasons"] for row in found] == [["guarded"], [], []]
    verdicts = [row["rules"][0] for row in found]
    assert [v["verdict"] for v in verdicts] == ["blocked", "passed", "not_concerned"]
    assert verdicts[0]["message"] == "Ask sales first."
    # The gate that every sender asks says the same.
    body = {"items": [{**PROMOTION, "record_id": id}]}
    answer = await client.post("/v1/outreach/check", json=body)
    assert answer.json()["data"][0]["reasons"] == ["guarded"]
    for effect, reasons in (("require_approval", ["approval_required"]), ("warn", [])):
        await client.patch(f"/v1/guard-rules/{made['id']}", json={"effect": effect})
        (row,) = await judged(client, {"record_id": id})
        assert row["reasons"] == reasons
    assert row["warnings"] == ["Ask sales first."]


async def test_pressure_is_counted_and_explained(client, begin, sent):
    id = await person(client, email="often@example.com")
    await client.made("guard-rules", CAP)
    key = uuid4()
    assert await sent(id, key=key)
    # Asked again for the same letter it counts once.
    assert await sent(id, key=key)
    assert await sent(id, purpose="dunning")
    for _ in range(2):
        assert await sent(id)
    (row,) = await judged(client, {"record_id": id})
    assert (row["rules"][0]["used"], row["rules"][0]["left"]) == (3, 1)
    assert await sent(id)
    assert not await sent(id)
    (row,) = await judged(client, {"record_id": id})
    assert row["reasons"] == ["contact_pressure"]
    frees_at = row["rules"][0]["frees_at"]
    assert frees_at is not None
    (later,) = await judged(client, {"record_id": id, "at": frees_at})
    assert later["allowed"]
    async with begin() as tx:
        await take_back(tx, [key])
    assert await sent(id)


async def test_of_parallel_senders_only_so_many_pass(client, sent):
    id = await person(client, email="race@example.com")
    other = await person(client, email="other@example.com")
    await client.made("guard-rules", {**CAP, "most": 2})
    passed = await asyncio.gather(*(sent(id if n % 2 else other) for n in range(10)))
    assert (sum(passed[0::2]), sum(passed[1::2])) == (2, 2)


async def test_many_at_once_count_for_each_other_and_a_rollback_counts_nothing(client, begin):
    id = await person(client, email="bulk@example.com")
    await client.made("guard-rules", CAP)

    async def bulk(tx):
        asked = [Question("email", "promotion", record_id=UUID(id), key=uuid4()) for _ in range(6)]
        return [answer.allowed for answer in await reach(tx, asked)]

    async def die(tx):
        await bulk(tx)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        async with begin() as tx:
            await die(tx)
    async with begin() as tx:
        assert await bulk(tx) == [True] * 4 + [False] * 2


async def test_who_was_merged_was_reached_as_often(client, sent):
    id, loser = [await person(client, email=f"{n}@example.com") for n in ("kept", "gone")]
    await client.made("guard-rules", {**CAP, "most": 1})
    assert await sent(loser)
    body = {"winner_id": id, "loser_ids": [loser]}
    assert (await client.post("/v1/contacts/merge", json=body)).status_code == 201
    assert not await sent(id)


async def test_statements_do_not_grow_with_the_questions(client, begin):
    ids = [await person(client, email=f"n{n}@example.com") for n in range(5)]
    await client.made("guard-rules", CAP)
    await client.made("guard-rules", {"name": "Former", "filter": {"lifecycle": "former"}})

    async def statements(count):
        async with begin() as tx:
            asked = [
                Question("email", "promotion", record_id=UUID(ids[n % 5])) for n in range(count)
            ]
            await may_reach(tx, asked)
            return tx.statements

    assert await statements(1) == await statements(400)


@pytest.mark.parametrize(
    ("more", "pointer"),
    [
        ({"most": None, "days": None}, "/filter"),
        ({"days": None}, "/days"),
        ({"filter": {"nothing": 1}}, "/filter/nothing"),
        ({"filter": {"owner_id": "@me"}}, "/filter/owner_id"),
        ({"subject": "deal"}, "/subject"),
        ({"channels": ["pigeon"]}, "/channels/0"),
    ],
)
async def test_what_is_wrong_is_told(client, more, pointer):
    answer = await client.post("/v1/guard-rules", json={**CAP, **more})
    assert pointers(problem(answer, 422)) == [pointer]


async def test_graphql_says_the_same(client):
    id = await person(client, email="graph@example.com")
    await client.made("guard-rules", {**CAP, "filter": {"lifecycle": "lead"}})
    document = """
        query ($items: [OutreachQuestionInput!]!) {
            guardEvaluation(items: $items) { allowed warnings rules { name verdict left } } }
    """
    found = await client.data(document, items=[{**PROMOTION, "recordId": id}])
    (row,) = found["guardEvaluation"]
    assert row["allowed"]
    assert row["rules"][0]["name"] == CAP["name"]
