"""Writers that meet, on real connections."""

import asyncio
from collections import Counter


async def test_one_of_many_equal_versions_wins(client, kind):
    await kind.define(client, turn="integer")
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"

    async def patch(turn: int) -> int:
        body = {"custom": {"turn": turn}}
        return (await client.patch(path, json=body, headers={"If-Match": '"1"'})).status_code

    outcomes = Counter(await asyncio.gather(*(patch(turn) for turn in range(20))))
    assert outcomes == {200: 1, 412: 19}
    assert (await client.read(f"{kind.path}/{made['id']}"))["version"] == 2


async def test_one_of_many_equal_external_ids_wins(client, kind):
    body = {**await kind.factory.least(client), "external_ids": {"legacy": "1"}}

    async def post() -> int:
        return (await client.post(f"/v1/{kind.path}", json=body)).status_code

    outcomes = Counter(await asyncio.gather(*(post() for _ in range(20))))
    assert outcomes == {201: 1, 409: 19}


async def test_versions_count_every_change(client, kind):
    await kind.define(client, **{f"k{turn}": "integer" for turn in range(12)})
    made = await kind.make(client)
    path = f"/v1/{kind.path}/{made['id']}"

    async def patch(turn: int) -> None:
        answer = await client.patch(path, json={"custom": {f"k{turn}": turn}})
        assert answer.status_code == 200, answer.text

    await asyncio.gather(*(patch(turn) for turn in range(12)))
    after = await client.read(f"{kind.path}/{made['id']}")
    assert after["version"] == 13
    assert after["custom"] == {f"k{turn}": turn for turn in range(12)}
