"""The whole chain, from a deal to what was delivered and billed, through each face."""

from support.quoting import product

TASKS = [
    {"key": "install", "name": "Install", "minutes": 960},
    {
        "key": "handover",
        "name": "Handover",
        "kind": "milestone",
        "dependencies": [{"key": "install"}],
        "billing_percent": "100",
    },
]


SUPPORT = {"name": "Support", "interval": "month", "term": 12}


async def prepared(api):
    """A company, and a chair that is installed once it is sold."""
    chair = await product(api)
    body = {"name": "Installation", "product_ids": [chair["id"]], "tasks": TASKS}
    await api.made("project-templates", body)
    return await api.made("companies", {"name": "Example Industries"}), chair


async def test_the_chain_through_rest(client):
    company, chair = await prepared(client)

    async def done(path, **body):
        answer = await client.post(f"/v1/{path}", **({"json": body} if body else {}))
        assert answer.is_success, answer.text
        return answer.json()

    deal = await client.made("deals", {"name": "Chairs", "company_id": company["id"]})

    async def sold(deal_id, *lines):
        body = {"company_id": company["id"], "deal_id": deal_id, "currency": "EUR"}
        quote = await client.made("quotes", {**body, "lines": lines})
        await done(f"quotes/{quote['id']}/send")
        await done(f"quotes/{quote['id']}/accept", by="An example")
        return await done(f"deals/{deal_id}/win")

    chairs = {"product_id": chair["id"], "quantity": "3"}
    won = await sold(deal["id"], chairs, {**SUPPORT, "unit_price": "10"})
    project = f"projects/{won['project_id']}"
    await done(f"orders/{won['order_id']}/confirm")
    await done(f"{project}/start")
    await done(f"{project}/baseline")
    plan = await client.read(f"{project}/schedule")
    work, mark = (one["id"] for one in plan["tasks"])
    assert (plan["critical_path"], plan["slip"]) == ([work, mark], 0)
    entry = {"project_id": won["project_id"], "task_id": work, "day": "2026-03-02"}
    time = await client.made("time-entries", {**entry, "minutes": 60, "cost_rate": "50.00"})
    await done(f"time-entries/{time['id']}/submit")
    await done(f"time-entries/{time['id']}/approve")
    await client.changed(f"project-tasks/{work}", {"percent": 100})
    (promised,) = (await client.read("deliverables"))["data"]
    await done(f"deliverables/{promised['id']}/submit")
    await done(f"deliverables/{promised['id']}/accept", decided_by="An example")
    due = await done(f"project-tasks/{mark}/accept")
    assert due["billing_amount"] == "300.00"
    await done(f"project-tasks/{mark}/bill", reference="2026-1")
    await done(f"{project}/complete")
    assert (await done(f"{project}/accept"))["status"] == "accepted"
    figures = await client.read(f"{project}/figures")
    assert (figures["billed"], figures["actual_margin"]) == ("300.00", "250.00")
    assert (figures["percent"], figures["health"]) == (100, "green")
    first = await done(f"orders/{won['order_id']}/contract")
    assert (await done(f"contracts/{first['id']}/activate"))["mrr"] == "10.00"
    renewal = (await done(f"contracts/{first['id']}/renew"))["renewal_deal_id"]
    again = await sold(renewal, {**SUPPORT, "unit_price": "12"})
    assert (await client.read(f"contracts/{first['id']}"))["status"] == "renewed"
    (after,) = (await client.read("contracts", **{"filter[status]": "active"}))["data"]
    assert (after["previous_id"], after["order_id"]) == (first["id"], again["order_id"])
    assert after["mrr"] == "12.00"


async def test_the_chain_through_graphql(client):
    company, chair = await prepared(client)

    async def done(field, types, shown, **given):
        named = ", ".join(f"${name}: {kind}" for name, kind in types.items())
        passed = ", ".join(f"{name}: ${name}" for name in types)
        document = f"mutation({named}) {{ {field}({passed}) {{ {shown} }} }}"
        return (await client.data(document, **given))[field]

    async def act(field, id, shown="id", **more):
        types = {"id": "UUID!", **dict.fromkeys(more, "String!")}
        return await done(field, types, shown, id=id, **more)

    async def create(kind, **values):
        types = {"input": f"{kind}CreateInput!"}
        return (await done(f"create{kind}", types, "id", input=values))["id"]

    deal = await create("Deal", name="Chairs", companyId=company["id"])

    async def sold(deal_id, *lines):
        of = {"companyId": company["id"], "dealId": deal_id, "currency": "EUR"}
        quote = await create("Quote", **of, lines=lines)
        await act("sendQuote", quote)
        await act("acceptQuote", quote, by="An example")
        return await act("winDeal", deal_id, "orderId projectId")

    chairs = {"productId": chair["id"], "quantity": "3"}
    won = await sold(deal, chairs, {**SUPPORT, "unitPrice": "10"})
    await act("confirmOrder", won["orderId"])
    await act("startProject", won["projectId"])
    plan = await act("setProjectBaseline", won["projectId"], "slip criticalPath")
    work, mark = plan["criticalPath"]
    assert plan["slip"] == 0
    types = {"id": "UUID!", "input": "ProjectTaskUpdateInput!"}
    await done("updateProjectTask", types, "id", id=work, input={"percent": 100})
    found = await client.data("{ deliverables { nodes { id project { id } } } }")
    (promised,) = found["deliverables"]["nodes"]
    assert promised["project"]["id"] == won["projectId"]
    await act("submitDeliverable", promised["id"])
    await act("acceptDeliverable", promised["id"], decidedBy="An example")
    due = await act("acceptMilestone", mark, "billingAmount")
    assert due == {"billingAmount": "300.00"}
    await act("billMilestone", mark, reference="2026-1")
    await act("completeProject", won["projectId"])
    document = """mutation($id: UUID!) { acceptProject(id: $id) {
        status deal { status } order { id } tasks { nodes { name percent } } } }"""
    ended = (await client.data(document, id=won["projectId"]))["acceptProject"]
    assert (ended["status"], ended["deal"]["status"]) == ("accepted", "won")
    assert ended["order"]["id"] == won["orderId"]
    assert {one["percent"] for one in ended["tasks"]["nodes"]} == {100}
    types = {"orderId": "UUID!", "input": "ContractOfOrderInput!"}
    of = {"orderId": won["orderId"], "input": {}}
    first = (await done("makeContractOfOrder", types, "id", **of))["id"]
    assert await act("activateContract", first, "mrr") == {"mrr": "10.00"}
    renewal = (await act("renewContract", first, "renewalDeal { id }"))["renewalDeal"]["id"]
    again = await sold(renewal, {**SUPPORT, "unitPrice": "12"})
    document = "{ contracts { nodes { id status mrr previousId order { id } } } }"
    nodes = (await client.data(document))["contracts"]["nodes"]
    found = {node.pop("id"): node for node in nodes}
    assert found.pop(first)["status"] == "renewed"
    (after,) = found.values()
    assert (after["status"], after["previousId"], after["mrr"]) == ("active", first, "12.00")
    assert after["order"]["id"] == again["orderId"]
