"""Measures of pipelines: each is what its definition says."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from crm_api.domains.forecasting.arithmetic import velocity
from support.clients import problem
from support.forecasting import taken
from support.members import custom_role, member
from support.selling import act, deal, pipeline, reason


def days(back=30):
    today = datetime.now(UTC).date()
    return {"from": str(today - timedelta(days=back)), "to": str(today)}


async def measures(api, where, **params):
    found = await api.read(f"pipelines/{where.id}/analytics", **{**days(), **params})
    return found, {stage["stage_name"]: stage for stage in found["stages"]}


async def moved_back(owner, id, **ages):
    """Have a deal's stays have begun so many days ago, the present one too."""
    rows = await owner.fetch(
        "SELECT id FROM deal_moves WHERE deal_id = $1 ORDER BY created_at, id", UUID(id)
    )
    for row, (entered, left) in zip(rows, ages["stays"], strict=True):
        await owner.execute(
            "UPDATE deal_moves SET entered_at = now() - make_interval(days => $2), "
            "created_at = now() - make_interval(days => $3), seconds = ($2 - $3) * 86400 "
            "WHERE id = $1",
            row["id"],
            entered,
            left,
        )
    await owner.execute(
        "UPDATE deals SET stage_entered_at = now() - make_interval(days => $2), "
        "created_at = now() - make_interval(days => $3) WHERE id = $1",
        UUID(id),
        ages["since"],
        ages["stays"][0][0] if ages["stays"] else ages["since"],
    )


async def test_skipped_stages_count_as_passed(client, owner):
    """A deal goes from A to C, back to B, and is won: of A it passed, in B it was once."""
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where, "New")
    for stage in ("Terms", "Offer"):
        await act(client, made["id"], "move", stage_id=where[stage])
    await act(client, made["id"], "win")
    await moved_back(owner, made["id"], stays=[(20, 15), (15, 10), (10, 4)], since=4)
    lost = await deal(client, where, "New")
    await act(client, lost["id"], "lose", loss_reason_id=why)
    await deal(client, where, "New")
    found, stages = await measures(client, where)
    names = ("entered", "passed", "lost", "undecided")
    assert [stages["New"][name] for name in names] == [3, 1, 1, 1]
    assert stages["New"]["conversion"] == {
        "definition_id": "stage_conversion.v1",
        "value": "0.5000",
        "unit": "ratio",
        "count": 2,
    }
    assert [stages["Offer"][name] for name in names] == [1, 1, 0, 0]
    assert [stages["Terms"][name] for name in names] == [1, 1, 0, 0]
    assert Decimal(stages["Offer"]["time_median"]["value"]) == 6
    assert (found["won"], found["lost"], found["created"]) == (1, 1, 3)


async def test_stays_add_up_over_re_entries(client, owner):
    where = await pipeline(client)
    made = await deal(client, where, "New")
    for stage in ("Offer", "New"):
        await act(client, made["id"], "move", stage_id=where[stage])
    await moved_back(owner, made["id"], stays=[(20, 15), (15, 10)], since=10)
    fast = await deal(client, where, "Offer")
    await act(client, fast["id"], "move", stage_id=where["Terms"])
    await moved_back(owner, fast["id"], stays=[(3, 2)], since=2)
    _, stages = await measures(client, where)
    assert Decimal(stages["New"]["time_median"]["value"]) == 15
    assert (stages["New"]["open_deals"], stages["New"]["rotting"]["value"]) == (1, "0")
    # Of 5 days and 1 day in it.
    times = [Decimal(stages["Offer"][name]["value"]) for name in ("time_median", "time_p90")]
    assert times == [Decimal("3.00"), Decimal("4.60")]


async def test_what_is_reopened_counts_as_it_was_decided_last(client):
    where, why = await pipeline(client), await reason(client)
    made = await deal(client, where, amount="100")
    await act(client, made["id"], "lose", loss_reason_id=why)
    await act(client, made["id"], "reopen")
    await act(client, made["id"], "win")
    found, _ = await measures(client, where)
    assert (found["won"], found["lost"], found["win_rate"]["value"]) == (1, 0, "1.0000")
    verbs = [m["verb"] for m in (await client.read(f"deals/{made['id']}/moves"))["data"]]
    assert verbs == ["won", "reopened", "lost"]


async def test_rates_cycles_and_velocity(client, owner):
    assert velocity(50, Decimal(10_000), Decimal("0.25"), Decimal(45)) == Decimal("2777.78")
    where, why = await pipeline(client), await reason(client)
    won = [await deal(client, where, amount=amount) for amount in ("100", "300")]
    for made, age in zip(won, (10, 30), strict=True):
        await act(client, made["id"], "win")
        await owner.execute(
            "UPDATE deals SET created_at = now() - make_interval(days => $2) WHERE id = $1",
            UUID(made["id"]),
            age,
        )
    for _ in range(2):
        made = await deal(client, where, amount="200")
        await act(client, made["id"], "lose", loss_reason_id=why)
    due = str(datetime.now(UTC).date())
    await deal(client, where, "Offer", amount="1000", closes_on=due)
    await deal(client, where, "Offer", amount="1000", forecast_override="omitted")
    found, _ = await measures(client, where, target="1400")
    values = {name: one["value"] for name, one in found.items() if isinstance(one, dict)}
    assert values == {
        "win_rate": "0.5000",
        "win_rate_value": "0.5000",
        "conversion_rate": "0.3333",
        "sales_cycle_mean": "20.00",
        "sales_cycle_median": "20.00",
        "average_won_amount": "200.00",
        "velocity": "5.00",
        "weighted_pipeline": "400.00",
        "pushes": "0",
        "slippage": None,
        "coverage": "1.0000",
    }
    known = {d["id"] for d in (await client.read("metrics/definitions"))["data"]}
    told = [one["definition_id"] for one in found.values() if isinstance(one, dict)]
    assert known.issuperset(told)
    assert len(told) == len(set(told))


async def test_pushes_and_what_slipped(client, owner, org):
    where = await pipeline(client)
    pushed, kept = uuid4(), uuid4()
    closing = {
        date(2026, 3, 1): (date(2026, 3, 31), date(2026, 3, 10)),
        date(2026, 3, 5): (date(2026, 4, 2), date(2026, 3, 20)),
        date(2026, 3, 9): (date(2026, 3, 31), date(2026, 3, 20)),
        date(2026, 3, 31): (date(2026, 5, 1), date(2026, 3, 20)),
    }
    for day, ends in closing.items():
        rows = [
            {"deal_id": id, "pipeline_id": where.id, "amount": amount, "closes_on": end}
            for id, end, amount in zip((pushed, kept), ends, ("100", "7"), strict=True)
        ]
        rows[1]["status"] = "won" if day.day == 31 else "open"
        await taken(owner, org, day, rows)
    found, _ = await measures(client, where, **{"from": "2026-03-01", "to": "2026-03-31"})
    assert (found["pushes"]["value"], found["pushes"]["count"]) == ("2", 1)
    assert (found["slippage"]["value"], found["slippage"]["count"]) == ("100.00", 1)


async def test_everybody_gets_the_measures_of_what_they_see(client):
    where = await pipeline(client)
    await act(client, (await deal(client, where, amount="100"))["id"], "win")
    nobody = await member(client, await custom_role(client, levels={"deals": {"read": "own"}}))
    found, stages = await measures(nobody.api, where)
    assert (found["won"], stages["New"]["entered"]) == (0, 0)
    masks = {"deal": {"hidden": ["base_amount"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    blind, _ = await measures((await member(client, role)).api, where)
    told = [blind[name]["value"] for name in ("win_rate", "average_won_amount", "velocity")]
    assert told == ["1.0000", None, None]
    masks = {"deal": {"hidden": ["closes_on"], "read_only": []}}
    role = await custom_role(client, levels={"*": {"read": "all"}}, masks=masks)
    answer = await (await member(client, role)).api.get(
        f"/v1/pipelines/{where.id}/analytics", params=days()
    )
    problem(answer, 403, "hidden_field")


async def test_the_same_over_graphql(client):
    where = await pipeline(client)
    await deal(client, where)
    span = days()
    document = """query($id: UUID!, $from: Date!, $to: Date!) {
        pipelineAnalytics(pipelineId: $id, from: $from, to: $to) {
            created stages { stageName undecided conversion { value definitionId } } }
        metricDefinitions { id title }
    }"""
    found = await client.data(document, id=where.id, **span)
    assert found["pipelineAnalytics"]["created"] == 1
    assert found["pipelineAnalytics"]["stages"][0] == {
        "stageName": "New",
        "undecided": 1,
        "conversion": {"value": None, "definitionId": "stage_conversion.v1"},
    }
    assert len(found["metricDefinitions"]) > 20
