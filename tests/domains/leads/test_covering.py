"""Gaps and overlaps of pools."""

from support.clients import problem
from support.leads import captured, pool_of, users_of
from support.members import custom_role, member


async def test_gaps_and_overlaps_are_told_by_the_leads_that_came(client, owner, org):
    one, other = await users_of(client, 2)
    members = [
        {"user_id": one, "countries": ["DE"], "open_cap": 0},
        {"user_id": other, "countries": ["DE", "AT"], "skills": ["Law"]},
    ]
    pool = await client.made("lead-pools", {"name": "All", "members": members})
    await captured(client, 3, country="DE")
    await captured(client, 2, country="AT")
    await captured(client, 2, country="FR")
    await captured(client, 1, country="DE", skills=["law"])
    found = await client.read(f"lead-pools/{pool['id']}/coverage")
    counts = [found[name] for name in ("lead_count", "fit_none", "fit_one", "fit_several")]
    assert counts == [8, 2, 3, 3]
    (gap,) = found["gaps"]
    assert (gap["country"], gap["members"], gap["leads"]) == ("FR", [], 2)
    (overlap,) = found["overlaps"]
    assert (overlap["country"], overlap["members"], overlap["leads"]) == ("DE", [one, other], 3)
    await owner.execute(
        "UPDATE leads SET created_at = now() - interval '9 days' WHERE organization_id = $1", org.id
    )
    assert (await client.read(f"lead-pools/{pool['id']}/coverage", days=8))["lead_count"] == 0
    asked = "query($i: UUID!, $d: Int!) { leadPoolCoverage(id: $i, days: $d) { fitNone gaps { leads } } }"
    told = await client.data(asked, i=pool["id"], d=10)
    assert told["leadPoolCoverage"] == {"fitNone": 2, "gaps": [{"leads": 2}]}
    for days in (0, 9_999):
        problem(await client.get(f"/v1/lead-pools/{pool['id']}/coverage?days={days}"), 422)
        assert "errors" in await client.gql(asked, i=pool["id"], d=days)
    problem(await client.get(f"/v1/lead-pools/{one}/coverage"), 404)


async def test_coverage_does_not_tell_hidden_fields(client):
    pool = await pool_of(client, {})
    for country, industry in (("DE", "bank"), ("AT", "bank"), ("AT", "shop")):
        await captured(client, 1, country=country, industry=industry, skills=["law"])
    masks = {"lead": {"hidden": ["country", "skills"], "read_only": []}}
    one = await member(
        client, await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    )
    for path in (f"lead-pools/{pool['id']}/coverage", "territories/coverage"):
        gaps = (await one.api.read(path))["gaps"]
        assert {(gap["country"], *gap["skills"]) for gap in gaps} == {(None,)}
        assert {gap["industry"]: gap["leads"] for gap in gaps} == {"bank": 2, "shop": 1}


async def test_an_empty_pool_covers_nothing(client):
    pool = await pool_of(client, {})
    await captured(client, 2)
    found = await client.read(f"lead-pools/{pool['id']}/coverage")
    assert (found["fit_none"], [gap["leads"] for gap in found["gaps"]]) == (2, [2])
