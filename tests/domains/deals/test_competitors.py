"""Who else tries for a deal, and who won it instead."""

from support.clients import pointers, problem
from support.selling import act, deal, pipeline, reason

UNKNOWN = "01990000-0000-7000-8000-0000000000ff"


async def company(client, name="Example Works"):
    return (await client.made("companies", {"name": name}))["id"]


async def test_deals_are_found_by_their_competitors(client):
    where = await pipeline(client)
    first, second = await company(client), await company(client)
    entry = {"company_id": first, "strengths": "Near by", "price": "900"}
    made = await deal(client, where, competitors=[entry, {"company_id": second}])
    await deal(client, where, competitors=[{"company_id": second, "status": "withdrawn"}])
    assert made["competitors"][0] == {**entry, "status": "active", "price": "900.00"}
    found = await client.read("deals", **{"filter[competitor_ids][has]": first})
    assert [one["id"] for one in found["data"]] == [made["id"]]
    wrong = [{"company_id": UNKNOWN}, entry]
    answer = await client.patch(f"/v1/deals/{made['id']}", json={"competitors": wrong})
    assert pointers(problem(answer, 422)) == ["/competitors/0/company_id"]
    answer = await client.patch(f"/v1/deals/{made['id']}", json={"competitors": [entry, entry]})
    assert pointers(problem(answer, 422)) == ["/competitors"]


async def test_some_reasons_ask_who_won(client):
    where, other = await pipeline(client), await company(client)
    body = {"name": "Competition", "asks_competitor": True}
    why = (await client.made("loss-reasons", body))["id"]
    made = await deal(client, where, competitors=[{"company_id": other, "price": "5"}])
    found = await act(client, made["id"], "lose", 422, loss_reason_id=why)
    assert pointers(found) == ["/competitor_id"]
    found = await act(client, made["id"], "lose", 422, loss_reason_id=why, competitor_id=UNKNOWN)
    assert pointers(found) == ["/competitor_id"]
    lost = await act(client, made["id"], "lose", loss_reason_id=why, competitor_id=other)
    assert lost["competitor_id"] == other
    assert [(c["status"], c["price"]) for c in lost["competitors"]] == [("won", "5.00")]
    answer = await client.patch(f"/v1/deals/{made['id']}", json={"competitor_id": None})
    assert pointers(problem(answer, 422)) == ["/competitor_id"]
    answer = await client.post("/v1/deals", json={"name": "Old one", "loss_reason_id": why})
    assert pointers(problem(answer, 422)) == ["/competitor_id"]
    plain = await deal(client, where)
    document = (
        "mutation($id: UUID!, $why: UUID!, $by: UUID!) { loseDeal(id: $id, lossReasonId: $why, "
        "competitorId: $by) { competitor { id } competitors { companyId status } } }"
    )
    shown = await client.data(document, id=plain["id"], why=await reason(client), by=other)
    assert shown["loseDeal"] == {
        "competitor": {"id": other},
        "competitors": [{"companyId": other, "status": "won"}],
    }


async def test_a_deal_that_is_open_again_was_won_by_nobody(client):
    where, why = await pipeline(client), await reason(client)
    first, second = await company(client), await company(client)
    made = await deal(client, where)
    await act(client, made["id"], "lose", loss_reason_id=why, competitor_id=first)
    again = await act(client, made["id"], "reopen")
    assert [one["status"] for one in again["competitors"]] == ["active"]
    lost = await act(client, made["id"], "lose", loss_reason_id=why, competitor_id=second)
    found = {one["company_id"]: one["status"] for one in lost["competitors"]}
    assert found == {first: "active", second: "won"}


async def test_competitors_who_become_one_compete_once(client):
    where = await pipeline(client)
    kept, gone = await company(client), await company(client)
    both = [{"company_id": gone, "price": "7"}, {"company_id": kept}]
    made = await deal(client, where, competitors=both, competitor_id=gone)
    merged = await client.post("/v1/companies/merge", json={"winner_id": kept, "loser_ids": [gone]})
    assert merged.status_code == 201, merged.text
    now = await client.read(f"deals/{made['id']}")
    assert (now["competitor_ids"], now["competitor_id"]) == ([kept], kept)
    assert [(c["company_id"], c["price"]) for c in now["competitors"]] == [(kept, "7.00")]
    await client.post(f"/v1/merges/{merged.json()['id']}/undo")
    back = await client.read(f"deals/{made['id']}")
    names = ("competitors", "competitor_ids", "competitor_id")
    assert [back[name] for name in names] == [made[name] for name in names]
    await client.changed(f"deals/{made['id']}", {"competitor_id": None})
    answer = await client.delete(f"/v1/companies/{gone}", params={"purge": "true"})
    assert answer.status_code == 204, answer.text
    assert (await client.read(f"deals/{made['id']}"))["competitor_ids"] == [kept]
