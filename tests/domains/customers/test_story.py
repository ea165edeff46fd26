"""One customer through five departments: what their picture shows after each step, and later of it.

Each step says what changed; all else has to be as it was. A step of another department is one more
function here, between those that are there.
"""

from datetime import timedelta
from typing import Any

from crm_api.domains.customers.jobs import measure_health
from crm_api.kit import clock
from support.clients import Api
from support.mails import channel, ended, mail, reply, take
from support.ordering import act as act_on_order
from support.ordering import win
from support.quoting import act as act_on_quote
from support.quoting import link, product
from support.sla import policy_of
from support.stories import Story
from support.waiting import patiently

PROMOTION = {"channel": "email", "purpose": "promotion"}
BY = {"name": "Sample Person", "email": "person@example.com"}
YESTERDAY = "UPDATE company_health SET day = day - 1 WHERE organization_id = $1"
Ids = dict[str, str]


async def done(api: Api, path: str, **body: Any) -> dict[str, Any]:
    """The answer to an action, which must succeed."""
    answer = await api.post(path if path.startswith("/public") else f"/v1/{path}", json=body)
    assert answer.is_success, answer.text
    return answer.json()


async def gate(api: Api, id: str) -> list[str]:
    """Why a person is not reached for a promotion."""
    found = await done(api, "outreach/check", items=[{**PROMOTION, "record_id": id}])
    return found["data"][0]["reasons"]


async def informs(story: Story, ids: Ids) -> None:
    """Information: who the customer is, and what somebody knows of them."""
    api = story.api
    company = await api.made("companies", {"name": "Example Industries"})
    person = {"first_name": "Sample", "last_name": "Person", "email": BY["email"]}
    person |= {"company_id": company["id"]}
    contact = await api.made("contacts", person)
    ids |= {"company": company["id"], "contact": contact["id"]}
    story.follow("company", "companies", company["id"])
    story.follow("contact", "contacts", contact["id"])
    people = [("Sample Person", [])]
    await story.then(
        "known",
        company={"name": "Example Industries", "people": people},
        contact={"name": "Sample Person", "people": people},
    )
    body = {"target": "contact", "record_id": contact["id"], "body": "Met at the fair."}
    await api.made("comments", body)
    await story.then("commented", ("comment.created", "information", "internal"))


async def advertises(story: Story, ids: Ids) -> None:
    """Advertising: may they be reached, and by what."""
    api = story.api
    assert await gate(api, ids["contact"]) == ["no_consent"]
    consent = {"basis": "consent", "evidence": {"source": "form"}, "record_id": ids["contact"]}
    await api.made("consents", {**PROMOTION, **consent})
    assert await gate(api, ids["contact"]) == []
    await story.then("agreed", ("consent.recorded", "advertising", "in"))
    liked = {"contact_id": ids["contact"], "key": "channel", "value": "email"}
    await api.made("preferences", {**liked, "origin": "observed", "confidence": 80})
    await story.then("observed", contact={"preferences": [("channel", "email", "observed", 0)]})
    rule = {
        "name": "No promotion while an escalated case is open",
        "subject": "company",
        "purposes": ["promotion"],
        "filter": {
            "cases": {"some": {"is_escalated": True, "status": {"nin": ["resolved", "closed"]}}}
        },
        "message": "Ask service first.",
    }
    await api.made("guard-rules", rule)


async def sells(story: Story, ids: Ids) -> None:
    """Sales: a deal with a call, a task and what was said in it."""
    api = story.api
    of = {"company_id": ids["company"], "contact_id": ids["contact"]}
    deal = {"name": "Office", "currency": "EUR", "amount": "250", **of}
    ids["deal"] = (await api.made("deals", {**deal, "promises": ["Training"]}))["id"]
    role = {"deal_id": ids["deal"], "contact_id": ids["contact"], "roles": ["champion"]}
    await api.made("deal-contacts", role)
    selling = {
        "people": [("Sample Person", ["champion"])],
        "open_deals": [("Office", "250.00")],
        "pipeline": [("EUR", 1, "250.00")],
    }
    await story.then("wanted", ("deal.created", "sales", None), company=selling, contact=selling)
    call = {"kind": "call", "subject": "What they need", "direction": "inbound"}
    ids["call"] = (
        await api.made("activities", {**call, "status": "completed", "deal_id": ids["deal"], **of})
    )["id"]
    stated = {"contact_id": ids["contact"], "key": "channel", "value": "phone"}
    evidence = [{"target": "activity", "record_id": ids["call"]}]
    await api.made("preferences", {**stated, "origin": "stated", "evidence": evidence})
    await story.then(
        "called",
        ("activity.logged", "sales", "in"),
        contact={"preferences": [("channel", "phone", "stated", 1)]},
    )
    task = {"subject": "Send the offer", "deal_id": ids["deal"], **of}
    ids["task"] = (await api.made("tasks", task))["id"]
    open_tasks = {"open_tasks": [("Send the offer", "open")]}
    await story.then("noted", company=open_tasks, contact=open_tasks)


async def offers(story: Story, ids: Ids, customer: Api) -> None:
    """Sales: a quote that the customer accepts by its link."""
    api = story.api
    chair = await product(api)
    task = {"key": "install", "name": "Install", "minutes": 60}
    template = {"name": "Installation", "product_ids": [chair["id"]], "tasks": [task]}
    await api.made("project-templates", template)
    body = {
        "name": "Chairs",
        "currency": "EUR",
        "lines": [{"product_id": chair["id"], "quantity": "4"}],
        **{f"{name}_id": ids[name] for name in ("company", "contact", "deal")},
    }
    quote = ids["quote"] = (await api.made("quotes", body))["id"]
    drafted = {"open_quotes": [("Chairs", "draft", "400.00")]}
    await story.then("drafted", company=drafted, contact=drafted)
    await act_on_quote(api, quote, "send")
    await done(api, f"tasks/{ids['task']}/complete")
    sent = {"open_quotes": [("Chairs", "sent", "400.00")], "open_tasks": None}
    await story.then("offered", ("quote.sent", "sales", "out"), company=sent, contact=sent)
    path = await link(api, quote)
    assert (await customer.get(path)).status_code == 200
    await done(customer, f"{path}/accept", revision=1, **BY)
    accepted = {"open_quotes": None}
    await story.then(
        "accepted",
        ("quote_link.viewed", "sales", "in"),
        ("quote.viewed", "sales", "in"),
        ("quote.accepted", "sales", "in"),
        company=accepted,
        contact=accepted,
    )


async def wins(story: Story, ids: Ids) -> None:
    """Sales hands over: the deal is won with its order, its project and its promise."""
    api = story.api
    won = await win(api, ids["deal"])
    ids |= {"order": won["order_id"], "project": won["project_id"]}
    sold = {
        "open_deals": None,
        "pipeline": None,
        "won": [("EUR", 1, "250.00")],
        "open_orders": [("Chairs", "draft", "400.00")],
        "commitments": [("Training", "us", None)],
    }
    await story.then(
        "won",
        ("deal.won", "sales", None),
        ("commitment.created", "delivery", None),
        company={**sold, "open_projects": [("Chairs", "planned")]},
        contact=sold,
    )
    await act_on_order(api, ids["order"], "confirm")
    ordered = {
        "open_orders": [("Chairs", "confirmed", "400.00")],
        "ordered": [("EUR", 1, "400.00")],
        "products": [("Chair", "4")],
    }
    await story.then(
        "ordered", ("order.confirmed", "delivery", None), company=ordered, contact=ordered
    )


async def delivers(story: Story, ids: Ids, customer: Api) -> None:
    """Delivery: what is accepted by its link, a promise that is put off and kept."""
    api = story.api
    await done(api, f"projects/{ids['project']}/start")
    await story.then(
        "started",
        ("project.started", "delivery", None),
        company={"open_projects": [("Chairs", "active")]},
    )
    (promise,) = (await api.read("commitments"))["data"]
    later = {"due_on": "2031-05-01", "reason": "The room is not free."}
    again = await done(api, f"commitments/{promise['id']}/renegotiate", **later)
    put_off = {"commitments": [("Training", "us", "2031-05-01")]}
    await story.then(
        "put off",
        ("commitment.renegotiated", "delivery", None),
        ("commitment.created", "delivery", None),
        company=put_off,
        contact=put_off,
    )
    (chairs,) = (await api.read("deliverables"))["data"]
    ids["deliverable"] = chairs["id"]
    await done(api, f"deliverables/{chairs['id']}/submit")
    made = await api.made("delivery-links", {"project_id": ids["project"]})
    path = f"/public/deliveries/{made['token']}/deliverables/{chairs['id']}/accept"
    await done(customer, path, name="Sample Person")
    await story.then(
        "delivered", ("deliverable.submitted", "delivery", "out"),
        ("deliverable.accepted", "delivery", "in"),
    )  # fmt: skip
    await done(api, f"commitments/{again['id']}/keep")
    promised = {"commitments": None}
    await story.then(
        "kept", ("commitment.kept", "delivery", None), company=promised, contact=promised
    )


async def writes(story: Story, ids: Ids) -> None:
    """Service: a mail of the customer opens a case, is answered, and the next one goes on with it."""
    api = story.api
    await channel(api, opens_cases=True)
    sender = f"{BY['name']} <{BY['email']}>"
    receipt = await take(api, mail("It rocks.", sender=sender, subject="A chair is loose"))
    ids["case"] = receipt["case_id"]
    told = {
        "open_cases": [("A chair is loose", "new", "normal", False)],
        "open_conversations": [("A chair is loose", "open", True)],
    }
    await story.then(
        "written",
        ("message.received", "service", "in"),
        ("case.created", "service", None),
        company=told,
        contact=told,
    )
    sent = await ended(api, await reply(api, receipt), "sent")
    told = {
        "open_cases": [("A chair is loose", "in_progress", "normal", False)],
        "open_conversations": [("A chair is loose", "open", False)],
    }
    await story.then("answered", ("message.sent", "service", "out"), company=told, contact=told)
    again = {"subject": "Re: A chair is loose", "In_Reply_To": f"<{sent['message_id']}>"}
    more = mail("It still rocks.", sender=sender, id="second@example.org", **again)
    assert (await take(api, more))["case_id"] == ids["case"]
    told = {"open_conversations": [("A chair is loose", "open", True)]}
    await story.then(
        "written again", ("message.received", "service", "in"), company=told, contact=told
    )


async def serves(story: Story, ids: Ids) -> None:
    """Service: a case that a policy escalates keeps advertising away until it is resolved."""
    api, case = story.api, ids["case"]
    of = {"company_id": ids["company"], "contact_id": ids["contact"]}
    # Two minutes from the opening, and a hundredth of them is over at once.
    steps = [{"percent": 1, "target": "resolution", "raises": True}]
    await policy_of(api, minutes=2, filter={"priority": {"eq": "high"}}, escalations=steps)
    assert await gate(api, ids["contact"]) == []
    await api.changed(f"cases/{case}", {"priority": "high", "order_id": ids["order"]})
    async for _ in patiently():
        if (await api.read(f"cases/{case}"))["is_escalated"]:
            break
    assert await gate(api, ids["contact"]) == ["guarded"]
    counted = {"what": "A chair that holds", "company_id": ids["company"]}
    due = (clock.now() + timedelta(days=1)).isoformat()
    hope = (await api.made("expectations", {**counted, "due_at": due}))["id"]
    escalated = {"open_cases": [("A chair is loose", "in_progress", "high", True)]}
    await story.then(
        "escalated",
        company={**escalated, "expectations": [("A chair that holds", "open")]},
        contact=escalated,
    )
    body = {"text": "A new chair", "due_on": "2031-06-01", "department": "service", **of}
    broken = (await api.made("commitments", {**body, "order_id": ids["order"]}))["id"]
    await done(api, f"commitments/{broken}/break", comment="None was left.")
    await story.then(
        "broken", ("commitment.created", "service", None), ("commitment.broken", "service", None)
    )
    await done(api, f"cases/{case}/resolve", resolution="Tightened.")
    await done(api, f"expectations/{hope}/meet")
    assert await gate(api, ids["contact"]) == []
    solved = {"open_cases": None, "expectations": None}
    await story.then("solved", ("case.resolved", "service", None), company=solved, contact=solved)


async def test_one_customer_through_five_departments(
    client, org, anonymous, worker, database, owner
):
    story, ids = Story(client), {}
    await informs(story, ids)
    await advertises(story, ids)
    await sells(story, ids)
    await offers(story, ids, anonymous)
    await wins(story, ids)
    before = clock.now().isoformat()
    # A worker may have taken today's figure when there was nothing yet.
    await owner.execute(YESTERDAY, org.id)
    await measure_health(database, None)
    measured = clock.now().isoformat()
    await delivers(story, ids, anonymous)
    await writes(story, ids)
    await serves(story, ids)
    await story.remembered()
    path = f"companies/{ids['company']}/360"
    fared = [
        (await client.read(path, sections="health", as_of=at))["health"]
        for at in (before, measured)
    ]
    assert [one["status"] for one in fared] == ["insufficient_data", "known"]
    assert {one["component"] for one in fared[1]["components"]} >= {"recency", "relationship"}
