"""Territories: which one a lead is in, where it goes by that, and the tree that stays one."""

import asyncio
from random import Random
from types import SimpleNamespace
from uuid import UUID, uuid4

from crm_api.domains.leads.areas import Area, Tree
from support.clients import pointers, problem
from support.leads import captured, give_all, owner_of, pool_of, rule_of, users_of
from support.waiting import patiently

LISTS = ("countries", "regions", "industries", "postal_prefixes", "postal_ranges", "company_ids")


def row(name, parent=None, **more):
    """A territory as it is stored; its id is made of its name."""
    lists = {key: more.pop(key, []) for key in LISTS}
    nowhere = {"pool_id": None, "user_id": None}
    return {"id": name, "name": name, "parent_id": parent, **lists, **nowhere, **more}


def lead(**more):
    fields = dict.fromkeys(("country", "region", "industry", "postal_code"))
    return SimpleNamespace(**{**fields, "companies": (), **more})


def name_of(tree, **more):
    found = tree.of(lead(**more))
    return None if found is None else found.name


def test_the_most_specific_territory_has_a_lead():
    company, other = uuid4(), uuid4()
    tree = Tree(
        [
            row("World"),
            row("Germany", "World", countries=["DE"]),
            row("South", "Germany", postal_ranges=[{"first": "80", "last": "87"}]),
            row("Munich", "Germany", postal_prefixes=["80", "81"]),
            row("Lake", "Germany", postal_prefixes=["823"]),
            row("Banks", "Germany", industries=["bank"]),
            row("Key accounts", "World", company_ids=[str(company)]),
            row("Key banks", "Key accounts", industries=["bank"]),
            row("Lost", "Nothing", countries=["FR"]),
        ]
    )
    assert name_of(tree) == "World"
    assert name_of(tree, country="de") == "Germany"
    assert name_of(tree, country="DE", postal_code="86 150") == "South"
    assert name_of(tree, country="DE", postal_code="80331") == "South"
    assert name_of(tree, country="DE", postal_code="82319") == "Lake"
    assert name_of(tree, country="DE", postal_code="8") == "Germany"
    assert name_of(tree, country="DE", postal_code="88000") == "Germany"
    assert name_of(tree, country="AT", postal_code="80331") == "World"
    assert name_of(tree, country="DE", industry="bank") == "Banks"
    assert name_of(tree, country="DE", industry="bank", postal_code="80331") == "South"
    assert name_of(tree, country="FR") == "World"
    assert name_of(tree, country="DE", companies=[other, company]) == "Key accounts"
    assert name_of(tree, industry="bank", companies=[company]) == "Key banks"
    assert name_of(tree, industry="bank", companies=[other]) == "World"
    group = uuid4()
    held = Tree([row("Group", company_ids=[str(group)]), row("Own", company_ids=[str(company)])])
    assert name_of(held, companies=[company, group]) == "Own"
    assert name_of(held, companies=[other, group]) == "Group"
    assert [one.name for one in held.tied(lead(companies=[company, group]))] == ["Own"]
    tied = tree.tied(lead(country="DE", postal_code="80331"))
    assert [one.name for one in tied] == ["South", "Munich"]
    assert Tree([]).of(lead()) is None


def test_leads_go_where_the_next_territory_above_says():
    tree = Tree(
        [
            row("World", pool_id="first"),
            row("Germany", "World", countries=["DE"], user_id="own"),
            row("Bavaria", "Germany", regions=["Bayern"]),
            row("France", "World", countries=["FR"]),
        ]
    )
    found = {one.name: (one.pool_id, one.user_id) for one in tree.territories}
    assert found["France"] == ("first", None)
    assert found["Bavaria"] == found["Germany"] == (None, "own")


def test_the_tree_agrees_with_asking_each_territory_on_its_own():
    random = Random(7)
    rows = [row("0")]
    for number in range(1, 60):
        limits = {
            "countries": random.sample(["DE", "FR", "AT"], random.randint(0, 2)),
            "postal_prefixes": random.sample(["1", "12", "2", "23"], random.randint(0, 2)),
        }
        rows.append(row(str(number), str(random.randrange(number)), **limits))
    parents = {one["id"]: one for one in rows}

    def lineage(one):
        return [one, *(lineage(parents[one["parent_id"]]) if one["parent_id"] else [])]

    tree = Tree(rows)
    order = [one.id for one in tree.territories]
    assert sorted(order) == sorted(parents)
    for _ in range(200):
        code = random.choice([None, "1", "12", "129", "23", "3"])
        asked = lead(country=random.choice([None, "DE", "FR"]), postal_code=code)
        inside = [
            one
            for one in rows
            if all(Area.of(above).outside(asked) is None for above in lineage(one))
        ]
        best = max(
            inside,
            key=lambda one: (
                len(lineage(one)),
                Area.of(one).reach(asked),
                -order.index(one["id"]),
            ),
        )
        assert tree.of(asked).id == best["id"]


async def territory_of(client, name, **more):
    return await client.made("territories", {"name": name, **more})


async def by_territory(client, **more):
    body = {"name": "By territory", "target": "territory", **more}
    return await client.made("lead-rules", body)


async def test_leads_go_by_their_territory_and_its_decision_tells_which(client, database, org):
    one, other, last = await users_of(client, 3)
    pool = await pool_of(client, {one: 1})
    rest = await pool_of(client, {last: 1})
    germany = await territory_of(client, "Germany", countries=["DE"], pool_id=pool["id"])
    bavaria = await territory_of(
        client, "Bavaria", parent_id=germany["id"], postal_prefixes=["8", "9"]
    )
    key = await client.made("companies", {"name": "Key", "domains": ["key.example"]})
    accounts = await territory_of(client, "Key", company_ids=[key["id"]], user_id=other)
    nowhere = await territory_of(client, "France", countries=["FR"])
    rule = await by_territory(client, position=1)
    await rule_of(client, rest, position=2)
    leads = [
        (await captured(client, 1, **body))[0]
        for body in (
            {"country": "DE", "postal_code": "80331"},
            {"country": "DE", "postal_code": "10115"},
            {"country": "DE", "email": "person@key.example"},
            {"country": "FR"},
            {"country": "ES"},
        )
    ]
    assert await give_all(database, org) == 5
    assert [await owner_of(client, lead) for lead in leads] == [one, one, other, last, last]
    told = [await client.read(f"leads/{lead['id']}/explain") for lead in leads]
    ids = [bavaria["id"], germany["id"], accounts["id"], None, None]
    assert [one["territory_id"] for one in told] == ids
    assert {one["rule_id"] for one in told[:3]} == {rule["id"]}
    assert [one["rules"][0]["outcome"] for one in told] == [
        *(None, None, None, "leads_nowhere", "no_territory"),
    ]
    assert told[3]["rules"][0]["territory_id"] == nowhere["id"]
    assert (told[0]["pool_id"], told[2]["pool_id"]) == (pool["id"], None)
    asked = "query($i: UUID!) { leadExplanation(id: $i) { territoryId rules { territoryId } } }"
    answer = (await client.data(asked, i=leads[0]["id"]))["leadExplanation"]
    assert answer == {
        "territoryId": bavaria["id"],
        "rules": [{"territoryId": bavaria["id"]}],
    }


async def test_named_accounts_have_what_belongs_to_them(client, database, org):
    group, nearer = await users_of(client, 2)
    above = await client.made("companies", {"name": "Holding"})
    middle = await client.made("companies", {"name": "Division", "parent_id": above["id"]})
    site = {"name": "Site", "parent_id": middle["id"], "domains": ["works.example"]}
    await client.made("companies", site)
    await territory_of(client, "Group", company_ids=[above["id"]], user_id=group)
    await by_territory(client)

    async def given():
        (lead,) = await captured(client, 1, email=f"p{uuid4().hex}@works.example", country="FR")
        await give_all(database, org, [lead["id"]])
        return await owner_of(client, lead)

    assert await given() == group
    await territory_of(client, "Division", company_ids=[middle["id"]], user_id=nearer)
    assert await given() == nearer
    await client.changed(f"companies/{middle['id']}", {"parent_id": None})
    assert await given() == nearer


async def test_a_simulation_by_territories_and_the_real_thing_agree(client, database, org):
    one, other = await users_of(client, 2)
    pool = await pool_of(client, {one: 2, other: 1})
    await territory_of(client, "Germany", countries=["DE"], pool_id=pool["id"])
    await territory_of(client, "Austria", countries=["AT"], user_id=other)
    leads = [
        *await captured(client, 4, country="DE"),
        *await captured(client, 2, country="AT"),
        *await captured(client, 1),
    ]
    around = {"since": "2000-01-01T00:00:00Z", "until": "2100-01-01T00:00:00Z"}
    draft = {"name": "Draft", "target": "territory"}
    answer = await client.post("/v1/lead-rules/simulate", json={**around, "rules": [draft]})
    assert answer.status_code == 200, answer.text
    found = {one["lead_id"]: one["user_id"] for one in answer.json()["leads"]}
    await by_territory(client)
    assert await give_all(database, org) == 6
    assert found == {lead["id"]: await owner_of(client, lead) for lead in leads}


async def test_what_waits_is_given_once_its_territory_leads_somewhere(client, worker):
    (user,) = await users_of(client, 1)
    await by_territory(client)
    germany = await territory_of(client, "Germany", countries=["DE"])
    (lead,) = await captured(client, 1, country="DE")
    await client.idle()
    waiting = await client.read(f"leads/{lead['id']}")
    assert (waiting["owner_id"], waiting["unassigned_reason"]) == (None, "no_rule")
    await client.changed(f"territories/{germany['id']}", {"user_id": user})
    async for _ in patiently():
        if await owner_of(client, lead) == user:
            break
    await client.changed(f"territories/{germany['id']}", {"is_active": False})
    (later,) = await captured(client, 1, country="DE")
    await client.idle()
    assert await owner_of(client, later) is None


async def test_no_territory_stands_below_itself_whoever_moves_them_at_once(client):
    tops = [await territory_of(client, f"Top {n}") for n in range(6)]

    async def below(one, other):
        body = {"parent_id": other["id"]}
        return await client.patch(f"/v1/territories/{one['id']}", json=body)

    ring = zip(tops, [*tops[1:], tops[0]], strict=True)
    answers = await asyncio.gather(*[below(one, other) for one, other in ring])
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [409]
    refused = next(answer for answer in answers if answer.status_code == 409)
    assert pointers(problem(refused, 409, "hierarchy_cycle")) == ["/parent_id"]
    itself = await below(tops[0], tops[0])
    problem(itself, 409, "hierarchy_cycle")


async def test_bad_territories_are_told(client):
    (user,) = await users_of(client, 1)
    pool = await pool_of(client, {user: 1})
    company = await client.made("companies", {"name": "Key"})
    accounts = {"company_ids": [company["id"], str(uuid4())]}
    for body, at in (
        ({"pool_id": pool["id"], "user_id": user}, "/user_id"),
        ({"pool_id": str(uuid4())}, "/pool_id"),
        ({"parent_id": str(uuid4())}, "/parent_id"),
        (accounts, "/company_ids/1"),
        ({"countries": ["Atlantis"]}, "/countries/0"),
        ({"postal_ranges": [{"first": "80", "last": "8"}]}, "/postal_ranges/0"),
        ({"postal_ranges": [{"first": "81", "last": "80"}]}, "/postal_ranges/0"),
    ):
        answer = await client.post("/v1/territories", json={"name": "Wrong", **body})
        assert pointers(problem(answer, 422)) == [at], body
    made = await territory_of(client, "Right", pool_id=pool["id"])
    answer = await client.patch(f"/v1/territories/{made['id']}", json={"user_id": user})
    assert pointers(problem(answer, 422)) == ["/user_id"]
    rule = {"name": "Both", "target": "territory", "pool_id": pool["id"]}
    answer = await client.post("/v1/lead-rules", json=rule)
    assert pointers(problem(answer, 422)) == ["/pool_id"]


async def test_named_accounts_follow_merges_of_companies(client):
    one, other, third = [await client.made("companies", {"name": f"Company {n}"}) for n in range(3)]
    ids = [one["id"], third["id"], other["id"]]
    made = await territory_of(client, "Key", company_ids=ids)
    body = {"winner_id": other["id"], "loser_ids": [one["id"]]}
    answer = await client.post("/v1/companies/merge", json=body)
    assert answer.status_code in {200, 201}, answer.text
    found = await client.read(f"territories/{made['id']}")
    assert found["company_ids"] == [other["id"], third["id"]]
    undone = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await client.read(f"territories/{made['id']}"))["company_ids"] == ids


async def test_named_accounts_come_back_though_others_came_since(client):
    one, other, third = [await client.made("companies", {"name": f"Company {n}"}) for n in range(3)]
    made = await territory_of(client, "Key", company_ids=[one["id"]])
    body = {"winner_id": other["id"], "loser_ids": [one["id"]]}
    answer = await client.post("/v1/companies/merge", json=body)
    ids = [other["id"], third["id"]]
    await client.changed(f"territories/{made['id']}", {"company_ids": ids})
    undone = await client.post(f"/v1/merges/{answer.json()['id']}/undo")
    assert undone.status_code == 200, undone.text
    found = await client.read(f"territories/{made['id']}")
    assert found["company_ids"] == [third["id"], one["id"]]


async def test_lists_are_split_by_territory(client):
    germany = await territory_of(client, "Germany", countries=["DE"], position=2)
    await territory_of(client, "South", parent_id=germany["id"], postal_prefixes=["8"])
    await territory_of(client, "Austria", countries=["AT"], position=1)
    leads = [
        *await captured(client, 2, country="DE", postal_code="80331"),
        *await captured(client, 1, country="DE"),
        *await captured(client, 3, country="AT"),
        *await captured(client, 1),
    ]
    made = await client.made("prospect-lists", {"name": "Fair"})
    ids = {"lead_ids": [lead["id"] for lead in leads]}
    await client.post(f"/v1/prospect-lists/{made['id']}/members", json=ids)
    url = f"/v1/prospect-lists/{made['id']}/split"
    problem(await client.post(url, json={"by": "territory", "count": 2}), 422)
    answer = await client.post(url, json={"by": "territory"})
    assert answer.status_code == 201, answer.text
    parts = [(part["part"], part["member_count"]) for part in answer.json()["data"]]
    assert parts == [("Austria", 3), ("Germany", 1), ("South", 2), ("-", 1)]
    (south,) = [part for part in answer.json()["data"] if part["part"] == "South"]
    found = (await client.read(f"prospect-lists/{south['id']}/members"))["data"]
    assert {UUID(one["lead_id"]) for one in found} == {UUID(lead["id"]) for lead in leads[:2]}


async def test_gaps_and_overlaps_are_told_by_the_leads_that_came(client):
    germany = await territory_of(client, "Germany", countries=["DE"])
    banks = await territory_of(client, "Banks", industries=["bank"], position=1)
    await captured(client, 3, country="DE", industry="shop")
    await captured(client, 2, country="DE", industry="bank")
    await captured(client, 1, country="FR")
    found = await client.read("territories/coverage", days=8)
    counts = [found[name] for name in ("lead_count", "in_none", "in_one", "in_several")]
    assert counts == [6, 1, 3, 2]
    (gap,), (overlap,) = found["gaps"], found["overlaps"]
    assert (gap["country"], gap["territories"], gap["leads"]) == ("FR", [], 1)
    assert overlap["territories"] == [germany["id"], banks["id"]]
    assert [one["leads"] for one in found["shares"]] == [5, 0]
    asked = "query($d: Int!) { territoryCoverage(days: $d) { inSeveral shares { leads } } }"
    told = (await client.data(asked, d=8))["territoryCoverage"]
    assert told == {"inSeveral": 2, "shares": [{"leads": 5}, {"leads": 0}]}
    for days in (0, 9_999):
        problem(await client.get(f"/v1/territories/coverage?days={days}"), 422)
        assert "errors" in await client.gql(asked, d=days)
