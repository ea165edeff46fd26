"""Mail that is as wrong as mail can be: always read, always told, never raised."""

from io import BytesIO

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crm_api.domains.conversations import parsing
from crm_api.domains.conversations.texts import is_reply, text_of, thread_subject
from crm_api.domains.conversations.thinning import thinned
from support.mails import NASTY, PARTS, built, mail

REPORT = (
    b"From: MAILER-DAEMON@example.net\r\nTo: support@example.com\r\n"
    b"Subject: Undelivered\r\nReturn-Path: <>\r\n"
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=edge\r\n\r\n"
    b"--edge\r\n\r\nIt did not arrive.\r\n"
    b"--edge\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; example.net\r\n\r\n"
    b"Final-Recipient: rfc822; gone@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"
    b"Diagnostic-Code: smtp; 550 5.1.1 no such user\r\n"
    b"\r\n--edge\r\nContent-Type: text/rfc822-headers\r\n\r\n"
    b"From: support@example.com\r\nMessage-ID: <own@example.com>\r\n\r\n--edge--\r\n"
)


def read(raw):
    return parsing.read(BytesIO(raw), "digest")


def content_of(piece, raw):
    return b"".join(piece.blocks(BytesIO(raw)))


def codes(found):
    return {one.code for one in found.notes}


@pytest.mark.parametrize("name", NASTY)
def test_what_is_wrong_is_told_and_the_text_is_there(name):
    raw, expected = NASTY[name]
    found = read(raw)
    assert expected <= codes(found)
    assert "Some text" in found.body
    assert "\x00" not in found.body + found.subject
    assert "alert" not in found.body


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("=?utf-8?B?w4RwZmVs?=", "Äpfel"),
        ("=?iso-8859-1?Q?=C4pfel?= =?utf-8?Q?_und_Birnen?=", "Äpfel und Birnen"),
        ("=?klingon?Q?=C3=84pfel?=", "Äpfel"),
        ("=?utf-8?B?w4RwZmVs?= plain ü", "Äpfel plain ü"),
        ("=?utf-8?Q?a=0D=0ABcc:_victim@example.org?=", "a Bcc: victim@example.org"),
        ("=?utf-8?B?!!?=", None),
        ("one\r\n  two", "one two"),
    ],
)
def test_subjects_are_read_on_one_line(header, expected):
    found = read(mail(subject=header)).subject
    assert "\n" not in found
    assert expected is None or found == expected


def test_bytes_in_headers_that_nobody_declared():
    assert read(built("Subject: für".encode("latin-1"), b"")).subject == "für"
    assert read(built("Subject: für".encode(), b"")).subject == "für"


def test_a_mail_in_a_mail_is_a_file():
    inner = mail("Inner text", subject="Inner").decode()
    text = (
        f"--edge\r\n\r\nOuter\r\n--edge\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--edge--"
    )
    raw = mail(text, Content_Type=PARTS)
    found = read(raw)
    assert (found.body, [piece.filename for piece in found.pieces]) == ("Outer", ["Inner.eml"])
    assert content_of(found.pieces[0], raw) == inner.encode()


def test_a_thousand_nested_parts_are_cut_short():
    raw = b"From: sample@example.org\r\n"
    for n in range(1_000):
        raw += f"Content-Type: multipart/mixed; boundary=e{n}\r\n\r\n--e{n}\r\n".encode()
    read(raw + b"\r\nSome text")


def test_a_report_is_a_bounce_that_names_what_did_not_arrive():
    found = read(REPORT)
    assert (found.kind, found.bounce.original_id) == ("bounce", "own@example.com")
    assert (found.bounce.recipient, found.bounce.status) == ("gone@example.org", "5.1.1")
    assert found.bounce.is_permanent


@given(st.binary(max_size=2_000))
@example(REPORT.replace(b"5.1.1", b"\xff\x00"))
@example(b'Content-Type: multipart/mixed; boundary=""\r\n\r\n--\r\n--')
@example(b"From: =?utf-8?B?" + b"\xff" * 60)
@example(b"Content-Type: text/plain; charset*0*=a'b'c\r\n\r\nx")
def test_reading_never_raises(raw):
    found = read(raw)
    "".join([found.subject, found.body, found.from_address or ""]).encode()


_HEADERS = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "References",
    "Content-Type",
    "Content-Disposition",
    "Content-Transfer-Encoding",
    "List-Id",
    "Auto-Submitted",
]
_VALUES = st.one_of(
    st.binary(max_size=80),
    st.sampled_from(
        [
            b"multipart/report; boundary=e",
            b"message/rfc822",
            b"base64",
            b"text/html",
            b"message/delivery-status",
            b"a@b, <c@d>",
            b"=?x?q?y?=",
        ]
    ),
)


@given(st.lists(st.tuples(st.sampled_from(_HEADERS), _VALUES), max_size=8), st.binary(max_size=300))
def test_reading_headers_never_raises(headers, body):
    raw = b"".join(name.encode() + b": " + value + b"\r\n" for name, value in headers)
    found = read(raw + b"\r\n" + body + b"\r\n--e\r\n\r\n" + body)
    for text in (found.subject, found.body, *(piece.filename or "" for piece in found.pieces)):
        assert "\x00" not in text
        text.encode()


@given(st.text(max_size=500))
def test_html_never_raises_and_leaves_no_scripts(text):
    assert "alert" not in text_of(f"<script>alert(1)</script>{text.replace('alert', '')}")


def test_html_is_read_as_it_is_seen():
    html = (
        "<html><head><title>No</title><style>p{}</style></head><body><p>One&nbsp;two</p>"
        "<div style='display: none'>hidden</div><ul><li>first<li>second</ul>"
        "<a href='https://example.org/x'>here</a> <a href='javascript:alert(1)'>there</a>"
    )
    assert text_of(html) == "One two\n\n- first\n- second\nhere <https://example.org/x> there"


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Re: AW: [list] Fwd: Display", "display"),
        ("RE[3]: Display", "display"),
        ("Re: ok", None),
        ("", None),
        ("Regarding the display", "regarding the display"),
    ],
)
def test_subjects_are_compared_without_marks(subject, expected):
    assert thread_subject(subject) == expected


def test_only_answers_are_answers():
    assert is_reply("AW: x")
    assert not is_reply("Fwd: x")
    assert not is_reply("Regarding: x")


def test_a_link_in_a_link_ends_it():
    found = text_of("<a href='https://a.example'>one<a href='https://b.example'>two</a></a> end")
    assert found == "onetwo <https://b.example> end"
    assert text_of("<svg><g><g></x></g>no</svg>yes <b") == "yes <b"


@pytest.mark.parametrize("name", ["punycode", "idna", "unicode_escape", "raw-unicode-escape"])
def test_what_is_no_character_set_of_mail_is_not_read_by(name):
    found = read(mail("a\\u0041-b", Content_Type=f"text/plain; charset={name}"))
    assert found.body == "a\\u0041-b"
    assert "wrong_charset" in codes(found)
    assert read(mail(subject=f"=?{name}?Q?a-b?=")).subject == "a-b"


def test_a_header_of_a_part_is_read_as_far_as_it_is_of_use():
    raw = mail("Text", Content_Type="text/plain; charset=utf-8;" + " a=b;" * 2_000)
    found = read(raw)
    assert found.body == "Text"
    assert "too_many_parts" in codes(found)
    kept = thinned(BytesIO(raw)).message
    assert max(len(value) for _, value in kept.raw_items()) < 5_000


# Each takes the library the square of its length, which comes to hours.
@pytest.mark.timeout(90)
@pytest.mark.parametrize(
    ("piece", "end"),
    [
        ("<a ", ""),
        ("<!--", ""),
        ("x<a href='https://a.example'>", "</a>"),
        ("<svg><g></x>", ""),
        ("<![CDATA[", ""),
        ("\u0300\u0327", ""),
    ],
)
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("text/html", "html_only"),
        ("text/plain; charset=punycode", "wrong_charset"),
        ("text/plain", "text_cut"),
    ],
)
def test_text_that_means_harm_is_read_in_one_go(kind, code, piece, end):
    size = 1_400_000 // len((piece + end).encode())
    raw = built(f"Content-Type: {kind}\r\n".encode(), (piece * size + end * size).encode())
    assert code in codes(read(raw))
