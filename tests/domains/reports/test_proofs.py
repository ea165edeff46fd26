"""Standard reports and metrics in the words of reports: plain Python over rows comes to the same."""

from itertools import chain

import pytest

import crm_api.registry  # noqa: F401 - tells which reports and metrics there are
from crm_api.domains.reports.declared import Declared
from crm_api.kit.reporting import DefinedReport
from support.clients import problem
from support.library import compared
from support.little import little_company
from support.members import member
from support.proofs import METRICS, REPORTS, dated_day, of_days, over, seen

SEEDS = (1, 2)
EVER = {"from": "2000-01-01", "to": "2100-01-01"}
SPANS = (
    {"from": "2025-03-01", "to": "2025-03-30"},
    {"from": "2025-10-26", "to": "2025-10-26"},
    {"from": "2001-01-01", "to": "2001-12-31"},
)


@pytest.fixture(scope="module")
async def companies(world):
    """Two, of which every number is told; read alone, so all tests share them."""
    orgs = [await world.org() for _ in SEEDS]
    return {
        seed: await little_company(await world.client(org), world.owner, org, seed)
        for seed, org in zip(SEEDS, orgs, strict=True)
    }


@pytest.fixture(params=SEEDS)
def little(companies, request):
    return companies[request.param]


@pytest.mark.parametrize("wanted", REPORTS, ids=lambda one: one.name)
async def test_reports_and_the_records_behind_them(little, wanted):
    numbers = {}
    for reach, (api, whose) in little.readers.items():
        rows = await seen(little, wanted.path, whose)
        for span in (EVER, *SPANS) if wanted.dated else (EVER,):
            own = of_days(rows, wanted.dated, span)
            opened = span is EVER and reach != "team"
            found = await compared(api, over(wanted, span), own, opened=opened)
            numbers.setdefault(reach, found)
    assert 0 < numbers["own"] < numbers["team"] < numbers["all"]


def same(told, wanted, unit):
    assert (told is None) == (wanted is None), (told, wanted)
    # Amounts are shown by hundredths, other numbers by millionths.
    small = 0.005001 if unit == "amount" else 0.000002
    assert told is None or abs(float(told) - float(wanted)) <= small, (told, wanted)


@pytest.mark.parametrize("wanted", METRICS, ids=lambda one: one.name)
async def test_metrics_by_groups_and_days(little, wanted):
    for api, whose in little.readers.values():
        rows = [row for row in await seen(little, wanted.table, whose) if wanted.of(row)]
        for span in ({}, *SPANS) if wanted.dated else ({},):
            own = of_days(rows, wanted.dated, span)
            answer = await api.read(f"metrics/{wanted.name}", by="owner_id", **span)
            unit = answer["metric"]["unit"]
            same(answer["value"], wanted.value(own), unit)
            groups = {}
            for row in own:
                groups.setdefault(row["owner_id"], []).append(row)
            (name,) = [c["name"] for c in answer["columns"] if c["role"] == "measure"]
            found = {r["values"]["owner_id"]: r["values"][name] for r in answer["rows"]}
            assert groups.keys() <= found.keys()
            for key, value in found.items():
                same(value, wanted.value(groups.get(key, [])), unit)
        if wanted.dated:
            await by_months(api, wanted, rows)


async def by_months(api, wanted, rows):
    """By the months of the first day that a metric goes by; months of nothing are told, too."""
    (first, *_), year = wanted.dated, {"from": "2025-01-01", "to": "2025-12-31"}
    answer = await api.read(f"metrics/{wanted.name}", by=f"{first}:month", **year)
    (name,) = [c["name"] for c in answer["columns"] if c["role"] == "measure"]
    groups = {f"2025-{month:02}-01": [] for month in range(1, 13)}
    for row in of_days(rows, wanted.dated, year):
        if row[first] is not None:
            groups[dated_day(row, [first]).replace(day=1).isoformat()].append(row)
    found = {row["values"][first]: row["values"][name] for row in answer["rows"]}
    assert found.keys() - {None} == groups.keys()
    for key, own in groups.items():
        same(found[key], wanted.value(own), answer["metric"]["unit"])


def fields_of(entity, words):
    """The fields that a filter or a path is of, each with the kind of record that has it."""
    related = Declared.services[entity].repository.listing.related
    paths = {words: {}} if isinstance(words, str) else words
    for name, inner in paths.items():
        first, _, rest = name.partition(".")
        if first in {"and", "or"}:
            yield from chain(*(fields_of(entity, one) for one in inner))
        elif first in related:
            yield from fields_of(related[first].target().entity, rest or inner)
        else:
            yield entity, first


def read_by(source, words, dated):
    """All that a definition reads."""
    parts = [words.get("filter", {}), *dated]
    parts += [one["field"] for one in words.get("groupings", ())]
    for one in words["measures"]:
        parts += [one[key] for key in ("filter", "field", "since", "otherwise") if key in one]
    return set(chain(*(fields_of(source, part) for part in parts)))


async def asked(api, path):
    kind, name, *_ = path.split("/")
    if kind == "standard-reports":
        return await api.post(f"/v1/{path}", json={})
    return await api.get(f"/v1/{path}", params=EVER if Declared.metrics[name].is_dated else {})


async def test_whoever_does_not_see_a_field_gets_no_number_of_it(client):
    reads = {}
    for one in Declared.standard.values():
        if isinstance(one, DefinedReport):
            for read in read_by(one.source, one.definition, one.dated_by if one.parameters else ()):
                reads.setdefault(read, set()).add(f"standard-reports/{one.name}/run")
    for one in Declared.metrics.values():
        if one.figure is None:
            words = {"filter": one.filter, "measures": one.measures}
            for read in read_by(one.source, words, one.dated_by):
                reads.setdefault(read, set()).add(f"metrics/{one.name}")
    refused = set()
    for (entity, field), paths in reads.items():
        masks = {entity: {"hidden": [field], "read_only": []}}
        body = {"name": field, "levels": {"*": {"read": "all"}}, "masks": masks}
        made = await client.post("/v1/roles", json=body)
        if made.status_code == 422:
            # There are fields that nobody is kept from seeing.
            continue
        api = (await member(client, made.json()["id"])).api
        for path in paths:
            problem(await asked(api, path), 403, "hidden_field")
            refused.add(path)
    # These are of such fields alone.
    told = {wanted.name for wanted in REPORTS} - {path.split("/")[1] for path in refused}
    assert told == {"lead_ageing", "project_time"}
