"""Bundles, relations and specifications of services."""

import asyncio
from uuid import uuid4

import pytest

from crm_api.domains.catalogue.compositions import DEEPEST_BUNDLES
from support.clients import pointers, problem


async def product(client, **more):
    body = {"sku": f"SKU-{uuid4().hex[:12]}", "name": "Printer", "type": "good", **more}
    return (await client.made("products", body))["id"]


async def bundle(client):
    return await product(client, type="bundle")


async def put(client, inside, outer, **more):
    body = {"product_id": outer, "component_id": inside, **more}
    return await client.post("/v1/bundle-components", json=body)


async def relate(client, one, kind, other):
    body = {"product_id": one, "related_id": other, "kind": kind}
    return await client.post("/v1/product-relations", json=body)


@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({"quantity": "-1"}, "/quantity"),
        ({"quantity": "1", "min_quantity": "2"}, "/quantity"),
        ({"quantity": "3", "max_quantity": "2"}, "/quantity"),
        ({"price_mode": "fixed"}, "/price"),
        ({"price_mode": "percent"}, "/percent"),
        ({"price": "1"}, "/price"),
        ({"component_id": str(uuid4())}, "/component_id"),
        ({"product_id": str(uuid4())}, "/product_id"),
        ({"variant_id": str(uuid4())}, "/variant_id"),
    ],
)
async def test_a_wrong_component_is_an_error_with_its_place(client, given, pointer):
    whole = {"product_id": await bundle(client), "component_id": await product(client), **given}
    answer = await client.post("/v1/bundle-components", json=whole)
    assert pointers(problem(answer, 422)) == [pointer]
    assert (await client.read("bundle-components"))["data"] == []


async def test_bundles_nest_no_deeper_than_they_are_priced(client):
    chain = [await bundle(client) for _ in range(DEEPEST_BUNDLES + 1)]
    # From both ends: the last one to be put in has some above it and some below.
    middle = DEEPEST_BUNDLES // 2
    for n in (*range(middle), *range(DEEPEST_BUNDLES - 1, middle - 1, -1)):
        answer = await put(client, chain[n + 1], chain[n])
        assert answer.status_code == 201, n
    above, below = await bundle(client), await product(client)
    for inside, outer in ((chain[0], above), (below, chain[-1])):
        answer = await put(client, inside, outer)
        assert pointers(problem(answer, 409, "bundle_too_deep")) == ["/component_id"]
    assert (await put(client, chain[1], above)).status_code == 201


async def test_bundles_have_no_circle(client):
    a, b, c = [await bundle(client) for _ in range(3)]
    assert (await put(client, b, a)).status_code == 201
    inner = await put(client, c, b)
    for inside, outer in ((a, c), (a, b), (a, a)):
        answer = await put(client, inside, outer)
        assert pointers(problem(answer, 409, "bundle_cycle")) == ["/component_id"]
    path = f"/v1/bundle-components/{inner.json()['id']}"
    assert (await client.delete(path)).status_code == 204
    assert (await put(client, a, c)).status_code == 201
    problem(await client.post(f"{path}/restore"), 409, "bundle_cycle")
    good = await product(client)
    answer = await put(client, a, good)
    assert pointers(problem(answer, 422)) == ["/product_id"]
    answer = await client.patch(f"/v1/products/{a}", json={"type": "good"})
    assert pointers(problem(answer, 422)) == ["/type"]


@pytest.mark.parametrize("size", [2, 3])
async def test_of_parallel_components_that_close_a_circle_one_loses(client, size):
    for _ in range(8):
        ring = [await bundle(client) for _ in range(size)]
        answers = await asyncio.gather(
            *(put(client, ring[(n + 1) % size], ring[n]) for n in range(size))
        )
        assert sorted(a.status_code for a in answers) == [*[201] * (size - 1), 409]


async def test_a_bulk_that_closes_a_circle_stores_nothing(client):
    a, b = await bundle(client), await bundle(client)
    items = [{"product_id": a, "component_id": b}, {"product_id": b, "component_id": a}]
    answer = await client.post("/v1/bundle-components/bulk", json={"op": "create", "items": items})
    assert "/items/1/component_id" in answer.text
    assert (await client.read("bundle-components"))["data"] == []


async def test_relations_do_not_contradict_each_other(client):
    a, b, c, d = [await product(client) for _ in range(4)]
    for one, kind, other in ((a, "requires", b), (b, "requires", c), (a, "cross_sell", d)):
        assert (await relate(client, one, kind, other)).status_code == 201
    for one, kind, other in (
        (a, "excludes", c),
        (c, "excludes", a),
        (b, "excludes", a),
        (c, "substitute", b),
        (d, "excludes", a),
    ):
        answer = await relate(client, one, kind, other)
        assert pointers(problem(answer, 409, "contradiction")) == ["/kind"]
    assert (await relate(client, c, "excludes", d)).status_code == 201
    problem(await relate(client, d, "excludes", c), 409, "duplicate")
    problem(await relate(client, b, "requires", d), 409, "contradiction")
    problem(await relate(client, d, "requires", a), 409, "contradiction")
    answer = await relate(client, a, "requires", a)
    assert pointers(problem(answer, 422)) == ["/related_id"]
    assert len((await client.read("product-relations"))["data"]) == 4


async def test_of_parallel_relations_that_contradict_each_other_one_loses(client):
    for _ in range(8):
        a, b = await product(client), await product(client)
        answers = await asyncio.gather(
            relate(client, a, "requires", b), relate(client, b, "excludes", a)
        )
        assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_compatibility_looks_into_bundles(client):
    """What they hold in any case, however deep: there, missing something, and in the way."""
    a, b, c, d = [await product(client, status="active") for _ in range(4)]
    await relate(client, a, "requires", b)
    await relate(client, c, "excludes", b)
    inner, outer, other = [await bundle(client) for _ in range(3)]
    for inside, around in ((a, inner), (inner, outer), (b, other)):
        assert (await put(client, inside, around)).status_code == 201
    assert (await put(client, d, outer, is_optional=True)).status_code == 201
    await relate(client, d, "requires", c)
    found = await client.read(f"products/{outer}/compatibility")
    assert [(one["product_id"], one["required_by"]) for one in found["missing"]] == [(b, a)]
    found = await client.read(f"products/{outer}/compatibility", **{"with": [other]})
    assert (found["is_compatible"], found["missing"]) == (True, [])
    found = await client.read(f"products/{outer}/compatibility", **{"with": [other, c]})
    assert [{one["product_id"], one["other_id"]} for one in found["conflicts"]] == [{b, c}]


async def test_compatibility_tells_what_is_missing_what_conflicts_and_what_would_go(client, other):
    a, b, c, d, e, f = [await product(client, status="active") for _ in range(6)]
    await relate(client, a, "requires", b)
    await relate(client, b, "requires", c)
    await relate(client, a, "excludes", d)
    await relate(client, a, "cross_sell", e)
    await relate(client, f, "substitute", a)
    await relate(client, d, "up_sell", c)
    found = await client.read(f"products/{a}/compatibility", **{"with": [d]})
    assert found["is_compatible"] is False
    assert [(one["product_id"], one["required_by"]) for one in found["missing"]] == [(b, a), (c, b)]
    assert [{one["product_id"], one["other_id"]} for one in found["conflicts"]] == [{a, d}]
    told = {(one["product_id"], one["kind"], one["suggested_by"]) for one in found["suggestions"]}
    assert told == {(e, "cross_sell", a), (f, "substitute", a)}
    document = f"""{{ productCompatibility(id: "{a}", with: ["{b}", "{c}"]) {{
        isCompatible missing {{ productId }} conflicts {{ productId }}
        suggestions {{ productId kind }} }} }}"""
    graph = (await client.data(document))["productCompatibility"]
    assert (graph["isCompatible"], graph["missing"], graph["conflicts"]) == (True, [], [])
    problem(await other.get(f"/v1/products/{a}/compatibility"), 404)
    strange = str(uuid4())
    answer = await client.get(f"/v1/products/{a}/compatibility", params={"with": strange})
    assert pointers(problem(answer, 422)) == ["with"]


async def test_a_specification_is_of_one_service(client):
    service = await product(client, type="service")
    body = {"product_id": service, "duration_minutes": 45, "skills": [{"skill": "welding"}]}
    made = await client.made("service-specifications", body)
    assert made["skills"] == [{"skill": "welding", "level": 1}]
    answer = await client.post("/v1/service-specifications", json=body)
    assert pointers(problem(answer, 409, "duplicate")) == ["/product_id"]
    answer = await client.patch(f"/v1/products/{service}", json={"type": "good"})
    assert pointers(problem(answer, 422)) == ["/type"]
    for more, pointer in (
        ({"product_id": await product(client)}, "/product_id"),
        ({"duration_minutes": 0}, "/duration_minutes"),
        ({"skills": [{"skill": "a"}, {"skill": "a"}]}, "/skills/1/skill"),
        ({"resources": [{"kind": "room", "quantity": -1}]}, "/resources/0/quantity"),
    ):
        answer = await client.post("/v1/service-specifications", json={**body, **more})
        assert pointers(problem(answer, 422)) == [pointer]


@pytest.mark.parametrize("type", ["bundle", "service"])
async def test_a_part_comes_back_only_to_a_product_that_has_such_parts(client, type):
    owner = await product(client, type=type)
    path, body = {
        "bundle": ("bundle-components", {"component_id": await product(client)}),
        "service": ("service-specifications", {"duration_minutes": 45}),
    }[type]
    part = await client.made(path, {"product_id": owner, **body})
    assert (await client.delete(f"/v1/{path}/{part['id']}")).status_code == 204
    await client.changed(f"products/{owner}", {"type": "good"})
    answer = await client.post(f"/v1/{path}/{part['id']}/restore")
    assert pointers(problem(answer, 422)) == ["/product_id"]
    await client.changed(f"products/{owner}", {"type": type})
    assert (await client.post(f"/v1/{path}/{part['id']}/restore")).status_code == 200


async def full(client, parts=2):
    """An active bundle, and its components."""
    whole = await bundle(client)
    made = [(await put(client, await product(client), whole)).json()["id"] for _ in range(parts)]
    answer = await client.patch(f"/v1/products/{whole}", json={"status": "active"})
    assert answer.status_code == 200, answer.text
    return whole, made


async def test_an_active_bundle_keeps_a_component(client):
    whole, (first, last) = await full(client)
    assert (await client.delete(f"/v1/bundle-components/{first}")).status_code == 204
    path = f"/v1/bundle-components/{last}"
    assert pointers(problem(await client.delete(path), 409, "last_component")) == ["/product_id"]
    problem(await client.delete(path, params={"purge": "true"}), 409, "last_component")
    answer = await client.gql("mutation($id: UUID!) { deleteBundleComponent(id: $id) }", id=last)
    assert answer["errors"]
    await client.patch(f"/v1/products/{whole}", json={"status": "discontinued"})
    assert (await client.delete(path)).status_code == 204


async def test_two_who_take_one_component_each_leave_one(client):
    whole, parts = await full(client)
    answers = await asyncio.gather(
        *(client.delete(f"/v1/bundle-components/{one}") for one in parts)
    )
    assert sorted(answer.status_code for answer in answers) == [204, 409]
    left = await client.read("bundle-components", **{"filter[product_id]": whole})
    assert len(left["data"]) == 1
