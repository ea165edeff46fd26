"""Proposals as PDF: what is given stands there, in each language, the same each time."""

import asyncio
import io
import json
import re
import subprocess
import sys
from importlib.resources import files

import pytest
from pydantic import ValidationError
from pypdf import PdfReader
from typer.testing import CliRunner

from crm_api.cli.app import app
from crm_api.cli.output import Failed
from crm_api.kit.documents.errors import Undrawable
from crm_api.kit.documents.languages import languages
from crm_api.kit.documents.pictures import picture
from crm_api.kit.documents.typefaces import undrawable
from crm_api.platform.proposals.printing import PACKAGE, document_of, printed
from crm_api.platform.proposals.samples import sample, sample_names
from crm_api.platform.proposals.schemas import MAX_LINES, Proposal
from support.printing import fonts_of
from support.scripts import SCRIPTS

AGAIN = """
import asyncio
from crm_api.kit.documents.pictures import picture
from crm_api.platform.proposals.printing import document_of
from crm_api.platform.proposals.samples import sample
proposal, logo = sample("de")
print(asyncio.run(document_of(proposal, picture(logo))).sha256)
"""


def pages_of(document):
    return [page.extract_text() for page in PdfReader(io.BytesIO(document.content)).pages]


def squeezed(text):
    """Without blanks and hyphens, which depend on where lines end."""
    return "".join(text.split()).replace("\u200b", "").replace("-", "").replace("\u00ad", "")


def changed(**values):
    raw = sample("en")[0].model_dump(mode="json")
    return Proposal.model_validate(raw | values)


def of_lines(count, **more):
    items = [
        {"name": f"Item {n}", "quantity": "1", "unit_price": "1", "net": "1"} | more
        for n in range(count)
    ]
    total = {"subtotal": str(count), "total": str(count)}
    return {"sections": [{"items": items}], "totals": [total], "values": []}


@pytest.mark.parametrize("name", sample_names())
async def test_all_that_is_given_stands_there(name):
    proposal, logo = sample(name)
    document = await document_of(proposal, picture(logo))
    pages = pages_of(document)
    whole = squeezed("".join(pages))
    assert "\0" not in whole
    expected = [proposal.subject, proposal.seller.name, proposal.customer.name, proposal.number]
    for section in proposal.sections:
        expected.append(section.title)
        for item in section.items:
            expected += [item.name, *(item.description or "").split()]
    for clause in proposal.terms:
        expected += clause.text.split()
    for group in printed(proposal)["totals"]:
        expected += [group["total"], *(row["amount"] for row in group["rows"])]
    for text in expected:
        assert squeezed(text) in whole, text
    for number, page in enumerate(pages, 1):
        assert f"{number} / {len(pages)}" in page
        if number > 1:
            assert squeezed(proposal.customer.name) in squeezed(page)


def test_every_label_is_there_in_every_language():
    wordings = languages(PACKAGE)
    assert set(wordings) >= {"en", "de", "ru"}
    for name, labels in wordings.items():
        assert labels.keys() == wordings["en"].keys(), name
        for label, text in labels.items():
            assert text.strip(), (name, label)
            assert undrawable(text) == [], (name, label)
            places = [part.split("}")[0] for part in text.split("{")[1:]]
            wanted = [part.split("}")[0] for part in wordings["en"][label].split("{")[1:]]
            assert sorted(places) == sorted(wanted), (name, label)


async def test_the_bytes_are_the_same_in_another_process():
    proposal, logo = sample("de")
    mine = await asyncio.gather(*(document_of(proposal, picture(logo)) for _ in range(8)))
    other = await asyncio.to_thread(subprocess.check_output, [sys.executable, "-c", AGAIN])
    assert {one.sha256 for one in mine} == {other.decode().strip()}


async def test_two_hundred_lines_have_their_head_on_every_page():
    pages = pages_of(await document_of(changed(**of_lines(200))))
    assert len(pages) > 5
    for page in pages:
        assert ("Unit price" in page) == ("Item" in page)
    found = [int(number) for page in pages for number in re.findall(r"Item (\d+)", page)]
    assert found == list(range(200))


async def test_texts_are_never_carried_out():
    text = '#panic("x") $x$ *b* @a <b> #read("/etc/passwd") \\u{41} {{7*7}} {0.__class__}'
    proposal = changed(subject=text, introduction=text, **of_lines(1, description=text, name=text))
    whole = squeezed("".join(pages_of(await document_of(proposal))))
    assert whole.count(squeezed(text)) >= 4


async def test_long_words_stay_on_the_paper():
    word = "Wort" * 100
    document = await document_of(changed(**of_lines(1, name=word, description=word)))
    whole = squeezed("".join(pages_of(document)))
    assert whole.count(word) == 2
    right = 0.0

    def note(text, _current, matrix, _font, _size):
        nonlocal right
        if text.strip() == "1.00":
            right = max(right, matrix[4])

    PdfReader(io.BytesIO(document.content)).pages[0].extract_text(visitor_text=note)
    assert right < 595


async def test_what_cannot_be_printed_is_named():
    with pytest.raises(Undrawable) as refused:
        await document_of(changed(**of_lines(1, name="bad 𓀀")))
    assert [fault.pointer for fault in refused.value.faults] == ["/sections/0/items/0/name"]


async def test_gross_prices_and_drafts():
    raw = of_lines(2)
    raw["totals"][0]["taxes"] = [
        {"name": "VAT", "rate": "20", "base": "1.67", "amount": "0.33", "note": "A note."}
    ]
    pages = pages_of(await document_of(changed(prices="gross", is_draft=True, **raw)))
    whole = squeezed("".join(pages))
    for text in ("includingVAT20%on£1.67", "£0.33", "£2.00", "Anote.", "Allpricesincludetax."):
        assert text in whole
    assert all("DRAFT" in page for page in pages)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        (of_lines(2) | {"totals": [{"subtotal": "1", "total": "1"}]}, "the subtotal is 1, but"),
        (of_lines(2) | {"totals": [{"subtotal": "2", "total": "3"}]}, "the total is 3, but"),
        (of_lines(2) | {"totals": [{"subtotal": "2", "total": "2"}] * 2}, "one total for each"),
        (of_lines(1, interval="month"), "there is no total for the line"),
        (of_lines(1, unit_price=None), "come together"),
        (of_lines(1, alternative_to="1"), "is for alternatives"),
        (of_lines(1, discounts=[{}]), "either `percent` or `amount`"),
        (of_lines(MAX_LINES + 1), "at most 1000 items"),
        (of_lines(1, description="x" * 6001), "at most 6000 characters"),
        (of_lines(1, net="NaN"), "finite number"),
        (
            of_lines(1, net="1.005") | {"totals": [{"subtotal": "1.005", "total": "1.005"}]},
            "more dec",
        ),
        ({"currency": "XXY"}, "not an ISO 4217 currency"),
        ({"valid_until": "2020-01-01"}, "lies before"),
        ({"brand": {"color": "red"}}, "match pattern"),
        ({"subject": "a\0b"}, "control character"),
        ({"unknown": 1}, "Extra inputs"),
    ],
)
def test_what_does_not_add_up_is_refused(values, says):
    with pytest.raises(ValidationError, match=says):
        changed(**values)


def test_samples_are_as_they_are_read():
    for name in sample_names():
        raw = json.loads((files(PACKAGE) / "samples" / f"{name}.json").read_text("utf-8"))
        assert Proposal.model_validate(raw).model_dump(mode="json", exclude_unset=True) == raw


def test_the_command_line_makes_one(tmp_path):
    run = CliRunner().invoke
    out = tmp_path / "made.pdf"
    made = run(app, ["document", "preview", "ja", "--out", str(out), "--draft"])
    assert made.exit_code == 0, made.output
    assert out.read_bytes().startswith(b"%PDF")
    own = tmp_path / "own.json"
    own.write_text('{"language": "de"}')
    for source, says in (("nope", "neither a file nor a sample"), (str(own), "/currency")):
        with pytest.raises(Failed, match=says):
            run(app, ["document", "preview", source, "--out", str(out)], catch_exceptions=False)


@pytest.mark.parametrize("tag", ["en", "ar", "he"])
async def test_names_in_any_script_are_printed(tag):
    items = [
        {"name": text, "description": text, "quantity": "1", "unit_price": "1", "net": "1"}
        for text, _ in SCRIPTS.values()
    ]
    raw = of_lines(len(items))
    raw["sections"][0]["items"] = items
    document = await document_of(changed(language=tag, **raw))
    for _, font in SCRIPTS.values():
        assert font in fonts_of(document.content)


async def test_numbers_keep_their_order_where_texts_go_to_the_left():
    """The sign of a telephone number would else stand behind it."""
    data = printed(changed(language="ar"))
    assert data["is_leftward"]
    reached = data["seller"]["reached"]
    assert all(one.startswith("\u2068") and one.endswith("\u2069") for one in reached)
    assert (data["language"], data["color"][0]) == ("ar", "#")
    assert "\u2068" not in json.dumps(printed(changed()), ensure_ascii=False)
