"""What proposals say of the seller: address, imprint and logo, on paper and on the page."""

import asyncio
import hashlib
import json
import struct
import subprocess
import sys
import zlib
from base64 import b64encode
from io import BytesIO
from uuid import UUID

import pytest
from pypdf import PdfReader

from crm_api.platform.proposals.samples import sample
from support.clients import pointers, problem
from support.members import custom_role, member
from support.quoting import act, link, quote

DRAWING = sample("en")[1]
PAPER = {
    "address": ["Sample Street 1", "10115 Berlin"],
    "email": "office@example.com",
    "phone": "+49 30 000000",
    "website": "www.example.com",
    "imprint": [["HRB 00000", "Amtsgericht Sample"], ["Board: A. Sample"]],
    "color": "#7a1f4e",
}

AGAIN = """
import asyncio, base64, json, sys
from crm_api.domains.quotes.printing import proposal_of
from crm_api.kit.documents.pictures import picture
from crm_api.platform.proposals.printing import document_of
content, customer, logo = json.load(sys.stdin)
logo = picture(base64.b64decode(logo))
print(asyncio.run(document_of(proposal_of(content, customer), logo)).sha256)
"""


def text_of(content):
    text = "\n".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    return text.replace("\u200b", "")


def png(data=None):
    """A picture of one pixel, unless other data stands in it."""
    rows = zlib.compress(b"\0\x10\x20\x30") if data is None else data
    head = struct.pack(">LLBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))
        for kind, data in parts
    )


def given(content):
    return {"content": b64encode(content).decode()}


async def configure(client, **settings):
    answer = await client.put("/v1/letterhead/settings", json=settings)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def printed(client, **more):
    """A quote that was sent, and its document."""
    made = await quote(client, **more)
    await act(client, made["id"], "send")
    await client.idle()
    answer = await client.get(f"/v1/quotes/{made['id']}/document")
    assert answer.status_code == 200, answer.text
    return made, answer.content


async def test_a_quote_is_printed_on_the_paper_of_its_seller(client, anonymous, worker):
    plain, before = await printed(client)
    made = await configure(client, **PAPER, logo=given(DRAWING))
    sha256 = hashlib.sha256(DRAWING).hexdigest()
    told = {"sha256": sha256, "content_type": "image/svg+xml", "size_bytes": len(DRAWING)}
    assert made == {**PAPER, "logo": told}
    assert await client.read("letterhead/settings") == made
    sold, document = await printed(client)
    text = text_of(document)
    for said in ("Sample Street 1", "10115 Berlin", "www.example.com", "HRB 00000"):
        assert said in text, said
        assert said not in text_of(before)
    # The picture is on it: without it the same quote is another document.
    assert len(document) > len(before)
    at = await link(client, sold["id"])
    page = (await anonymous.get(f"{at}/page")).text
    assert f"data:image/svg+xml;base64,{b64encode(DRAWING).decode()}" in page
    for said in ("Sample Street 1", "HRB 00000 · Amtsgericht Sample", "Board: A. Sample"):
        assert said in page, said
    # What was sent before stays as it was.
    at = await link(client, plain["id"])
    assert "data:image" not in (await anonymous.get(f"{at}/page")).text


@pytest.mark.parametrize("logo", [DRAWING, png()], ids=["svg", "png"])
async def test_the_same_quote_on_the_same_paper_is_the_same_bytes(client, owner, worker, logo):
    await configure(client, **PAPER, logo=given(logo))
    made, document = await printed(client, name="Новый офис", language="de")
    path = f"/v1/quotes/{made['id']}/document"
    (version,) = (await client.read(f"quotes/{made['id']}/versions"))["data"]
    sha256 = hashlib.sha256(document).hexdigest()
    assert version["document_sha256"] == sha256
    # Printed anew, though the paper is another one by now.
    await configure(client, address=["Another Street 2"])
    await owner.execute(
        "UPDATE quote_versions SET stored_as = NULL, document_sha256 = NULL WHERE quote_id = $1",
        UUID(made["id"]),
    )
    status = await client.read(f"quotes/{made['id']}/document-status")
    await owner.execute("UPDATE jobs SET status = 'failed' WHERE id = $1", UUID(status["job_id"]))
    answer = await client.post(f"/v1/jobs/{status['job_id']}/retry")
    assert answer.status_code == 200, answer.text
    await client.idle()
    assert (await client.get(path)).content == document
    # In another process, where sets and dictionaries are in another order, it is the same.
    told = json.dumps([version["content"], version["customer"], b64encode(logo).decode()])
    other = await asyncio.to_thread(
        subprocess.check_output, [sys.executable, "-c", AGAIN], input=told.encode()
    )
    assert other.decode().strip() == sha256


async def test_a_logo_stays_by_its_hash_and_goes_by_nothing(client):
    made = await configure(client, logo=given(png()))
    assert made["logo"]["content_type"] == "image/png"
    kept = await configure(client, **PAPER, logo={"sha256": made["logo"]["sha256"]})
    assert kept["logo"] == made["logo"]
    assert (await configure(client, **PAPER))["logo"] is None
    answer = await client.put(
        "/v1/letterhead/settings", json={"logo": {"sha256": made["logo"]["sha256"]}}
    )
    assert pointers(problem(answer, 422)) == ["/logo/sha256"]


@pytest.mark.parametrize(
    "content",
    [
        b"GIF89a" + bytes(20),
        b"%PDF-1.7",
        b"<html></html>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://example.com/a.png"/></svg>',
        b"\x89PNG\r\n\x1a\n" + bytes(10),
        png(b"no data at all"),
        b"",
    ],
)
async def test_what_is_no_picture_is_refused(client, content):
    answer = await client.put("/v1/letterhead/settings", json={"logo": given(content)})
    found = problem(answer, 422)
    assert (pointers(found), found["errors"][0]["code"]) == (["/logo/content"], "bad_picture")
    assert (await client.read("letterhead/settings"))["logo"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"logo": {"content": "no base64!"}}, "/logo/content"),
        ({"logo": {"content": "A" * 400_000}}, "/logo/content"),
        ({"logo": {}}, "/logo"),
        ({"color": "red"}, "/color"),
        ({"address": ["Line"] * 9}, "/address"),
        ({"address": ["\u13a0"]}, "/address/0"),
    ],
)
async def test_what_cannot_be_printed_is_refused(client, body, pointer):
    answer = await client.put("/v1/letterhead/settings", json=body)
    assert pointers(problem(answer, 422)) == [pointer]


async def test_over_graphql_and_by_whoever_may(client):
    query = """
        mutation($input: LetterheadInput!) {
            setLetterheadSettings(input: $input) { address imprint logo { contentType } }
        }
    """
    data = await client.data(query, input={"address": ["Street"], "logo": given(png())})
    assert data["setLetterheadSettings"] == {
        "address": ["Street"], "imprint": [], "logo": {"contentType": "image/png"}
    }  # fmt: skip
    found = await client.data("{ letterheadSettings { address logo { sizeBytes } } }")
    assert found["letterheadSettings"]["logo"] == {"sizeBytes": len(png())}
    levels = {"*": dict.fromkeys(("read", "create", "update", "delete"), "all")}
    seller = await member(client, await custom_role(client, levels=levels))
    assert (await seller.api.put("/v1/letterhead/settings", json={})).status_code == 403
