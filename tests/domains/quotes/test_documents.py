"""The documents of versions: made by a job, the same bytes whenever they are made."""

import hashlib
from datetime import date, timedelta
from io import BytesIO
from uuid import UUID, uuid4

import pytest
from pypdf import PdfReader
from sqlalchemy.ext.asyncio import AsyncConnection

from crm_api.domains.quotes.documents import print_version
from crm_api.domains.quotes.jobs import remove_files
from crm_api.domains.quotes.printing import proposal_of
from crm_api.kit.errors import CrmError
from crm_api.kit.jobs import JobContext
from crm_api.platform.proposals.printing import document_of
from support.clients import actor_of, problem
from support.members import role_of


def text_of(content):
    text = "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    return text.replace("\u200b", "")


async def sent(client, **more):
    address = {"street": "1 Example Street", "postal_code": "10115", "city": "Berlin"}
    company = await client.made(
        "companies",
        {"name": "Beispiel", "addresses": [{**address, "country": "DE"}], "tax_id": "DE1"},
    )
    contact = await client.made("contacts", {"last_name": "Person", "first_name": "Sample"})
    rate = {"name": "VAT", "country": "DE", "rate": "19"}
    if not (await client.read("tax-rates"))["data"]:
        await client.made("tax-rates", rate)
    body = {
        "name": "Новый офис",
        "currency": "EUR",
        "company_id": company["id"],
        "contact_id": contact["id"],
        "valid_until": str(date.today() + timedelta(days=30)),
        "sections": [{"key": "seats", "title": "Seats", "kind": "alternatives"}],
        "lines": [
            {"name": "Assembly", "unit_price": "90", "discounts": [{"percent": "10"}]},
            {"name": "Please note.", "kind": "text"},
            {"name": "Seat", "unit_price": "7", "section": "seats", "is_selected": True},
            {"name": "Armchair", "unit_price": "9", "section": "seats"},
            {"name": "Support", "unit_price": "10", "interval": "month", "term": 12},
        ],
        "discounts": [{"percent": "3", "reason": "Fair"}],
        "clauses": [{"title": "Payment", "text": "Within 14 days."}],
    }
    made = await client.made("quotes", {**body, **more})
    answer = await client.post(f"/v1/quotes/{made['id']}/send")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_sent_quote_is_printed(client, worker):
    made = await sent(client, language="de")
    path = f"/v1/quotes/{made['id']}/document"
    await client.idle()
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    sha256 = hashlib.sha256(answer.content).hexdigest()
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    assert (version["document_sha256"], version["document_size"]) == (sha256, len(answer.content))
    assert answer.headers["etag"] == f'"{sha256}"'
    text = text_of(answer.content)
    for said in (
        made["number"],
        "Новый офис",
        "Beispiel",
        "Angebot",
        "Assembly",
        "Within 14 days.",
    ):
        assert said in text, said
    # 90 less 10 % are 81, and 7 for the seat: 88 less 3 % are 85.36, with 19 % tax 101.58.
    assert "85,36" in text
    assert "101,58" in text
    unchanged = await client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert unchanged.status_code == 304
    part = await client.get(path, headers={"Range": "bytes=0-3"})
    assert (part.status_code, part.content) == (206, b"%PDF")
    # Made again it is the same.
    again = await document_of(proposal_of(version["content"], version["customer"]))
    assert again.sha256 == sha256
    query = """
        query($id: UUID!) { quoteDocument(id: $id) { url sha256 status revision } }
    """
    data = (await client.data(query, id=made["id"]))["quoteDocument"]
    assert data == {"url": f"{path}?revision=1", "sha256": sha256, "status": "ready", "revision": 1}


async def test_each_version_has_its_own(client, worker):
    made = await sent(client)
    await client.idle()
    first = (await client.get(f"/v1/quotes/{made['id']}/document")).content
    await client.post(f"/v1/quotes/{made['id']}/revise")
    await client.changed(f"quotes/{made['id']}", {"name": "Another office"})
    await client.post(f"/v1/quotes/{made['id']}/send")
    await client.idle()
    second = (await client.get(f"/v1/quotes/{made['id']}/document")).content
    assert "Another office" in text_of(second)
    path = f"/v1/quotes/{made['id']}/document"
    assert (await client.get(path, params={"revision": 1})).content == first
    problem(await client.get(path, params={"revision": 3}), 404, "no_version")


async def test_before_it_is_made_it_is_pending(client):
    made = await sent(client)
    found = problem(await client.get(f"/v1/quotes/{made['id']}/document"), 409, "document_pending")
    status = await client.read(f"quotes/{made['id']}/document-status")
    assert (status["status"], status["url"]) == ("pending", None)
    assert status["job_id"] == found["job_id"]
    draft = await client.made("quotes", {"currency": "EUR"})
    problem(await client.get(f"/v1/quotes/{draft['id']}/document"), 404, "no_version")


async def test_what_cannot_be_printed_is_not_sent(client):
    company = await client.made("companies", {"name": "Example Industries"})
    lines = [{"name": "Sign 𓀀", "unit_price": "1"}]
    body = {"currency": "EUR", "company_id": company["id"], "lines": lines}
    made = await client.made("quotes", body)
    answer = await client.post(f"/v1/quotes/{made['id']}/send")
    assert problem(answer, 409, "blocked_transition")["errors"][0]["code"] == "undrawable"
    assert (await client.read(f"quotes/{made['id']}"))["number"] is None


async def test_prices_with_and_without_taxes_are_printed(client, worker):
    """A list with taxes in its prices; and one line of each kind on one document."""
    body = {"sku": uuid4().hex, "name": "Chair", "type": "good", "status": "active"}
    sold = await client.made("products", {**body, "list_price": "50", "currency": "EUR"})
    of_list = await client.made(
        "price-lists", {"name": "Retail", "currency": "EUR", "tax_included": True}
    )
    await client.post(f"/v1/price-lists/{of_list['id']}/activate", json={})
    await client.made(
        "price-rules",
        {"price_list_id": of_list["id"], "product_id": sold["id"], "unit_price": "119"},
    )
    gross = [{"product_id": sold["id"], "quantity": "2"}]
    made = await sent(client, lines=gross, sections=[])
    mixed = await sent(
        client, lines=[*gross, {"name": "Assembly", "unit_price": "90"}], sections=[]
    )
    await client.idle()
    text = text_of((await client.get(f"/v1/quotes/{made['id']}/document")).content)
    # 238 less 3 % are 230.86, taxes in it; without them 194.
    assert "230.86" in text
    assert (made["net"], made["gross"]) == ("194.00", "230.86")
    text = text_of((await client.get(f"/v1/quotes/{mixed['id']}/document")).content)
    assert "281.30" in text
    assert mixed["net"] == "281.30"


async def test_files_that_nobody_needs_are_removed(client, worker, database, app, org):
    made = await sent(client)
    await client.idle()
    await remove_files(database, app.state.services.files)
    assert (await client.get(f"/v1/quotes/{made['id']}/document")).status_code == 200
    assert UUID(made["id"])


async def test_a_document_that_nobody_makes_has_failed(client, owner, worker):
    made = await sent(client)
    await client.idle()
    status = await client.read(f"quotes/{made['id']}/document-status")
    # As it is where the job was given up before it had made anything.
    await owner.execute("UPDATE jobs SET status = 'failed' WHERE id = $1", UUID(status["job_id"]))
    await owner.execute(
        "UPDATE quote_versions SET stored_as = NULL, document_sha256 = NULL WHERE quote_id = $1",
        UUID(made["id"]),
    )
    status = await client.read(f"quotes/{made['id']}/document-status")
    assert (status["status"], status["url"]) == ("failed", None)
    found = problem(await client.get(f"/v1/quotes/{made['id']}/document"), 409, "document_failed")
    assert found["job_id"] == status["job_id"]
    query = "query($id: UUID!) { quoteDocument(id: $id) { status } }"
    assert (await client.data(query, id=made["id"]))["quoteDocument"] == {"status": "failed"}
    answer = await client.post(f"/v1/jobs/{status['job_id']}/retry")
    assert answer.status_code == 200, answer.text
    await client.idle()
    assert (await client.read(f"quotes/{made['id']}/document-status"))["status"] == "ready"


async def test_a_commit_whose_answer_is_lost_keeps_its_file(
    client, app, database, org, monkeypatch
):
    """The file is there for the version that says so, whatever the job learned of the commit."""
    made = await sent(client)
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    commit = AsyncConnection.commit

    async def lost(self):
        await commit(self)
        raise ConnectionResetError("the answer to the commit was lost")

    class Job:
        async def advance(self, tx, done, total=None, *, state=None):
            """The last thing before the commit that counts."""
            patch.setattr(AsyncConnection, "commit", lost)

    context = JobContext(database, actor_of(org), Job(), app.state.services.files)
    with monkeypatch.context() as patch:  # noqa: SIM117 - the patch ends after the raise
        with pytest.raises((ConnectionResetError, CrmError)):
            await print_version(context, UUID(version["id"]))
    answer = await client.get(f"/v1/quotes/{made['id']}/document")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")


async def test_whoever_is_responsible_may_have_a_long_address(client, worker):
    local, domain = "x" * 60, ".".join(["d" * 60] * 3)
    address = f"{local}@{domain}.example"
    assert len(address) > 200
    role = await role_of(client, "admin")
    user = await client.made(
        "users", {"email": address, "name": "Sample Seller", "role_ids": [role]}
    )
    made = await sent(client, owner_id=user["id"])
    await client.idle()
    assert (await client.read(f"quotes/{made['id']}/document-status"))["status"] == "ready"
