"""Scores of deals: learned from what the organization won and lost, with what speaks for them."""

from support.members import custom_role, member
from support.quoting import REACH
from support.selling import act, deal, pipeline, reason


async def decided(client, where, count, stage, **more):
    """So many deals that were decided before they were written down."""
    items = [{"name": f"No. {n}", "stage_id": where[stage], **more} for n in range(count)]
    answer = await client.post("/v1/deals/bulk", json={"items": items})
    assert answer.status_code == 200, answer.text


async def test_a_score_takes_enough_deals_and_says_why(client):
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where, source="Fair", amount="500")
    found = await client.read(f"deals/{made['id']}/score")
    assert (found["status"], found["probability"], found["least"]) == (
        "insufficient_data",
        None,
        20,
    )
    await decided(client, where, 30, "Won", source="Fair", amount="500")
    await decided(client, where, 30, "Lost", source="Call", loss_reason_id=why)
    await decided(client, where, 5, "Won", source="Call")
    await decided(client, where, 5, "Lost", source="Fair", loss_reason_id=why, amount="50000")
    found = await client.read(f"deals/{made['id']}/score")
    assert (found["status"], found["won"], found["lost"], found["prior"]) == (
        "scored",
        35,
        35,
        50.0,
    )
    by_name = {one["name"]: one for one in found["factors"]}
    assert by_name["source"] == {
        "name": "source",
        "value": "Fair",
        # ln(31/37) - ln(6/37)
        "contribution": 1.6422,
        "won": 30,
        "of_won": 35,
        "lost": 5,
        "of_lost": 35,
    }
    assert (by_name["amount"]["value"], by_name["has_contact"]["value"]) == ("100", "false")
    assert found["probability"] > 80
    assert found["calibration"]["deals"] == 17
    other = await deal(client, where, source="Call")
    assert (await client.read(f"deals/{other['id']}/score"))["probability"] < 30
    document = "query($id: UUID!) { dealScore(id: $id) { status probability factors { name } } }"
    answer = (await client.data(document, id=made["id"]))["dealScore"]
    assert answer["probability"] == found["probability"]
    assert [one["name"] for one in answer["factors"]] == [one["name"] for one in found["factors"]]


async def test_the_stages_that_deals_came_to_count(client):
    where, why = await pipeline(client), await reason(client)
    for _ in range(20):
        won = await deal(client, where)
        await act(client, won["id"], "move", stage_id=where["Offer"])
        await act(client, won["id"], "win")
        lost = await deal(client, where)
        await act(client, lost["id"], "lose", loss_reason_id=why)
    made = await deal(client, where)
    before = await client.read(f"deals/{made['id']}/score")
    await act(client, made["id"], "move", stage_id=where["Offer"])
    after = await client.read(f"deals/{made['id']}/score")
    assert after["probability"] > 90 > before["probability"]
    stage = next(one for one in after["factors"] if one["name"] == "stage")
    assert (stage["value"], stage["won"], stage["lost"]) == ("Offer", 20, 0)
    await act(client, made["id"], "win")
    assert (await client.read(f"deals/{made['id']}/score"))["status"] == "decided"


async def test_nobody_is_told_what_is_hidden(client):
    where, why = await pipeline(client), await reason(client)
    await decided(client, where, 20, "Won", amount="500")
    await decided(client, where, 20, "Lost", loss_reason_id=why)
    made = await deal(client, where, amount="500")
    masks = {"deal": {"hidden": ["amount"], "read_only": []}}
    who = await member(client, await custom_role(client, levels={"*": REACH}, masks=masks))
    found = await who.api.read(f"deals/{made['id']}/score")
    assert "amount" not in {one["name"] for one in found["factors"]}
    none = {"*": {**REACH, "read": "own"}}
    blind = await member(client, await custom_role(client, levels=none))
    assert (await blind.api.get(f"/v1/deals/{made['id']}/score")).status_code == 404
