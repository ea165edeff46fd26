"""What numbers tell of themselves: version, owner, grain, unit, and who vouches for them."""

import crm_api.registry  # noqa: F401 - tells which reports there are
from crm_api.domains.reports.declared import Declared
from crm_api.domains.reports.definitions import columns_of, unit_of
from crm_api.kit.reporting import DefinedReport
from crm_api.registry import MODULES
from support.members import custom_role, member
from support.reporting import standard

ASKED = "id version isCertified certifiedBy certifiedAt owner grain source"


def _certified(row):
    return row["is_certified"], row["certified_by"], row["certified_at"]


async def test_what_is_built_in_is_certified_in_lists_and_answers(client):
    keys = {module.key for module in MODULES}
    for path, run in (("metrics", "metric"), ("standard-reports", "standard")):
        listed = (await client.read(path))["data"]
        assert listed
        for row in listed:
            assert _certified(row) == (True, None, None)
            assert row["owner"] in keys
            assert row["id"] == f"{row['name']}.v{row['version']}"
            assert row["grain"]
            if run == "metric":
                answer = await client.read(f"metrics/{row['name']}")
            else:
                answer = await standard(client, row["name"])
            assert answer[run] == row
    document = f"{{ metrics {{ {ASKED} unit formula }} standardReports {{ {ASKED} }} }}"
    told = await client.data(document)
    for name, path in (("metrics", "metrics"), ("standardReports", "standard-reports")):
        rest = {row["id"]: row for row in (await client.read(path))["data"]}
        assert {row["id"] for row in told[name]} == rest.keys()
        for row in told[name]:
            assert row["isCertified"]
            assert (row["owner"], row["grain"]) == (
                rest[row["id"]]["owner"],
                rest[row["id"]]["grain"],
            )


async def test_columns_are_told_as_they_will_be(client):
    """Before a report is run it says which columns with which units it has."""
    for name in Declared.standard:
        told = await standard(client, name)
        known = {
            one["name"]: (one["role"], one["kind"], one["unit"])
            for one in told["standard"]["columns"]
        }
        labels = {one["label"] for one in told["answer"]["columns"]} - {None}
        found = {
            one["name"]: (one["role"], one["kind"], one["unit"])
            for one in told["answer"]["columns"]
            if one["name"] in known or one["name"] not in labels
        }
        assert found == known, name
        numbers = {unit for role, _, unit in known.values() if role == "measure"}
        assert None not in numbers, name


async def test_units_of_ad_hoc_measures_and_sources(client):
    measures = [
        {"name": "number", "function": "count"},
        {"name": "owners", "function": "count_distinct", "field": "owner_id"},
        {"name": "amount", "function": "sum", "field": "base_amount"},
        {"name": "age", "function": "avg", "field": "updated_at", "since": "created_at"},
        {"name": "chance", "function": "avg", "field": "probability"},
        {"name": "newest", "function": "max", "field": "created_at"},
        {"name": "share", "function": "ratio", "of": ["owners", "number"]},
    ]
    body = {"source": "deal", "measures": measures}
    answer = (await client.post("/v1/reports/run", json=body)).json()
    # A standard report of the same would have the same columns.
    texts = dict.fromkeys(("name", "title", "text", "formula"), "")
    like = DefinedReport(**texts, source="deal", definition={"measures": measures})
    told = {one.name: (one.kind, unit_of(one)) for one in columns_of(like)}
    assert told == {one["name"]: (one["kind"], one["unit"]) for one in answer["columns"]}
    units = {one["name"]: one["unit"] for one in answer["columns"]}
    assert units == {
        "number": "count",
        "owners": "count",
        "amount": "amount",
        "age": "days",
        "chance": "number",
        "newest": None,
        "share": "ratio",
    }
    document = "{ reportSources { source grain fields { path unit } relations { name isMany } } }"
    told = {one["source"]: one for one in (await client.data(document))["reportSources"]}
    listed = {one["source"]: one for one in (await client.read("report-sources"))["data"]}
    deal, activity = listed["deal"], listed["activity"]
    assert deal["grain"] == told["deal"]["grain"] == ["id"]
    own = {one["path"]: one["unit"] for one in deal["fields"]}
    assert (own["base_amount"], own["name"], own["version"]) == ("amount", None, "number")
    assert {o["unit"] for o in activity["fields"] if o["path"].endswith("_minutes")} == {"minutes"}
    ways = {one["name"]: (one["source"], one["is_many"]) for one in listed["company"]["relations"]}
    assert (ways["parent"], ways["deals"]) == (("company", False), ("deal", True))
    assert {one["name"]: one["isMany"] for one in told["company"]["relations"]} == {
        name: many for name, (_, many) in ways.items()
    }


async def test_ways_to_what_may_not_be_read_are_not_told(client):
    role = await custom_role(
        client, levels={"companies": {"read": "all"}, "reports": {"read": "all"}}
    )
    api = (await member(client, role)).api
    listed = {one["source"]: one for one in (await api.read("report-sources"))["data"]}
    assert "deals" not in {one["name"] for one in listed["company"]["relations"]}


async def test_runs_keep_the_definition_they_were_made_by(client, worker):
    for name in ("deal_outcomes_by_owner", "pipeline_velocity"):
        answer = await client.post(f"/v1/standard-reports/{name}/runs", json={})
        started = answer.json()
        await client.ended(started["job_id"])
        found = await client.read(f"report-runs/{started['run']['id']}")
        assert found["standard"] == await client.read(f"standard-reports/{name}")
