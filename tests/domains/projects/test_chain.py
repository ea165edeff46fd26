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
    lines = [{"product_id": chair["id"], "quantity": "3"}]
    body = {"company_id": company["id"], "deal_id": deal["id"], "currency": "EUR", "lines": lines}
    quote = await client.made("quotes", body)
    await done(f"quotes/{quote['id']}/send")
    await done(f"quotes/{quote['id']}/accept", by="An example")
    won = await done(f"deals/{deal['id']}/win")
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
    lines = [{"productId": chair["id"], "quantity": "3"}]
    quote = await create("Quote", companyId=company["id"], dealId=deal, currency="EUR", lines=lines)
    await act("sendQuote", quote)
    await act("acceptQuote", quote, by="An example")
    won = await act("winDeal", deal, "orderId projectId")
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
