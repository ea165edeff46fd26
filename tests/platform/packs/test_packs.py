"""Presets, applied and taken back."""

import asyncio

import pytest

from crm_api.platform.packs.reading import read_packs
from crm_api.platform.packs.schemas import PackOut
from crm_api.platform.packs.service import PackService
from support.clients import problem
from support.graph import as_graph

PACKS = sorted(read_packs())


@pytest.fixture(params=PACKS)
def pack(request):
    return request.param


async def apply(api, key, **params):
    answer = await api.post(f"/v1/packs/{key}/apply", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def roll_back(api, id, **params):
    answer = await api.post(f"/v1/pack-applications/{id}/rollback", params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def state(api):
    """Everything that a pack may set up, as an organization has it, the bin too."""
    found = {}
    for section in PackService.appliers:
        if section != "modules":
            path = section.replace("_", "-")
            answer = await api.get(f"/v1/{path}", params={"deleted": "include", "limit": 200})
            # What is switched off shows nothing, and the modules below tell that it is.
            found[section] = answer.json().get("data")
    for module in (await api.read("modules"))["data"]:
        found[module["key"]] = module["state"]
    return found


async def test_a_pack_is_applied_once_and_taken_back_whole(client, pack):
    before = await state(client)
    foreseen = await apply(client, pack, dry_run=True)
    assert await state(client) == before
    done = await apply(client, pack)
    assert [(s["section"], s["name"], s["action"]) for s in done["steps"]] == [
        (s["section"], s["name"], s["action"]) for s in foreseen["steps"]
    ]
    wanted = read_packs()[pack].contents
    assert len(done["steps"]) >= sum(map(len, wanted.values()))
    assert {step["section"] for step in done["steps"]} == set(wanted)
    # What a pack needs is on already.
    kept = [s for s in done["steps"] if s["action"] == "kept"]
    assert [s["section"] for s in kept if s["after"] != "enabled"] == []
    assert (await client.read(f"packs/{pack}"))["application_id"] == done["application"]["id"]
    again = await apply(client, pack)
    assert again["result"] == "unchanged"
    assert again["application"]["id"] == done["application"]["id"]
    assert {step["action"] for step in again["steps"]} == {"kept"}
    foreseen = await roll_back(client, done["application"]["id"], dry_run=True)
    assert foreseen["application"]["status"] == "rolled_back"
    after = await roll_back(client, done["application"]["id"])
    assert after["left"] == []
    assert await state(client) == before
    assert (await client.read(f"packs/{pack}"))["application_id"] is None
    answer = await client.post(f"/v1/pack-applications/{done['application']['id']}/rollback")
    problem(answer, 409, "rolled_back")


async def test_a_pack_has_pipelines_with_stages_of_its_trade(client, pack):
    wanted = read_packs()[pack].contents["pipelines"]
    done = await apply(client, pack)
    for one in wanted:
        (step,) = [
            s for s in done["steps"] if (s["section"], s["name"]) == ("pipelines", one["key"])
        ]
        found = await client.read(
            "stages", **{"filter[pipeline_id]": step["record_id"], "sort": "position"}
        )
        stages = [(row["name"], row["probability"], row["kind"]) for row in found["data"]]
        assert stages == [
            *((stage["name"], stage["probability"], "open") for stage in one["stages"]),
            ("Won", 100, "won"),
            ("Lost", 0, "lost"),
        ]
        pipeline = await client.read(f"pipelines/{step['record_id']}")
        assert pipeline["is_default"] is False


async def test_a_pipeline_of_a_pack_that_is_used_stays(client):
    done = await apply(client, "solo")
    (step,) = [s for s in done["steps"] if s["section"] == "pipelines"]
    deal = await client.made("deals", {"name": "Deal", "pipeline_id": step["record_id"]})
    at = f"/v1/pack-applications/{done['application']['id']}/rollback"
    found = problem(await client.post(at), 409, "pack_in_use")
    assert [o["section"] for o in found["obstacles"]] == ["pipelines"]
    await client.delete(f"/v1/deals/{deal['id']}", params={"purge": "true"})
    await client.made("stages", {"pipeline_id": step["record_id"], "name": "Own"})
    found = problem(await client.post(at), 409, "pack_in_use")
    assert [o["code"] for o in found["obstacles"]] == ["changed_since"]


async def test_a_pack_switches_on_what_an_earlier_one_left_out(client):
    await apply(client, "call_centre")
    done = await apply(client, "project_business")
    switched = [(s["name"], s["after"]) for s in done["steps"] if s["action"] == "switched"]
    assert switched == [("numbering", "enabled")]
    assert (await roll_back(client, done["application"]["id"]))["left"] == []
    assert (await client.read("modules/numbering"))["state"] == "disabled"


async def test_what_packs_did_is_told(client):
    done = await apply(client, "solo")
    (told,) = await client.told(done["application"]["id"], 1)
    assert (told["entity"], told["type"]) == ("pack_application", "pack_application.created")
    (known,) = (await client.read("audit", **{"filter[type]": told["type"]}))["data"]
    assert known["record_id"] == done["application"]["id"]


async def test_what_is_there_is_not_touched(client):
    field = await client.made(
        "custom-fields",
        {"target": "company", "name": "segment", "type": "text", "label": "Of our own"},
    )
    team = await client.made("teams", {"name": "Inside sales"})
    done = await apply(client, "sales_team")
    steps = {(s["section"], s["name"]): s for s in done["steps"]}
    assert steps["custom_fields", "company.segment"]["action"] == "kept"
    assert steps["teams", "Inside sales"]["record_id"] == team["id"]
    assert await client.read(f"custom-fields/{field['id']}") == field
    await roll_back(client, done["application"]["id"])
    assert await client.read(f"custom-fields/{field['id']}") == field
    assert await client.read(f"teams/{team['id']}") == team


async def test_what_is_in_the_bin_comes_back_and_goes_again(client):
    field = await client.made(
        "custom-fields", {"target": "contact", "name": "met_through", "type": "text"}
    )
    await client.delete(f"/v1/custom-fields/{field['id']}")
    done = await apply(client, "solo")
    steps = {(s["section"], s["name"]): s for s in done["steps"]}
    assert steps["custom_fields", "contact.met_through"]["action"] == "restored"
    await roll_back(client, done["application"]["id"])
    found = await client.read("custom-fields", deleted="only")
    assert [row["id"] for row in found["data"]] == [field["id"]]


async def test_what_was_changed_or_used_stands_in_the_way(client):
    done = await apply(client, "call_centre")
    steps = {(s["section"], s["name"]): s for s in done["steps"]}
    at = f"pack-applications/{done['application']['id']}"
    view = steps["views", "contact.Never called"]["record_id"]
    await client.changed(f"views/{view}", {"name": "Not called yet"})
    await client.made("contacts", {"last_name": "A", "custom": {"best_time": "morning"}})
    user = await client.made("users", {"email": "member@example.com", "name": "Sample Member"})
    team = steps["teams", "Quality"]["record_id"]
    await client.made("team-members", {"team_id": team, "user_id": user["id"]})
    await client.post("/v1/modules/exchange/enable")
    before = await state(client)
    found = problem(await client.post(f"/v1/{at}/rollback"), 409, "pack_in_use")
    assert {(o["section"], o["name"]) for o in found["obstacles"]} == {
        ("views", "contact.Never called"),
        ("custom_fields", "contact.best_time"),
        ("teams", "Quality"),
        ("modules", "exchange"),
    }
    assert {o["code"] for o in found["obstacles"]} >= {"changed_since", "still_referred_to"}
    assert await state(client) == before
    assert (await client.read(at))["status"] == "applied"
    after = await roll_back(client, done["application"]["id"], force=True)
    assert after["left"] == []
    assert (await client.read("views"))["data"] == []
    # In use, so it went no further than the bin.
    binned = (await client.read("custom-fields", deleted="only"))["data"]
    assert [row["name"] for row in binned] == ["best_time"]
    states = {m["key"]: m["state"] for m in (await client.read("modules"))["data"]}
    assert {states["exchange"], states["numbering"]} == {"enabled"}


async def test_a_pack_goes_as_far_as_the_rights_of_whoever_applies_it(client, keyed):
    weak = await keyed("packs:write", "modules:write", "*:read")
    found = problem(await weak.post("/v1/packs/solo/apply"), 403, "insufficient_scope")
    assert found["scope"].endswith(":write")
    assert (await client.read("modules/exchange"))["state"] == "enabled"
    reader = await keyed("*:read")
    problem(await reader.post("/v1/packs/solo/apply"), 403, "insufficient_scope")
    stranger = await keyed("contacts:read")
    for path in ("packs", "packs/solo", "pack-applications"):
        problem(await stranger.get(f"/v1/{path}"), 403, "insufficient_scope")
    problem(await client.post("/v1/packs/nonsense/apply"), 404, "not_found")


async def test_two_who_apply_at_once_apply_it_once(client):
    done = await asyncio.gather(*(apply(client, "sales_team") for _ in range(2)))
    assert sorted(each["result"] for each in done) == ["applied", "unchanged"]
    assert len((await client.read("pack-applications"))["data"]) == 1
    names = [team["name"] for team in (await client.read("teams"))["data"]]
    assert len(names) == len(set(names)) == 2


async def test_both_faces_do_the_same(client, other):
    shown = "{ packs { key version title description contents applicationId } }"
    listed = (await client.read("packs"))["data"]
    over_graph = (await client.data(shown))["packs"]
    assert over_graph == [as_graph(PackOut, pack) for pack in listed]
    document = """mutation { applyPack(key: "agency") {
        result steps { section name action } application { id status } } }"""
    done = (await client.data(document))["applyPack"]
    assert done["result"] == "applied"
    id = done["application"]["id"]
    found = await client.data("{ packApplications { nodes { id pack steps { name } } } }")
    assert [node["id"] for node in found["packApplications"]["nodes"]] == [id]
    [listed] = (await client.read("pack-applications"))["data"]
    assert listed["steps"][0]["name"] == found["packApplications"]["nodes"][0]["steps"][0]["name"]
    problem(await other.get(f"/v1/pack-applications/{id}"), 404, "not_found")
    problem(await other.post(f"/v1/pack-applications/{id}/rollback"), 404, "not_found")
    document = """mutation($id: UUID!) { rollBackPack(applicationId: $id) {
        left application { status } } }"""
    done = (await client.data(document, id=id))["rollBackPack"]
    assert done == {"left": [], "application": {"status": "rolled_back"}}
    answer = await client.gql(document, id=id)
    assert answer["errors"][0]["extensions"]["code"] == "rolled_back"
    assert await client.data('{ pack(key: "nonsense") { key } }') == {"pack": None}


def test_packs_name_sections_that_somebody_carries_out():
    for pack in PackService.packs.values():
        assert pack.contents.keys() <= PackService.appliers.keys(), pack.key
        assert pack.title, pack.key
        assert pack.description.endswith("."), pack.key
