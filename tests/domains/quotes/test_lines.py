"""Lines and terms that are given again: what they keep, and what they do not."""

from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import REACH, product, quote


def costs(found):
    return [one["unit_cost"] for one in found["costs"]]


async def patched(client, made, *lines):
    return await client.changed(f"quotes/{made['id']}", {"lines": lines})


async def test_costs_stay_with_their_line(client):
    desk = {"name": "Desk", "unit_price": "10"}
    sofa = {"name": "Sofa", "unit_price": "500"}
    made = await quote(client, lines=[{**desk, "unit_cost": "8"}, {**sofa, "unit_cost": "300"}])
    after = await patched(client, made, sofa)
    assert (costs(after), after["margin"]) == (["300.00"], "200.00")
    assert after["lines"][0]["id"] == made["lines"][1]["id"]
    # Another line is none of them, and what it costs is not known.
    after = await patched(client, made, {**sofa, "name": "Bench"}, sofa)
    assert (costs(after), after["margin"]) == ([None, "300.00"], None)
    after = await patched(client, made, {**sofa, "kind": "service"})
    assert costs(after) == [None]


async def test_what_a_product_costs_is_no_cost_of_another_line(client):
    sold = await product(client)
    line = {"name": "Assembly", "unit_price": "90"}
    made = await quote(client, lines=[{"product_id": sold["id"]}])
    assert costs(made) == ["40.00"]
    after = await patched(client, made, line)
    assert (costs(after), after["margin"]) == ([None], None)
    assert after["lines"][0]["id"] != made["lines"][0]["id"]
    # Nor where it is said to be the same line.
    made = await quote(client, lines=[{"product_id": sold["id"]}])
    after = await patched(client, made, {**line, "id": made["lines"][0]["id"]})
    assert (costs(after), after["margin"]) == ([None], None)


async def test_a_line_is_known_again_wherever_it_stands(client):
    sold = await product(client)
    body = {"product_id": sold["id"], "sku": "red", "name": "Red", "status": "active"}
    variant = await client.made("product-variants", body)
    given = [{"product_id": sold["id"]}, {"variant_id": variant["id"]}, {"product_id": sold["id"]}]
    made = await quote(client, lines=given)
    first, second, third = (line["id"] for line in made["lines"])
    note = {"name": "Note", "kind": "text"}
    after = await patched(client, made, note, given[1], *given[:1], {**given[0], "id": first})
    assert [line["id"] for line in after["lines"]][1:] == [second, third, first]


async def test_costs_are_set_to_nothing_and_taken_away(client):
    line = {"name": "Desk", "unit_price": "10"}
    made = await quote(client, lines=[{**line, "unit_cost": "8"}])
    id = made["lines"][0]["id"]
    assert costs(await patched(client, made, {**line, "id": id})) == ["8.00"]
    after = await patched(client, made, {**line, "id": id, "unit_cost": "0"})
    assert (costs(after), after["margin"]) == (["0.00"], "10.00")
    assert costs(await patched(client, made, {**line, "id": id})) == ["0.00"]
    after = await patched(client, made, {**line, "id": id, "unit_cost": None})
    assert (costs(after), after["margin"]) == ([None], None)
    mutation = """
        mutation($id: UUID!, $lines: [QuoteLineInput!]!) {
            updateQuote(id: $id, input: {lines: $lines}) { costs { unitCost } } }
    """
    graph = {"name": "Desk", "unitPrice": "10", "id": id}
    for given, found in (({"unitCost": "3"}, "3.00"), ({}, "3.00"), ({"unitCost": None}, None)):
        data = await client.data(mutation, id=made["id"], lines=[{**graph, **given}])
        assert data["updateQuote"]["costs"] == [{"unitCost": found}]


async def test_whoever_does_not_see_costs_keeps_them(client):
    masks = {"product": {"hidden": ["cost"]}}
    seller = await member(client, await custom_role(client, levels={"*": REACH}, masks=masks))
    lines = [{"name": "Desk", "unit_price": "10", "unit_cost": "8"}]
    made = await quote(client, lines=lines)
    await patched(seller.api, made, {"name": "Desk", "unit_price": "20"})
    assert (await client.read(f"quotes/{made['id']}"))["margin"] == "12.00"


async def test_only_clauses_in_use_are_taken_up(client):
    clause = await client.made("clauses", {"name": "Delivery", "text": "Within four weeks."})
    made = await quote(client, clauses=[{"clause_id": clause["id"]}])
    await client.changed(f"clauses/{clause['id']}", {"is_active": False})
    body = {"currency": "EUR", "clauses": [{"text": "Ours."}, {"clause_id": clause["id"]}]}
    found = problem(await client.post("/v1/quotes", json=body), 422)
    assert pointers(found) == ["/clauses/1/clause_id"]
    assert found["errors"][0]["code"] == "not_active"
    # A quote that has it keeps it.
    kept = {name: made["clauses"][0][name] for name in ("clause_id", "title", "text")}
    after = await client.changed(f"quotes/{made['id']}", {"clauses": [{"text": "Ours."}, kept]})
    assert after["clauses"][1]["text"] == "Within four weeks."
    answer = await client.post(f"/v1/quotes/{made['id']}/clone")
    assert answer.status_code == 201, answer.text


async def test_a_clause_is_of_the_version_that_its_text_is_of(client):
    body = {"name": "Delivery", "text": "Within four weeks.", "texts": {"de": "In vier Wochen."}}
    clause = await client.made("clauses", body)
    id = clause["id"]
    made = await quote(client, clauses=[{"clause_id": id}])
    await client.changed(f"clauses/{id}", {"text": "Within eight weeks."})
    kept = {"clause_id": id, "title": "Delivery", "text": "Within four weeks."}
    given = [
        kept,
        {"clause_id": id},
        {"clause_id": id, "text": "Within eight weeks."},
        {"clause_id": id, "text": "In vier Wochen."},
        {"clause_id": id, "text": "Tomorrow."},
        {"text": "Within four weeks."},
    ]
    after = await client.changed(f"quotes/{made['id']}", {"clauses": given})
    assert [one["clause_version"] for one in after["clauses"]] == [1, 2, 2, 2, None, None]
    again = [{n: one[n] for n in ("clause_id", "title", "text")} for one in after["clauses"]]
    await client.changed(f"clauses/{id}", {"text": "Some day."})
    after = await client.changed(f"quotes/{made['id']}", {"clauses": again[::-1]})
    assert [one["clause_version"] for one in after["clauses"]] == [None, None, 2, 2, 2, 1]
