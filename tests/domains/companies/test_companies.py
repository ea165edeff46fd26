"""The rules of companies."""

import asyncio

import pytest

from support.clients import pointers, problem


async def parent_of(client, company):
    return (await client.read(f"companies/{company['id']}"))["parent_id"]


async def test_amount_needs_a_currency(client):
    answer = await client.post("/v1/companies", json={"name": "Example", "annual_revenue": "1"})
    assert pointers(problem(answer, 422)) == ["/currency"]
    made = await client.made("companies", {"name": "E", "annual_revenue": "1", "currency": "EUR"})
    answer = await client.patch(f"/v1/companies/{made['id']}", json={"currency": None})
    assert pointers(problem(answer, 422)) == ["/currency"]
    both = {"currency": None, "annual_revenue": None}
    assert (await client.changed(f"companies/{made['id']}", both))["currency"] is None


async def test_domains_are_cleaned_and_found(client):
    given = ["https://www.Example.com/about", "example.com", "BÜCHER.example"]
    made = await client.made("companies", {"name": "Example", "domains": given})
    assert made["domains"] == ["example.com", "xn--bcher-kva.example"]
    for asked in ("EXAMPLE.com", "www.example.com", "bücher.example"):
        found = await client.read("companies", **{"filter[domains]": asked})
        assert [row["id"] for row in found["data"]] == [made["id"]], asked
    await client.changed(f"companies/{made['id']}", {"domains": []})
    assert (await client.read("companies", **{"filter[domains]": "example.com"}))["data"] == []


async def test_company_is_not_its_own_ancestor(client):
    a = await client.made("companies", {"name": "A"})
    b = await client.made("companies", {"name": "B", "parent_id": a["id"]})
    c = await client.made("companies", {"name": "C", "parent_id": b["id"]})
    for below in (a, b, c):
        answer = await client.patch(f"/v1/companies/{a['id']}", json={"parent_id": below["id"]})
        assert pointers(problem(answer, 409, "hierarchy_cycle")) == ["/parent_id"]
    await client.changed(f"companies/{c['id']}", {"parent_id": a["id"]})
    await client.changed(f"companies/{b['id']}", {"parent_id": c["id"]})
    answer = await client.patch(f"/v1/companies/{c['id']}", json={"parent_id": b["id"]})
    problem(answer, 409, "hierarchy_cycle")


async def test_unknown_parent_is_an_error_with_its_place(client):
    body = {"name": "E", "parent_id": "01990000-0000-7000-8000-0000000000ff"}
    assert pointers(problem(await client.post("/v1/companies", json=body), 422)) == ["/parent_id"]
    made = await client.made("companies", {"name": "E"})
    answer = await client.patch(
        f"/v1/companies/{made['id']}", json={"parent_id": body["parent_id"]}
    )
    assert pointers(problem(answer, 422)) == ["/parent_id"]


@pytest.mark.parametrize("size", [2, 3])
async def test_hierarchy_stays_a_tree_under_parallel_changes(client, size):
    for _ in range(30):
        ring = [await client.made("companies", {"name": f"C{n}"}) for n in range(size)]
        answers = await asyncio.gather(
            *(
                client.patch(
                    f"/v1/companies/{ring[n]['id']}", json={"parent_id": ring[(n + 1) % size]["id"]}
                )
                for n in range(size)
            )
        )
        statuses = sorted(answer.status_code for answer in answers)
        assert statuses == [200] * (size - 1) + [409], [a.text for a in answers]
        parents = [await parent_of(client, company) for company in ring]
        assert parents.count(None) == 1


async def test_names_are_in_dictionary_order(client):
    names = [
        "1st Example", "alpha", "Alpha Beta", "Ähre", "Beta", "Zeta",
        "Абрикос", "Берёза", "ВИШНЯ", "Груша", "Дуб", "ёлка", "Ель", "Жук", "Зонт", "Щука", "яблоко",
    ]  # fmt: skip
    for name in sorted(names, key=hash):
        await client.made("companies", {"name": name})
    wanted = ["1st Example", "Ähre", "alpha", "Alpha Beta", *names[4:]]
    listed = [row["name"] for row in (await client.read("companies", sort="name"))["data"]]
    assert listed == wanted
    back = [row["name"] for row in (await client.read("companies", sort="-name"))["data"]]
    assert back == wanted[::-1]


async def test_search_finds_by_the_beginnings_of_words(client):
    made = await client.made(
        "companies",
        {"name": "Müller & Söhne Maschinenbau", "domains": ["mueller.example"]},
    )
    found = ["masch", "müll", "muell", "mull", "soh", "MÜLLER maschinenbau", "mueller.example"]
    for asked in found:
        page = await client.read("companies", q=asked)
        assert [row["id"] for row in page["data"]] == [made["id"]], asked
    for asked in ("inenbau", "müller fehlt", "xyz"):
        assert (await client.read("companies", q=asked))["data"] == [], asked
    await client.changed(f"companies/{made['id']}", {"name": "Renamed"})
    assert (await client.read("companies", q="masch"))["data"] == []
    assert len((await client.read("companies", q="renam"))["data"]) == 1


async def test_children_are_found_through_their_parent(client):
    parent = await client.made("companies", {"name": "Parent", "country": "DE"})
    child = await client.made("companies", {"name": "Child", "parent_id": parent["id"]})
    found = await client.read("companies", **{"filter[parent][country]": "DE"})
    assert [row["id"] for row in found["data"]] == [child["id"]]
    found = await client.read("companies", **{"filter[children][count][gte]": "1"})
    assert [row["id"] for row in found["data"]] == [parent["id"]]
