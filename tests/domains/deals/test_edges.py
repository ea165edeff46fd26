"""What companies and contacts lead to because deals, quotes and roles refer to them."""

import pytest

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.deals.repository import DEALS
from crm_api.kit.query.listing import Relation
from support.clients import problem
from support.members import custom_role, member
from support.selling import act, deal, known, pipeline


@pytest.mark.parametrize("name", ["deals", "parent", "industry"])
def test_a_way_back_takes_no_name_that_is_there(name):
    with pytest.raises(ValueError, match=name):
        COMPANIES.lead(Relation(name, lambda: DEALS, COMPANIES.model.id, DEALS.model.company_id))


async def scene(client):
    """A company with an open deal and a won one, another company with none."""
    where = await pipeline(client)
    company = await client.made("companies", {"name": "Example Works"})
    await client.made("companies", {"name": "Other Works"})
    contact = await client.made("contacts", {"last_name": "Person"})
    own = {"company_id": company["id"], "contact_id": contact["id"]}
    first = await deal(client, where, amount="10", **own)
    second = await deal(client, where, amount="20", **own)
    await act(client, second["id"], "win")
    return company, contact, first, second


async def names(client, path, **params):
    return [one["name"] for one in (await client.read(path, **params))["data"]]


async def test_what_is_below_leads_to_what_is_above(client):
    company, contact, first, second = await scene(client)
    assert await names(client, "companies", **{"filter[deals][some][status]": "open"}) == [
        "Example Works"
    ]
    body = {"filter": {"deals": {"count": {"where": {"amount": {"gte": "10"}}, "gte": 2}}}}
    found = (await client.post("/v1/companies/query", json=body)).json()["data"]
    assert [one["id"] for one in found] == [company["id"]]
    body = {"filter": {"deals": {"none": {}}}}
    found = (await client.post("/v1/companies/query", json=body)).json()["data"]
    assert [one["name"] for one in found] == ["Other Works"]
    shown = await client.read(f"companies/{company['id']}", include="deals.stage,quotes")
    assert [one["id"] for one in shown["deals"]["data"]] == [second["id"], first["id"]]
    assert [one["stage"]["name"] for one in shown["deals"]["data"]] == ["Won", "New"]
    assert shown["quotes"]["data"] == []
    document = (
        "query($id: UUID!, $where: DealWhere) { company(id: $id) { deals(where: $where, "
        'orderBy: ["amount"]) { totalCount nodes { id contact { deals { nodes { id } } } } } '
        "quotes { totalCount } } companies(where: {deals: {count: {gte: 1}}}) { nodes { id } } }"
    )
    found = await client.data(document, id=company["id"], where={"status": {"eq": "open"}})
    (node,) = found["company"]["deals"]["nodes"]
    assert node["id"] == first["id"]
    assert len(node["contact"]["deals"]["nodes"]) == 2
    assert found["companies"]["nodes"] == [{"id": company["id"]}]
    assert contact["id"] == first["contact_id"]


async def test_a_person_leads_to_deals_by_what_they_are_in_them(client):
    where = await pipeline(client)
    made = await deal(client, where)
    person = await known(client, made, "champion", influence=5)
    params = {"filter[deal_roles][some][roles][has]": "champion"}
    found = await client.read("contacts", **params, include="deal_roles.deal")
    (one,) = found["data"]
    assert one["id"] == person["contact_id"]
    assert [role["deal"]["id"] for role in one["deal_roles"]["data"]] == [made["id"]]
    body = {"filter": {"contacts": {"some": {"influence": {"gte": 4}}}}}
    found = (await client.post("/v1/deals/query", json=body)).json()["data"]
    assert [one["id"] for one in found] == [made["id"]]
    document = (
        "query($id: UUID!) { contact(id: $id) { dealRoles { nodes { roles deal { id } } } } }"
    )
    found = (await client.data(document, id=person["contact_id"]))["contact"]["dealRoles"]
    assert found["nodes"] == [{"roles": ["champion"], "deal": {"id": made["id"]}}]


async def test_nobody_sees_more_by_a_way_back(client):
    company, _, first, _ = await scene(client)
    levels = {"companies": {"read": "all"}, "deals": {"read": "own"}}
    role = await custom_role(client, levels=levels)
    seller = await member(client, role)
    await client.changed(f"deals/{first['id']}", {"owner_id": seller.id})
    shown = await seller.api.read(f"companies/{company['id']}", include="deals")
    assert [one["id"] for one in shown["deals"]["data"]] == [first["id"]]
    won = {"filter[deals][some][status]": "won"}
    assert (await seller.api.read("companies", **won))["data"] == []
    only = await member(client, await custom_role(client, levels={"companies": {"read": "all"}}))
    for params in ({"include": "deals"}, won):
        problem(await only.api.get("/v1/companies", params=params), 403)


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/v1/companies", {"include": "deals"}),
        ("/v1/companies", {"filter[deals][some][status]": "open"}),
        ("/v1/contacts", {"filter[deal_roles][count][gte]": "1"}),
    ],
)
async def test_without_the_module_there_is_no_way_back(client, path, params):
    company, *_ = await scene(client)
    rollup = {"relation": "deals", "function": "sum", "field": "base_amount"}
    body = {"target": "company", "name": "sold", "type": "rollup", "rollup": rollup}
    await client.made("custom-fields", body)
    shown = await client.read(f"companies/{company['id']}")
    assert float(shown["custom"]["sold"]) == 30
    answer = await client.post("/v1/modules/deals/disable", params={"cascade": True})
    assert answer.status_code == 200, answer.text
    problem(await client.get(path, params=params), 404, "module_disabled")
    # A field that is computed of what is not there is empty, and nothing else goes with it.
    shown = await client.read(f"companies/{company['id']}")
    assert shown["custom"].get("sold") is None
    assert (await client.get(path)).status_code == 200
    document = "{ companies { nodes { name deals { totalCount } } } }"
    error = (await client.gql(document))["errors"][0]
    assert error["extensions"]["code"] == "module_disabled"
    assert (await client.gql("{ companies { nodes { name } } }"))["data"]["companies"]["nodes"]
