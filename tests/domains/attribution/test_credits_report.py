"""Attribution as a standard report: what `/v1/attribution` tells, with the deals behind it."""

from decimal import Decimal
from typing import get_args

from crm_api.domains.attribution.gathering import By
from crm_api.domains.attribution.weighing import Model
from domains.attribution.test_attribution import OWN, came, campaign, kept, person, won
from support.clients import pointers, problem
from support.members import custom_role, member
from support.reporting import behind_standard, standard

YEAR = {"from": "2026-01-01", "to": "2100-01-01"}
PARTS = {
    "campaign": lambda row: (row["campaign_id"], row["campaign_name"]),
    "channel": lambda row: (row["channel"], row["channel"]),
    "kind": lambda row: (row["kind"], row["kind"]),
}
"""By what is credited the key of a row and what it is called."""


async def _touched(client):
    spring, summer = [await campaign(client, name) for name in ("Spring", "Summer")]
    ways, deals = ((spring,), (spring, summer), (summer,), ()), []
    for amount, path in zip(("100.00", "50.00", "7.01", "900.00"), ways, strict=True):
        buyer = await person(client)
        for days, id in enumerate(path, 2):
            await came(client, buyer, id, days=days, name="email.clicked")
        deals.append(await won(client, buyer, amount))
    await kept(client, 4)
    return spring, summer, deals


async def _answer(api, **given):
    return (await standard(api, "attribution", **YEAR, **given))["answer"]


async def test_it_tells_what_attribution_tells(client, worker):
    spring, summer, deals = await _touched(client)
    for by in get_args(By):
        for model in get_args(Model):
            asked = {"by": by, "model": model}
            answer = await _answer(client, **asked)
            wanted = await client.read("attribution", **asked, **{"from": "2026-01-01"})
            assert len(answer["rows"]) == len(wanted["data"]) > 0
            for row, own in zip(answer["rows"], wanted["data"], strict=True):
                found = row["values"]
                if by in PARTS:
                    assert (found["key"], found["name"]) == PARTS[by](own)
                assert Decimal(found["conversions"]) == Decimal(own["conversions"])
                assert Decimal(found["revenue"]) == Decimal(own["value"])
                assert found["touched"] == own["touched"]
            (total,) = answer["totals"]
            assert Decimal(total["values"]["revenue"]) == Decimal("157.01")
            assert total["values"]["touched"] == wanted["attributed_conversions"] == 3
            whole = await behind_standard(client, "attribution", total["cell"], **YEAR, **asked)
            assert {one["id"] for one in whole} == set(deals[:3])
            assert sum(Decimal(one["base_amount"]) for one in whole) == Decimal("157.01")
    answer = await _answer(client, by="campaign")
    cells = {row["values"]["key"]: row for row in answer["rows"]}
    for id, own in ((spring, deals[:2]), (summer, deals[1:3])):
        asked = {**YEAR, "by": "campaign"}
        found = await behind_standard(client, "attribution", cells[id]["cell"], **asked)
        assert {one["id"] for one in found} == set(own)
        assert cells[id]["values"]["touched"] == len(found)


async def test_it_is_of_what_is_seen(client, worker):
    await _touched(client)
    read = {"*": {"read": "all"}}
    own = await member(client, await custom_role(client, levels={**read, "deals": OWN}))
    assert (await _answer(own.api))["rows"] == []
    masks = {"deal": {"hidden": ["base_amount"]}}
    masked = await member(client, await custom_role(client, levels=read, masks=masks))
    assert (await standard(masked.api, "attribution", 403, **YEAR))["code"] == "hidden_field"
    few = await member(client, await custom_role(client, levels=read), scopes=("reports:read",))
    await standard(few.api, "attribution", 403, **YEAR)


async def test_bad_parameters_are_refused(client):
    for given, at in (
        ({"by": "luck"}, "by"),
        ({"model": "luck"}, "model"),
        ({"goal": "x"}, "goal"),
    ):
        answer = await client.post(
            "/v1/standard-reports/attribution/run", json={"parameters": given}
        )
        assert pointers(problem(answer, 422)) == [f"/parameters/{at}"]
