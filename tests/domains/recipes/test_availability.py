"""Services are proposed with when they could be rendered, and left out where they never could."""

from datetime import UTC, datetime, timedelta

import pytest

from support.clients import pointers, problem
from support.members import custom_role, key_for, member, new_user, role_of
from support.proposing import ask, company, draft, missing, names, proposed, relation, sold
from support.quoting import REACH

DAY = (datetime.now(UTC) + timedelta(days=3)).replace(hour=0, minute=0, second=0, microsecond=0)
WINDOW = {
    "services_from": DAY.isoformat(),
    "services_until": (DAY + timedelta(days=1)).isoformat(),
}


async def service(api, name, **takes):
    made = await sold(api, name, type="service")
    body = {"product_id": made["id"], "duration_minutes": 60, **takes}
    await api.made("service-specifications", body)
    return made


async def resource(api, kind, **more):
    return await api.made("resources", {"name": "Example", "kind": kind, **more})


async def take(api, one, hours, start=DAY):
    ends = start + timedelta(hours=hours)
    body = {"title": "Taken", "starts_at": start.isoformat(), "ends_at": ends.isoformat()}
    await api.made("bookings", {**body, "resources": [{"resource_id": one["id"]}]})


def of(*products, **more):
    return {"products": [{"product_id": one["id"]} for one in products], **WINDOW, **more}


def hour(number):
    return (DAY + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


async def test_a_line_says_when_it_could_be_rendered_first(client):
    """The welder is taken up to 10:00 and the large room up to 12:00; the rest is of no use."""
    welder = await resource(client, "person", skills=[{"skill": "Welding", "level": 5}])
    await resource(client, "person", skills=[{"skill": "Welding", "level": 1}])
    large = await resource(client, "room", attributes={"seats": "14"})
    await resource(client, "room", attributes={"seats": "8"})
    await take(client, welder, 10)
    await take(client, large, 12)
    skills = [{"skill": "welding", "level": 3}]
    rooms = [{"kind": "room", "attributes": {"seats": 12}}]
    weld = await service(client, "Welding", skills=skills)
    course = await service(client, "Course", skills=skills, resources=rooms)
    talk, desk = await service(client, "Talk"), await sold(client, "Desk")
    found = await proposed(client, await company(client), **of(weld, course, talk, desk))
    assert found["availability_checked"]
    told = {line["name"]: line["reason"] for line in draft(found)["lines"]}
    assert {name: one["earliest"] for name, one in told.items()} == {
        "Welding": hour(10),
        "Course": hour(12),
        "Talk": None,
        "Desk": None,
    }
    assert told["Desk"]["text"] == "Asked for."
    shown = f"{DAY:%Y-%m-%d} 10:00 (UTC)"
    assert told["Welding"]["text"] == (
        f"Asked for. Its people and resources are free from {shown}."
    )
    assert told["Talk"]["text"] == "Asked for. It takes nobody and nothing that is booked."


async def test_what_cannot_be_rendered_is_left_out_or_replaced(client):
    """The only van is taken all day; a substitute takes a tool, which is free."""
    van, _ = await resource(client, "vehicle"), await resource(client, "equipment")
    await take(client, van, 30)
    moving = await service(client, "Moving", resources=[{"kind": "vehicle"}])
    fleet = await service(client, "Fleet", resources=[{"kind": "vehicle", "quantity": 2}])
    repair = await service(client, "Repair", resources=[{"kind": "vehicle"}])
    by_tool = await service(client, "Repair here", resources=[{"kind": "equipment"}])
    await relation(client, by_tool, "substitute", repair)
    desk = await sold(client, "Desk")
    found = await proposed(client, await company(client), **of(moving, fleet, repair, desk))
    good = draft(found)
    assert names(found)["good"] == ["Repair here", "Desk"]
    assert missing(good) == [("not_available", "Moving"), ("not_available", "Fleet")]
    assert "not free together" in good["left_out"][0]["text"]
    assert "not enough" in good["left_out"][1]["text"]
    assert good["lines"][0]["reason"]["kind"] == "substitute"
    assert good["lines"][0]["reason"]["earliest"] == hour(0)
    wishes = next(one for one in good["factors"] if one["name"] == "wishes")
    assert wishes["text"] == "2 of 4 wishes fulfilled."
    # From the next day on the van is free after 6:00.
    later = {"services_from": hour(24), "services_until": hour(48)}
    line = draft(await proposed(client, await company(client), **of(moving, **later)))["lines"][0]
    assert line["reason"]["earliest"] == hour(30)


async def test_a_bundle_takes_what_is_in_it(client):
    """It could be had when the last of its services could; variants as their product."""
    room, van = await resource(client, "room"), await resource(client, "vehicle")
    await take(client, room, 4)
    inner = await service(client, "Course", resources=[{"kind": "room"}])
    bundle = await sold(client, "Course with book", type="bundle", status="draft")
    body = {"product_id": bundle["id"], "component_id": inner["id"]}
    await client.made("bundle-components", body)
    await client.patch(f"/v1/products/{bundle['id']}", json={"status": "active"})
    reason = draft(await proposed(client, await company(client), **of(bundle)))["lines"][0]
    assert reason["reason"]["earliest"] == hour(4)
    assert reason["reason"]["text"].startswith("Asked for. Course: Its people")
    await take(client, van, 24)
    moving = await service(client, "Moving", resources=[{"kind": "vehicle"}])
    variant = await client.made(
        "product-variants", {"product_id": moving["id"], "sku": "M-1", "status": "active"}
    )
    asked = of(bundle)
    asked["products"].append({"variant_id": variant["id"]})
    assert missing(draft(await proposed(client, await company(client), **asked))) == [
        ("not_available", "Moving")
    ]


async def test_what_nobody_keeps_is_no_reason_to_sell_less(client):
    """No room is known, so it was not looked for one."""
    course = await service(client, "Course", resources=[{"kind": "room"}])
    lesson = await service(client, "Lesson", skills=[{"skill": "piano"}])
    found = draft(await proposed(client, await company(client), **of(course, lesson)))
    texts = [line["reason"]["text"] for line in found["lines"]]
    assert all("was not checked: no resource of the kind" in text for text in texts)


@pytest.mark.parametrize("way", ["module", "scope", "mask"])
async def test_it_is_not_asked_where_that_is_not_for_them(client, way):
    van = await resource(client, "vehicle")
    await take(client, van, 24)
    moving = await service(client, "Moving", resources=[{"kind": "vehicle"}])
    customer, api = await company(client), client
    assert (await proposed(client, customer, **of(moving)))["drafts"] == []
    if way == "module":
        answer = await client.post("/v1/modules/scheduling/disable", params={"cascade": "true"})
        assert answer.status_code == 200, answer.text
    elif way == "scope":
        user = await new_user(client, await role_of(client, "admin"))
        areas = ("quotes", "products", "prices", "companies")
        api = await key_for(client, user, *(f"{area}:read" for area in areas))
    else:
        masks = {"service_specification": {"hidden": ["resources"]}}
        role = await custom_role(client, levels={"*": REACH}, masks=masks)
        api = (await member(client, role)).api
    found = await proposed(api, customer, **of(moving))
    assert not found["availability_checked"]
    assert draft(found)["lines"][0]["reason"]["text"] == "Asked for."


async def test_windows_are_in_order_short_and_not_past(client):
    desk, customer = await sold(client, "Desk"), await company(client)
    for window, pointer in (
        ({"services_from": hour(2), "services_until": hour(1)}, ""),
        ({"services_from": hour(0), "services_until": hour(24 * 63)}, ""),
        ({"services_until": hour(24 * 70)}, "/services_until"),
        ({"services_until": "2020-01-01T00:00:00Z"}, "/services_until"),
    ):
        asked = {"products": [{"product_id": desk["id"]}], **window}
        assert pointers(problem(await ask(client, customer, **asked), 422)) == [pointer], window


async def test_both_faces_tell_when(client):
    await resource(client, "room")
    course = await service(client, "Course", resources=[{"kind": "room"}])
    document = """query($id: UUID!, $input: ProposalRequestInput!) {
        proposals(companyId: $id, input: $input) { availabilityChecked
            drafts { lines { reason { earliest text } } } } }"""
    given = {
        "currency": "EUR",
        "products": [{"productId": course["id"]}],
        "servicesFrom": WINDOW["services_from"],
    }
    customer = await company(client)
    found = (await client.data(document, id=customer["id"], input=given))["proposals"]
    assert found["availabilityChecked"]
    earliest = found["drafts"][0]["lines"][0]["reason"]["earliest"]
    assert datetime.fromisoformat(earliest) == DAY
