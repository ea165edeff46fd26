"""Number sequences: no number twice, none left out, whatever happens."""

import asyncio
from datetime import date, timedelta

import pytest

from support.clients import problem


async def made(client, **more):
    body = {"key": "invoice", "name": "Invoices", "pattern": "INV-{year}-{number:05}", **more}
    return await client.made("number-sequences", body)


async def take(client, sequence, **body):
    answer = await client.post(f"/v1/number-sequences/{sequence['id']}/take", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_numbers_run(client):
    sequence = await made(client, next_number=7)
    first = await take(client, sequence, on="2026-03-02")
    assert first == {"number": 7, "text": "INV-2026-00007", "on": "2026-03-02"}
    data = await client.data(
        'mutation ($id: UUID!) { takeNumber(sequenceId: $id, on: "2026-03-02") { number text } }',
        id=sequence["id"],
    )
    assert data["takeNumber"] == {"number": 8, "text": "INV-2026-00008"}
    events = await client.told(sequence["id"], 3)
    assert events[1]["type"] == "number_sequence.taken"
    assert events[1]["data"]["text"] == "INV-2026-00007"


async def test_parallel_takers_leave_no_gap(client):
    sequence = await made(client)
    taken = await asyncio.gather(*(take(client, sequence) for _ in range(20)))
    assert sorted(one["number"] for one in taken) == list(range(1, 21))


async def test_what_is_rolled_back_comes_back(client):
    sequence = await made(client)
    path = f"/v1/number-sequences/{sequence['id']}/take"
    dry = await client.post(path, json={}, params={"dry_run": "true"})
    assert dry.json()["number"] == 1
    answer = await client.gql(
        "mutation ($id: UUID!, $no: UUID!) { takeNumber(sequenceId: $id) { number }"
        " deleteContact(id: $no) }",
        id=sequence["id"],
        no=sequence["id"],
    )
    assert answer["errors"]
    numbers = [(await take(client, sequence))["number"] for _ in range(2)]
    assert numbers[1] == numbers[0] + 1
    listed = await client.read(f"number-sequences/{sequence['id']}")
    assert listed["next_number"] == numbers[1] + 1


async def test_numbers_begin_anew_with_the_year(client):
    sequence = await made(client, restarts="year")
    days = ("2025-12-30", "2025-12-31", "2026-01-01")
    texts = [(await take(client, sequence, on=day))["text"] for day in days]
    assert texts == ["INV-2025-00001", "INV-2025-00002", "INV-2026-00001"]
    path = f"/v1/number-sequences/{sequence['id']}/take"
    problem(await client.post(path, json={"on": "2025-12-31"}), 409, "period_closed")
    assert (await take(client, sequence, on="2026-02-01"))["number"] == 2


async def test_no_number_of_a_year_to_come_ends_the_present_one(client):
    sequence = await made(client, restarts="year")
    path, today = f"/v1/number-sequences/{sequence['id']}/take", date.today()
    far = {"on": str(today + timedelta(days=33))}
    found = problem(await client.post(path, json=far), 422, "validation")
    assert [(one["code"], one["pointer"]) for one in found["errors"]] == [("too_far_ahead", "/on")]
    answer = await client.gql(
        "mutation ($id: UUID!, $on: Date) { takeNumber(sequenceId: $id, on: $on) { number } }",
        id=sequence["id"],
        on=far["on"],
    )
    assert answer["errors"][0]["extensions"]["problem"]["errors"][0]["code"] == "too_far_ahead"
    assert (await take(client, sequence, on=str(today)))["number"] == 1


async def test_the_first_period_begins_where_it_was_set(client):
    pattern = "{year}/{month}/{number}"
    sequence = await made(client, pattern=pattern, restarts="month", next_number=41)
    assert (await take(client, sequence, on="2026-05-31"))["number"] == 41
    assert (await take(client, sequence, on="2026-06-01"))["number"] == 1


@pytest.mark.parametrize(
    "pattern",
    ["INV", "{number}{number}", "{number", "{year}", "{number:5000}", "{0}", "{number.real}", "}{"],
)
async def test_bad_patterns(client, pattern):
    body = {"key": "a", "name": "A", "pattern": pattern}
    found = problem(await client.post("/v1/number-sequences", json=body), 422)
    assert [error["pointer"] for error in found["errors"]] == ["/pattern"]


async def test_a_key_belongs_to_one_sequence(client, other):
    await made(client)
    again = await client.post("/v1/number-sequences", json={"key": "invoice", "name": "B"})
    assert problem(again, 409)["errors"][0]["pointer"] == "/key"
    await made(other)


async def test_taking_needs_the_right_to_write(client, read_only):
    sequence = await made(client)
    answer = await read_only.post(f"/v1/number-sequences/{sequence['id']}/take", json={})
    problem(answer, 403, "insufficient_scope")


async def test_sequences_of_others_are_not_there(client, other):
    sequence = await made(client)
    answer = await other.post(f"/v1/number-sequences/{sequence['id']}/take", json={})
    problem(answer, 404)


async def test_a_sequence_that_has_given_a_number_is_not_destroyed(client):
    """Another one by its key would begin anew, with numbers that are taken."""
    sequence = await made(client)
    path = f"/v1/number-sequences/{sequence['id']}"
    assert (await take(client, sequence))["number"] == 1
    problem(await client.delete(path, params={"purge": True}), 409, "numbers_given")
    assert (await client.delete(path)).status_code == 204
    problem(await client.delete(path, params={"purge": True}), 409, "numbers_given")
    assert (await client.post(f"{path}/restore")).status_code == 200
    assert (await take(client, sequence))["number"] == 2
    unused = await made(client, key="other")
    answer = await client.delete(f"/v1/number-sequences/{unused['id']}", params={"purge": True})
    assert answer.status_code == 204, answer.text


@pytest.mark.parametrize(
    ("pattern", "restarts"),
    [("{number:05}", "year"), ("{month}-{number}", "month"), ("{year}-{number}", "month")],
)
async def test_numbers_of_another_period_are_other_ones(client, pattern, restarts):
    body = {"key": "bill", "name": "Bills", "pattern": pattern, "restarts": restarts}
    found = problem(await client.post("/v1/number-sequences", json=body), 422)
    (fault,) = found["errors"]
    assert (fault["pointer"], fault["code"]) == ("/pattern", "repeats_numbers")
    kept = await made(client, pattern="{year}/{month}/{number}", restarts=restarts)
    answer = await client.patch(f"/v1/number-sequences/{kept['id']}", json={"pattern": pattern})
    assert problem(answer, 422)["errors"][0]["code"] == "repeats_numbers"


async def test_another_sequence_of_a_key_gives_no_number_again(client):
    sequence = await made(client)
    await take(client, sequence)
    assert (await client.delete(f"/v1/number-sequences/{sequence['id']}")).status_code == 204
    body = {"key": "invoice", "name": "Invoices"}
    found = problem(await client.post("/v1/number-sequences", json=body), 409, "sequence_in_bin")
    assert found["record_id"] == sequence["id"]
    assert (await client.post(f"/v1/number-sequences/{sequence['id']}/restore")).status_code == 200
    assert (await take(client, sequence))["number"] == 2
    unused = await made(client, key="offer")
    assert (await client.delete(f"/v1/number-sequences/{unused['id']}")).status_code == 204
    await made(client, key="offer")
