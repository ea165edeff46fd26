"""The standard report of campaigns: as their results, with the records behind each number."""

from datetime import date
from decimal import Decimal
from uuid import uuid4

import pytest

from crm_api.domains.attribution.standard import STANDARD_REPORTS
from crm_api.kit.db.tx import at_one_moment
from domains.attribution.test_attribution import NONE, OWN, came, campaign, kept, person, won
from support.clients import pointers, problem, tx_of
from support.library import all_of
from support.members import custom_role, member
from support.reporting import behind_standard, standard
from support.waiting import patiently

YEAR = {"from": "2026-01-01", "to": "2100-01-01"}
NUMBERS = (
    *("members", "holdout", "excluded", "sent", "opened", "clicked", "responded", "leads"),
    *("opportunities", "won", "revenue", "cost", "profit", "roi", "roas"),
    *("cost_per_lead", "cost_per_opportunity", "cost_per_sale"),
)


async def cost(client, id, amount, day="2026-03-20"):
    currency = (await client.read(f"campaigns/{id}/results"))["currency"]
    body = {"campaign_id": id, "channel": "ads", "currency": currency, "spent_on": day}
    return (await client.made("campaign-costs", {**body, "amount": amount}))["id"]


@pytest.fixture
async def year(client, worker):
    """A programme with two campaigns, what they cost, and whom they brought."""
    top = await campaign(client, "Year", level="programme")
    spring, summer = [await campaign(client, name, parent_id=top) for name in ("Spring", "Summer")]
    spent = [await cost(client, spring, "30.00"), await cost(client, top, "10.00")]
    await cost(client, spring, "500.00", "2025-12-31")
    deals = []
    for amount, ways in (("100.00", (spring,)), ("50.00", (spring, summer)), ("7.01", (summer,))):
        buyer = await person(client)
        for days, id in enumerate(ways, 2):
            await came(client, buyer, id, days=days, name="email.clicked")
        deals.append(await won(client, buyer, amount))
    lead = {"last_name": "Person", "company_name": "Example", "campaign": summer}
    lead = (await client.made("leads", lead))["id"]
    await kept(client, 4)
    async for _ in patiently():
        if (await client.read(f"campaigns/{top}/results"))["total"]["leads"] == 1:
            break
    return {"ids": (top, spring, summer), "deals": deals, "spent": spent, "lead": lead}


def number(told):
    return None if told is None else Decimal(str(told))


async def rows_of(api, **given):
    answer = (await standard(api, "campaign_results", **{**YEAR, **given}))["answer"]
    return {row["values"]["campaign_id"]: row for row in answer["rows"]}, answer


async def test_it_tells_what_results_tell(client, year):
    top, spring, summer = year["ids"]
    for model in ("linear", "first", "shapley"):
        rows, answer = await rows_of(client, model=model)
        assert set(rows) == set(year["ids"])
        for id, row in rows.items():
            asked = {"model": model, "from": "2026-01-01"}
            wanted = (await client.read(f"campaigns/{id}/results", **asked))["total"]
            for name in NUMBERS:
                told, expected = number(row["values"][name]), number(wanted[name])
                assert (told is None) == (expected is None), name
                assert told is None or told == pytest.approx(expected, abs=Decimal("0.000001"))
        (total,) = answer["totals"]
        # The programme is all there is: nothing counts twice.
        told = {name: rows[top]["values"][name] for name in NUMBERS}
        assert {name: total["values"][name] for name in NUMBERS} == told
    rows, _ = await rows_of(client, campaign_id=summer)
    assert set(rows) == {summer}
    assert number(rows[summer]["values"]["revenue"]) == Decimal("32.01")
    assert number(rows[summer]["values"]["roas"]) is None
    assert spring not in rows


async def behind(client, row, name):
    found = await behind_standard(client, "campaign_results", row["cell"], name, **YEAR)
    return {one["id"] for one in found}


async def test_records_stand_behind_its_numbers(client, year):
    top, _, summer = year["ids"]
    rows, answer = await rows_of(client)
    assert await behind(client, rows[top], None) == set(year["ids"])
    assert await behind(client, rows[summer], None) == {summer}
    for name in ("won", "opportunities", "revenue"):
        assert await behind(client, rows[top], name) == set(year["deals"])
        assert await behind(client, rows[summer], name) == set(year["deals"][1:])
    assert await behind(client, rows[summer], "leads") == {year["lead"]}
    assert await behind(client, rows[summer], "cost") == set()
    assert await behind(client, answer["totals"][0], "cost") == set(year["spent"])
    spent = [one for one in await all_of(client, "campaign-costs") if one["id"] in year["spent"]]
    whole = sum(Decimal(one["amount"]) for one in spent)
    assert number(rows[top]["values"]["cost"]) == whole == Decimal(40)


async def test_it_is_of_what_is_seen(client, year):
    read = {"*": {"read": "all"}}
    own = await member(client, await custom_role(client, levels={**read, "deals": OWN}))
    rows, _ = await rows_of(own.api)
    assert {number(row["values"]["revenue"]) for row in rows.values()} == {0}
    for area in ("deals", "campaign_costs"):
        levels = {**read, area: NONE}
        blind = await member(client, await custom_role(client, levels=levels))
        await standard(blind.api, "campaign_results", 403, **YEAR)
    masks = {"deal": {"hidden": ["amount"]}}
    masked = await member(client, await custom_role(client, levels=read, masks=masks))
    assert (await standard(masked.api, "campaign_results", 403, **YEAR))["code"] == "hidden_field"


async def test_both_faces_and_files_tell_the_same(client, year):
    rows, _ = await rows_of(client)
    document = """query($given: JSON!) {
        runStandardReport(name: "campaign_results", parameters: $given) {
            answer { rows { values } } } }"""
    shown = (await client.data(document, given=YEAR))["runStandardReport"]["answer"]["rows"]
    assert [one["values"] for one in shown] == [row["values"] for row in rows.values()]
    path = "/v1/standard-reports/campaign_results"
    answer = await client.post(f"{path}/chart", json={"parameters": YEAR})
    assert answer.json()["$schema"].startswith("https://vega.github.io/schema/vega-lite/")
    answer = await client.post(f"{path}/file", json={"parameters": YEAR})
    assert len(answer.text.splitlines()) >= 4


async def test_bad_parameters_are_refused(client):
    for given, pointer in (
        ({"model": "best"}, "/parameters/model"),
        ({"from": "2026-03-02", "to": "2026-03-01"}, "/parameters/to"),
        ({"campaign_id": str(uuid4())}, "/parameters/campaign_id"),
    ):
        answer = await client.post(
            "/v1/standard-reports/campaign_results/run", json={"parameters": given}
        )
        assert list(pointers(problem(answer, 422))) == [pointer]
    today = date.today().isoformat()
    rows, _ = await rows_of(client, **{"from": today, "to": today})
    assert rows == {}


async def test_costs_of_many_campaigns_are_told_at_once(client):
    for start in (0, 300):
        items = [{"name": f"C{n}"} for n in range(start, start + 300)]
        answer = await client.post("/v1/campaigns/bulk", json={"items": items})
        assert answer.status_code == 200, answer.text
    id = await campaign(client)
    spent = await cost(client, id, "12.00")
    rows, answer = await rows_of(client)
    assert len(rows) == 601
    (total,) = answer["totals"]
    assert number(total["values"]["cost"]) == number(rows[id]["values"]["cost"]) == 12
    assert await behind(client, total, "cost") == {spent}
    roi = await client.read("metrics/campaign_roi")
    assert Decimal(roi["value"]) == -1


async def test_what_is_read_after_it_is_planned_as_ever(database, org):
    """Dashboards read it among other reports, in one transaction."""
    names = (
        *("work_mem", "enable_mergejoin", "enable_sort", "enable_nestloop", "jit"),
        "max_parallel_workers_per_gather",
    )
    settings = "SELECT " + ", ".join(f"current_setting('{name}') AS {name}" for name in names)
    given = {"from": date(2026, 1, 1), "to": date(2026, 12, 31)}
    async with at_one_moment(tx_of(database, org)) as tx:
        before = list(map(dict, await tx.fetch(settings)))
        for model in ("linear", "markov"):
            asked = {**given, "model": model, "campaign_id": None}
            await STANDARD_REPORTS[0].compute(tx, asked)
            assert list(map(dict, await tx.fetch(settings))) == before
