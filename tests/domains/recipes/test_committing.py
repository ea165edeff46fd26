"""Nothing is written unless it is asked for; then quotes, once, at both faces."""

import asyncio
from decimal import Decimal

import pytest

from support.clients import pointers, problem
from support.proposing import ask, company, draft, proposed, recipe, relation, sold
from support.quoting import act


async def two_tiers(client):
    """A desk at 100, and better: one at 200 with a lamp at 30."""
    desk, big, lamp = [
        await sold(client, name, price)
        for name, price in (("Desk", "100"), ("Big desk", "200"), ("Lamp", "30"))
    ]
    await recipe(
        client,
        {
            "good": [{"product_id": desk["id"]}],
            "better": [
                {"product_id": big["id"], "section": "furniture"},
                {
                    "product_id": lamp["id"],
                    "section": "furniture",
                    "interval": "month",
                    "term": 12,
                    "is_optional": True,
                },
            ],
        },
        sections=[{"key": "furniture", "title": "Furniture"}],
        clauses=[{"text": "Paid within 14 days."}],
        introduction="As we spoke.",
        language="en",
        valid_days=30,
    )


async def quotes(client):
    return (await client.read("quotes"))["data"]


async def test_looking_writes_nothing(client):
    await two_tiers(client)
    customer = await company(client)
    feed = (await client.read("events", limit=200))["data"]
    found = await proposed(client, customer)
    assert [one["quote_id"] for one in found["drafts"]] == [None, None]
    assert await quotes(client) == []
    assert len((await client.read("events", limit=200))["data"]) == len(feed)


async def test_the_content_is_what_a_quote_is_made_of(client):
    await two_tiers(client)
    customer = await company(client)
    better = draft(await proposed(client, customer, name="New office"), "better")
    made = await client.made("quotes", better["content"])
    assert (made["name"], made["company_id"]) == ("New office: Better", customer["id"])
    assert (made["introduction"], made["language"]) == ("As we spoke.", "en")
    assert [one["text"] for one in made["clauses"]] == ["Paid within 14 days."]
    assert made["valid_until"] == better["content"]["valid_until"]
    assert [line["section"] for line in made["lines"]] == ["furniture", "furniture"]
    for name in ("net", "gross", "mrr", "tcv"):
        assert made[name] == better["calculation"][name]
    assert (made["net"], made["mrr"], made["tcv"]) == ("230.00", "30.00", "560.00")
    sent = await act(client, made["id"], "send")
    assert sent["status"] == "sent"


async def test_commit_makes_a_quote_of_each(client):
    await two_tiers(client)
    customer = await company(client)
    answer = await ask(client, customer, commit=True)
    assert answer.status_code == 201, answer.text
    found = answer.json()
    made = {one["id"]: one for one in await quotes(client)}
    assert {one["quote_id"] for one in found["drafts"]} == made.keys()
    for one in found["drafts"]:
        quote = made[one["quote_id"]]
        assert (quote["status"], quote["source"]) == ("draft", "proposal")
        assert quote["net"] == one["calculation"]["net"]
    events = (await client.read("events", limit=200))["data"]
    assert [one["type"] for one in events].count("quote.created") == 2


async def test_chosen_labels_alone_are_made(client):
    await two_tiers(client)
    customer = await company(client)
    found = await proposed(client, customer, labels=["better"], commit=True)
    assert [one["label"] for one in found["drafts"]] == ["better"]
    assert [one["net"] for one in await quotes(client)] == ["230.00"]


async def test_nothing_to_propose(client):
    """Looked at, it is an answer with the reasons; made, it is refused with them."""
    customer = await company(client)
    found = await proposed(client, customer, needs=["light"])
    assert found["drafts"] == []
    assert {one["code"] for one in found["withheld"]} == {"nothing_to_offer"}
    (told,) = found["withheld"][0]["left_out"]
    assert (told["code"], told["text"]) == ("nothing_found", "Nothing is sold for light.")
    refused = problem(await ask(client, customer, needs=["light"], commit=True), 409)
    assert refused["code"] == "nothing_proposed"
    assert [one["code"] for one in refused["errors"]] == ["nothing_to_offer"] * 3


async def test_rehearsed_commit_stores_nothing(client):
    await two_tiers(client)
    customer = await company(client)
    answer = await client.post(
        f"/v1/companies/{customer['id']}/proposals",
        json={"currency": "EUR"},
        params={"commit": "true", "dry_run": "true"},
    )
    assert answer.status_code == 201, answer.text
    assert all(one["quote_id"] for one in answer.json()["drafts"])
    assert await quotes(client) == []


@pytest.mark.commits
async def test_repeated_commits_make_the_quotes_once(client):
    """Five at the same moment with one key: all are given the same quotes."""
    await two_tiers(client)
    customer = await company(client)
    headers = {"Idempotency-Key": "proposal-1"}
    given = await asyncio.gather(
        *(ask(client, customer, commit=True, headers=headers) for _ in range(5))
    )
    assert {answer.status_code for answer in given} == {201}
    assert len({answer.text for answer in given}) == 1
    assert len(await quotes(client)) == 2


async def test_the_same_key_looks_again(client):
    """What was only looked at is not kept: it is answered by what is there now."""
    customer = await company(client)
    headers = {"Idempotency-Key": "look"}
    assert (await ask(client, customer, headers=headers)).json()["drafts"] == []
    await two_tiers(client)
    assert len((await ask(client, customer, headers=headers)).json()["drafts"]) == 2


async def test_the_same_data_gives_the_same_answer(client):
    await two_tiers(client)
    goods = [await sold(client, f"P{n}", "10", needs=["light"]) for n in range(5)]
    for one in goods[1:]:
        await relation(client, goods[0], "cross_sell", one)
    customer = await company(client)
    asked = {"needs": ["light"], "products": [{"product_id": goods[0]["id"]}]}
    found = [await proposed(client, customer, **asked) for _ in range(2)]
    for one in (one for answer in found for one in answer["drafts"]):
        # Lines are told apart by new ids, as in `POST /v1/quotes/calculate`.
        for part in (*one["calculation"]["lines"], *one["calculation"]["costs"]):
            part.pop("id", None)
            part.pop("line_id", None)
    assert found[0] == found[1]


DRAFTS = """drafts { label score quoteId content
    factors { name value } calculation { net lines { name } }
    lines { name reason { kind text } } leftOut { code } } withheld { code }"""


async def test_graphql_says_the_same(client):
    await two_tiers(client)
    customer = await company(client)
    plain = await proposed(client, customer)
    document = f"query($id: UUID!, $in: ProposalRequestInput!) {{ proposals(companyId: $id, input: $in) {{ {DRAFTS} }} }}"
    shown = (await client.data(document, **{"id": customer["id"], "in": {"currency": "EUR"}}))[
        "proposals"
    ]
    for one, other in zip(plain["drafts"], shown["drafts"], strict=True):
        assert (one["label"], one["score"]) == (other["label"], other["score"])
        assert one["content"] == other["content"]
        assert one["calculation"]["net"] == other["calculation"]["net"]
        assert [line["reason"]["text"] for line in one["lines"]] == [
            line["reason"]["text"] for line in other["lines"]
        ]
    assert await quotes(client) == []
    document = f"mutation($id: UUID!, $in: ProposalRequestInput!) {{ commitProposals(companyId: $id, input: $in) {{ {DRAFTS} }} }}"
    made = (await client.data(document, **{"id": customer["id"], "in": {"currency": "EUR"}}))[
        "commitProposals"
    ]
    assert {one["quoteId"] for one in made["drafts"]} == {one["id"] for one in await quotes(client)}
    assert sum(Decimal(one["calculation"]["net"]) for one in made["drafts"]) == 330


async def test_graphql_wants_one_customer(client):
    document = "query($in: ProposalRequestInput!) { proposals(input: $in) { drafts { label } } }"
    answer = await client.gql(document, **{"in": {"currency": "EUR"}})
    assert answer["errors"][0]["extensions"]["code"] == "validation"


async def test_unknown_currency_and_missing_rate(client):
    """A currency that is none is refused; one without a rate leaves out what has no price in it."""
    desk, customer = await sold(client, "Desk"), await company(client)
    asked = {"products": [{"product_id": desk["id"]}]}
    assert pointers(problem(await ask(client, customer, currency="XXY", **asked), 422)) == [
        "/currency"
    ]
    found = await proposed(client, customer, currency="USD", **asked)
    assert found["drafts"] == []
    (told,) = found["withheld"][0]["left_out"]
    assert (told["code"], told["name"]) == ("no_rate", "Desk")
    assert "USD" in told["text"]
    # What a need or a category would find says so, too, instead of that nothing is sold.
    desks = await client.made("product-categories", {"name": "Desks"})
    lamp = await sold(client, "Lamp", needs=["light"], category_id=desks["id"])
    item = {"category_id": desks["id"]}
    body = {"name": "Desks", "status": "active", "tiers": [{"tier": "good", "items": [item]}]}
    await client.made("proposal-recipes", body)
    found = await proposed(client, customer, currency="USD", needs=["light"], labels=["good"])
    (withheld,) = found["withheld"]
    assert [(one["code"], one["product_id"]) for one in withheld["left_out"]] == [
        ("no_rate", lamp["id"])
    ] * 2
