"""Pictures that are taken, and those that are not."""

import pytest

from crm_api.kit.documents.errors import BadPicture
from crm_api.kit.documents.pictures import MAX_BYTES, MAX_DRAWING_BYTES, picture
from support.pictures import JPEG, png, svg

XLINK = 'xmlns:xlink="http://www.w3.org/1999/xlink"'


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (png(), "png"),
        (JPEG, "jpg"),
        (svg(), "svg"),
        (b"\xef\xbb\xbf" + svg(around='<?xml version="1.0" encoding="UTF-8"?>\n'), "svg"),
        (svg('<g xmlns:o="urn:other"><o:grid/><path fill="url(#a)" d="M0 0L1 1"/></g>'), "svg"),
        (svg("<style>.a{fill:url('#b')}</style>"), "svg"),
    ],
)
def test_pictures_are_known_by_what_they_are(content, kind):
    assert picture(content).kind == kind


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is no PNG, JPEG or SVG"),
        (b"GIF89a", "is no PNG, JPEG or SVG"),
        (b"%PDF-1.7", "is no PNG, JPEG or SVG"),
        (png()[:20], "is no whole PNG"),
        (png(said=(0, 4)), "is empty"),
        (png(said=(100_000, 100_000)), "has more than 8,000,000 pixels"),
        (png() + b"\0" * MAX_BYTES, "has more than 1,000,000 bytes"),
        (JPEG[:60], "is no whole JPEG"),
        (b"<html></html>", "is no SVG"),
        (b"<svg></svg>", "is no SVG"),
        (svg()[:-3], "is no well-formed SVG"),
        (svg(" " * MAX_DRAWING_BYTES), "has more than 256,000 bytes"),
        (svg("<g>" * 40 + "</g>" * 40), "has too many elements"),
        (svg("<g/>" * 6_000), "has too many elements"),
        (svg("<script/>"), "has the element <script>"),
        (svg("<text>x</text>"), "has the element <text>"),
        (svg("<foreignObject/>"), "has the element <foreignObject>"),
        (svg('<image href="file:///etc/hosts"/>'), "has the element <image>"),
        (svg('<use href="#a"/>'), "has the element <use>"),
        (svg("<filter/>"), "has the element <filter>"),
        (svg(f'<linearGradient {XLINK} xlink:href="other.svg#a"/>'), "refers to something outside"),
        (svg('<rect fill="url(http://192.0.2.1/a#b)"/>'), "refers to something outside"),
        (svg("<style>@import 'a.css';</style>"), "refers to something outside"),
        (svg(r"<style>.a{fill:u\72l(x)}</style>"), "refers to something outside"),
        (svg(around='<!DOCTYPE svg [<!ENTITY a "b">]>'), "declares a document type"),
        (svg(around='<?xml-stylesheet href="a.css"?>'), "has a processing instruction"),
    ],
)
def test_others_are_refused_with_the_reason(content, says):
    with pytest.raises(BadPicture, match=says) as refused:
        picture(content, "/brand/logo")
    assert refused.value.status == 422
    assert [fault.pointer for fault in refused.value.faults] == ["/brand/logo"]
