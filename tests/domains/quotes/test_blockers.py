"""What is told to stand in the way is what stands there, and nothing else does."""

import asyncio

from crm_api.kit.db.tx import unit_of_work
from crm_api.platform.numbering.service import NumberSequenceService
from support.clients import pointers, problem, tx_of
from support.quoting import act, product, quote, ways


async def blocked(client, id):
    """The faults that `send` and `submit` are told to be refused for, and are."""
    found = await client.read(f"quotes/{id}/transitions")
    told = {one["verb"]: one["blockers"] for one in found["allowed"]}
    for verb in ("submit", "send"):
        answer = await client.post(f"/v1/quotes/{id}/{verb}")
        errors = problem(answer, 409, "blocked_transition")["errors"]
        assert [(e["code"], e.get("pointer")) for e in errors] == [
            (b["code"], b["pointer"]) for b in told[verb]
        ]
    return [(one["code"], one["pointer"]) for one in told["send"]]


async def test_what_cannot_be_printed_is_told_by_the_field_of_the_quote(client):
    bad = "Sign 𓀀"
    company = await client.made("companies", {"name": bad})
    made = await quote(
        client,
        company_id=company["id"],
        sections=[{"key": "a", "title": bad}],
        lines=[
            {"name": "Desk", "unit_price": "1", "description": bad, "section": "a"},
            {"name": "Chair", "unit_price": "1", "discounts": [{"percent": "1", "reason": bad}]},
        ],
        clauses=[{"text": bad}],
    )
    assert await blocked(client, made["id"]) == [
        ("undrawable", "/sections/0/title"),
        ("undrawable", "/lines/0/description"),
        ("undrawable", "/lines/1/discounts/0/reason"),
        ("undrawable", "/clauses/0/text"),
        ("undrawable", "/company_id"),
    ]


async def test_what_is_too_long_to_be_printed_is_told(client):
    lines = [{"name": "Desk", "description": "x " * 2_500, "unit_price": "1"}] * 100
    made = await quote(client, lines=lines)
    assert await blocked(client, made["id"]) == [("too_large", "/lines")]


async def test_any_tax_that_can_be_due_can_be_printed(client):
    await client.made("tax-rates", {"name": "Excise", "country": "FR", "rate": "1000"})
    made = await quote(client, country="FR")
    assert await ways(client, made["id"]) == {"submit": [], "send": []}
    assert (await act(client, made["id"], "send"))["gross"] == "990.00"


async def test_every_section_can_be_printed(client):
    """As many as there may be, and lines that are in none."""
    sections = [{"key": f"s{n}"} for n in range(100)]
    lines = [{"name": "Desk", "unit_price": "1", "section": one["key"]} for one in sections]
    made = await quote(
        client, sections=sections, lines=[{"name": "Sign", "unit_price": "1"}, *lines]
    )
    assert (await act(client, made["id"], "send"))["net"] == "101.00"


async def test_what_is_gone_by_now_is_not_sent(client):
    company = await client.made("companies", {"name": "Example Industries"})
    contact = await client.made("contacts", {"last_name": "Person"})
    sold, binned = await product(client), await product(client)
    given = [{"product_id": sold["id"]}, {"name": "Assembly", "unit_price": "1"}]
    made = await quote(
        client,
        company_id=company["id"],
        contact_id=contact["id"],
        lines=[*given, {"product_id": binned["id"]}],
    )
    assert await ways(client, made["id"]) == {"submit": [], "send": []}
    await client.changed(f"products/{sold['id']}", {"status": "discontinued"})
    for path in (f"products/{binned['id']}", f"companies/{company['id']}"):
        assert (await client.delete(f"/v1/{path}")).status_code == 204
    assert await blocked(client, made["id"]) == [
        ("not_sold", "/lines/0"), ("not_sold", "/lines/2"), ("in_bin", "/company_id")
    ]  # fmt: skip
    assert (await client.delete(f"/v1/contacts/{contact['id']}")).status_code == 204
    for path in (f"products/{binned['id']}", f"companies/{company['id']}"):
        assert (await client.post(f"/v1/{path}/restore")).status_code == 200
    assert await blocked(client, made["id"]) == [
        ("not_sold", "/lines/0"),
        ("in_bin", "/contact_id"),
    ]
    assert (await client.post(f"/v1/contacts/{contact['id']}/restore")).status_code == 200
    assert await blocked(client, made["id"]) == [("not_sold", "/lines/0")]


async def test_variants_that_are_not_sold_any_more_are_not_sent(client):
    sold = await product(client)
    body = {"product_id": sold["id"], "sku": "chair-red", "name": "Red", "status": "active"}
    variant = await client.made("product-variants", body)
    made = await quote(client, lines=[{"variant_id": variant["id"]}])
    assert await ways(client, made["id"]) == {"submit": [], "send": []}
    assert (await client.delete(f"/v1/product-variants/{variant['id']}")).status_code == 204
    assert await blocked(client, made["id"]) == [("not_sold", "/lines/0")]


async def test_an_option_is_selected_before_it_is_sent(client):
    section = [{"key": "seats", "kind": "optional"}]
    line = {"name": "Seat", "unit_price": "5", "section": "seats"}
    made = await quote(client, sections=section, lines=[line, {"name": "Note", "kind": "text"}])
    assert await blocked(client, made["id"]) == [("nothing_selected", "/lines")]
    await client.changed(f"quotes/{made['id']}", {"lines": [{**line, "is_selected": True}]})
    assert (await act(client, made["id"], "send"))["gross"] == "5.00"


async def test_nobody_waits_for_a_number_while_a_quote_is_looked_at(client, database, org):
    """Whoever holds the sequence keeps nobody from learning that a quote cannot be printed."""
    fine, bad = await quote(client), await quote(client, name="Sign 𓀀")
    await act(client, (await quote(client))["id"], "send")
    sending = None
    async with unit_of_work(tx_of(database, org)) as tx:
        await NumberSequenceService(tx).take_for("quote")
        await tx.flush()
        async with asyncio.timeout(60):
            answer = await client.post(f"/v1/quotes/{bad['id']}/send")
        assert pointers(problem(answer, 409, "blocked_transition")) == ["/name"]
        sending = asyncio.create_task(client.post(f"/v1/quotes/{fine['id']}/send"))
    number = (await sending).json()["number"]
    assert number.endswith("-00003")


async def test_a_number_that_cannot_be_printed_is_not_given(client):
    body = {"key": "quote", "name": "Quotes", "pattern": "𓀀{number}"}
    sequence = await client.made("number-sequences", body)
    made = await quote(client)
    answer = await client.post(f"/v1/quotes/{made['id']}/send")
    assert problem(answer, 422)["errors"][0]["pointer"] == "/number"
    await client.changed(f"number-sequences/{sequence['id']}", {"pattern": "Q{number}"})
    assert (await act(client, made["id"], "send"))["number"] == "Q1"
