"""What a version says of the customer, to whom; and that it is changed by one at a time."""

import asyncio
from uuid import UUID

from crm_api.domains.quotes.repository import QuoteVersions
from crm_api.domains.quotes.service import QuoteVersionService
from crm_api.kit.db.tx import unit_of_work
from support.clients import problem, tx_of
from support.members import custom_role, member
from support.quoting import REACH, act, quote

ADDRESS = {"street": "1 Example Street", "postal_code": "10115", "city": "Berlin", "country": "DE"}
CUSTOMER = """
    query($id: String!) { quoteVersions(where: {quoteId: {eq: $id}}) { nodes { customer } } }
"""
SECRETS = ("secret@example.com", "+4930123456", "DE123", "2 Private Lane")


async def sent(client):
    contact = await client.made(
        "contacts",
        {
            "first_name": "Sample",
            "last_name": "Person",
            "email": "secret@example.com",
            "phone": "+4930123456",
            "addresses": [{**ADDRESS, "street": "2 Private Lane"}],
        },
    )
    company = await client.made(
        "companies", {"name": "Beispiel", "tax_id": "DE123", "addresses": [ADDRESS]}
    )
    made = await quote(client, company_id=company["id"], contact_id=contact["id"])
    return await act(client, made["id"], "send")


async def reader(client, **role):
    return (await member(client, await custom_role(client, **role))).api


async def test_a_version_says_of_the_customer_what_the_document_does(client):
    made = await sent(client)
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    company, contact = version["customer"]["company"], version["customer"]["contact"]
    assert (company["name"], company["tax_id"]) == ("Beispiel", "DE123")
    assert company["address"]["street"] == "1 Example Street"
    assert contact == {"name": "Sample Person", "title": None, "address": None}
    text = (await client.get(f"/v1/quotes/{made['id']}/versions")).text
    assert [one for one in SECRETS if one in text] == ["DE123"]
    # Of somebody without a name, and without a company, it says what a letter needs.
    alone = {"email": "somebody@example.com", "addresses": [ADDRESS]}
    contact = await client.made("contacts", alone)
    other = await quote(client, company_id=None, contact_id=contact["id"])
    await act(client, other["id"], "send")
    (version,) = (await client.read(f"quotes/{other['id']}/versions"))["data"]
    assert version["customer"]["contact"]["name"] is None
    assert version["customer"]["contact"]["address"]["city"] == "Berlin"


async def test_what_is_hidden_of_a_customer_no_version_tells(client):
    made = await sent(client)
    (whole,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    masks = {"company": {"hidden": ["tax_id"]}}
    masked = await reader(client, levels={"*": REACH}, masks=masks)
    only = await reader(client, levels={"quotes": REACH, "events": REACH})
    for api in (masked, only):
        told = await api.told(whole["id"], 1)
        assert [event["type"] for event in told] == ["quote_version.sent"]
        for path in (f"quotes/{made['id']}/versions", "quotes/changes"):
            told.append((await api.get(f"/v1/{path}")).text)
        assert not [one for one in SECRETS if one in str(told)]
        (version,) = (await api.read(f"quotes/{made['id']}/versions"))["data"]
        assert version["customer"] is None
        assert version["content_hash"] == whole["content_hash"]
        data = await api.data(CUSTOMER, id=made["id"])
        assert data["quoteVersions"]["nodes"] == [{"customer": None}]
        # Nor does its document, which says the same.
        problem(await api.get(f"/v1/quotes/{made['id']}/document"), 403, "hidden_field")


async def test_a_version_is_printed_and_superseded_one_after_the_other(client, database, org):
    """Whoever revises waits for the job that holds the version, and goes on from what it wrote."""
    made = await quote(client)
    await act(client, made["id"], "send")
    printed = {"document_name": "a.pdf", "document_sha256": "0", "document_size": 1}
    async with unit_of_work(tx_of(database, org)) as tx:
        service = QuoteVersionService(tx)
        found = await QuoteVersions(tx).of(UUID(made["id"]), lock=True)
        await service.change(found, {**printed, "stored_as": "x"}, verb="printed")
        await tx.flush()
        revising = asyncio.create_task(client.post(f"/v1/quotes/{made['id']}/revise"))
        await asyncio.sleep(0.3)
    assert (await revising).status_code == 200
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert (version["version"], version["document_sha256"]) == (3, "0")
    assert version["superseded_at"] is not None
    told = await client.told(version["id"], 3)
    assert [event["version"] for event in told] == [1, 2, 3]
