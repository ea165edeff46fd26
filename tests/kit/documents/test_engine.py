"""The engine makes the same of the same, and nothing but what it was given."""

import asyncio
import hashlib
import io
from datetime import date

import pytest
from pypdf import PdfReader

from crm_api.kit.documents.engine import (
    MAX_BREAKS,
    MAX_DATA,
    Template,
    TemplateFailed,
    render,
    render_now,
)
from crm_api.kit.documents.errors import BadPicture, Undrawable
from crm_api.kit.documents.pictures import Picture, picture
from crm_api.kit.errors import TooLarge
from support.pictures import JPEG, png, svg

DAY = date(2026, 1, 2)
SHOW = (
    "#let d = json(bytes(sys.inputs.data))\n"
    "#set text(font: json(bytes(sys.inputs.fonts)), fallback: false)\n"
    "#d.text\n"
)
INJECTIONS = (
    '#read("/etc/passwd")',
    "#panic(1)",
    '"); #pagebreak() //',
    "$x^2$ *bold* _em_ `raw` = head <label> @ref",
    "\\u{41} \\ end",
    "]] }} {{ 7*7 }} ${7*7}",
    '#import "@preview/cetz:0.3.0"',
)


def text_of(content):
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)


async def test_data_is_printed_and_never_carried_out(package):
    template = Template(package(show=SHOW), "show")
    for text in INJECTIONS:
        made = await render(template, {"text": text}, dated=DAY)
        assert text.replace(" ", "") in text_of(made.content).replace(" ", "").replace("\n", "")


async def test_the_same_input_makes_the_same_bytes(package):
    template = Template(package(show=SHOW + "#datetime.today().display()"), "show")
    made = await asyncio.gather(
        *(render(template, {"text": "Grüße, Привет, 中文"}, dated=DAY) for _ in range(8))
    )
    assert len({one.content for one in made}) == 1
    assert made[0].sha256 == hashlib.sha256(made[0].content).hexdigest()
    other = await render(template, {"text": "Grüße, Привет, 中文"}, dated=date(2026, 1, 3))
    assert other.sha256 != made[0].sha256
    # Even a template that asks for the day gets that of the document.
    assert "2026-01-02" in text_of(made[0].content)


async def test_it_is_archivable(package):
    made = await render(Template(package(show=SHOW), "show"), {"text": "x"}, dated=DAY)
    reader = PdfReader(io.BytesIO(made.content))
    metadata = reader.xmp_metadata
    assert metadata is not None
    raw = reader.trailer["/Root"]["/Metadata"].get_data().decode()
    assert "<pdfaid:part>2</pdfaid:part>" in raw
    assert "<pdfaid:conformance>B</pdfaid:conformance>" in raw
    assert metadata.xmp_create_date is not None
    assert metadata.xmp_create_date.date() == DAY


@pytest.mark.parametrize(
    "source",
    [
        '#read("/etc/hostname")',
        '#read("../engine.py")',
        '#read("/../engine.py")',
        '#image("/etc/hostname")',
        '#import "@preview/cetz:0.3.0"',
        "#panic(1)",
        "#missing",
        "#{ while true { } }",
    ],
)
async def test_a_template_reaches_nothing_else(package, source):
    with pytest.raises(TemplateFailed):
        await render(Template(package(show=source), "show"), {}, dated=DAY)


async def test_input_that_is_too_much_is_refused(package):
    template = Template(package(show=SHOW), "show")
    with pytest.raises(TooLarge, match="bytes of data"):
        await render(template, {"text": "x" * MAX_DATA}, dated=DAY)
    with pytest.raises(TooLarge, match="line ends"):
        await render(template, {"text": "\n" * (MAX_BREAKS + 1)}, dated=DAY)
    with pytest.raises(Undrawable):
        await render(template, {"text": "𓀀"}, dated=DAY)


async def test_pictures_are_given_by_name(package):
    source = SHOW + "#image(bytes(json(bytes(sys.inputs.pictures)).logo))"
    template = Template(package(show=source), "show")
    for content in (png(), JPEG, svg()):
        made = await render(template, {"text": "x"}, dated=DAY, pictures={"logo": picture(content)})
        assert made.content.startswith(b"%PDF")
    broken = {"logo": Picture("png", png()[:40])}
    with pytest.raises(BadPicture):
        render_now(template, {"text": "x"}, dated=DAY, pictures=broken)
