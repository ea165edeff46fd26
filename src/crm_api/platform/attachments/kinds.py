"""What kind of file some bytes are: by what they begin with, and by what is said of them."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

HEAD = 4_096
"""So many bytes are looked at."""
UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
PROGRAM = "application/x-executable"
_DECLARED = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+\-]{0,99}/[a-z0-9][a-z0-9!#$&^_.+\-]{0,99}")
# What forms and tools send where nobody said anything.
_MEANINGLESS = frozenset({"application/x-www-form-urlencoded", "binary/octet-stream", UNKNOWN, ""})
_SIGNATURES: Sequence[tuple[int, bytes, str]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/x-msvideo"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"{\\rtf", "application/rtf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"BZh", "application/x-bzip2"),
    (0, b"\xfd7zXZ\x00", "application/x-xz"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (0, b"MZ", PROGRAM),
    (0, b"\x7fELF", PROGRAM),
    (0, b"\xca\xfe\xba\xbe", PROGRAM),
    (0, b"\xfe\xed\xfa\xce", PROGRAM),
    (0, b"\xfe\xed\xfa\xcf", PROGRAM),
    (0, b"\xce\xfa\xed\xfe", PROGRAM),
    (0, b"\xcf\xfa\xed\xfe", PROGRAM),
    (0, b"\x00asm", PROGRAM),
    (0, b"#!", PROGRAM),
)
_MARKUP: Sequence[tuple[bytes, str]] = (
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<script", "text/html"),
    (b"<svg", "image/svg+xml"),
    (b"<?xml", "application/xml"),
)
# What others are made of; the declared one is then the better word.
_MADE_OF = {
    "application/zip": re.compile(
        r"application/(vnd\.openxmlformats-officedocument\..+|vnd\.oasis\.opendocument\..+"
        r"|vnd\.ms-.+|epub\+zip|x-zip-compressed|zip|.+\+zip)"
    ),
    "application/gzip": re.compile(r"application/(x-gzip|gzip|x-tgz|x-tar|.+\+gzip)"),
    "application/x-ole-storage": re.compile(
        r"application/(msword|vnd\.ms-.+|vnd\.visio|x-msi|x-ole-storage)"
    ),
    "application/xml": re.compile(r"(application|text)/(xml|.+\+xml)|image/svg\+xml"),
    "video/webm": re.compile(r"(video|audio)/(webm|x-matroska)"),
    "video/mp4": re.compile(r"(video|audio)/(mp4|x-m4[av]|3gpp|quicktime)|image/(heic|heif|avif)"),
    "audio/ogg": re.compile(r"(audio|video|application)/ogg|audio/opus"),
    "audio/wav": re.compile(r"audio/(x-|vnd\.)?wave?"),
    "audio/mpeg": re.compile(r"audio/(mpeg|mp3)"),
    "image/jpeg": re.compile(r"image/(jpeg|jpg|pjpeg)"),
    "image/bmp": re.compile(r"image/(x-)?(ms-)?bmp"),
    "application/rtf": re.compile(r"(application|text)/rtf"),
    "application/vnd.rar": re.compile(r"application/(vnd\.rar|x-rar(-compressed)?)"),
    "text/html": re.compile(r"text/html|application/xhtml\+xml"),
    "image/svg+xml": re.compile(r"image/svg\+xml|(application|text)/xml"),
    TEXT: re.compile(
        r"text/.+|message/.+|application/(json|.+\+json|x-ndjson|xml|.+\+xml|javascript|sql|yaml"
        r"|x-yaml|toml|rtf|pgp-.+|pkcs.+|x-pem-file|ics)|image/svg\+xml"
    ),
}
_SIGNED = frozenset(kind for *_, kind in _SIGNATURES) | {kind for _, kind in _MARKUP}
_PROGRAMS = re.compile(
    r"application/(x-executable|x-msdownload|x-dosexec|x-msdos-program|x-sharedlib|x-mach-binary"
    r"|vnd\.microsoft\.portable-executable|x-sh|x-shellscript|x-bat|x-csh|x-msi|java-archive"
    r"|java-vm|x-java-applet|wasm|vnd\.android\.package-archive|hta|x-ms-shortcut)|text/x-sh"
)
SHOWN = frozenset(
    [
        "image/png",
        "image/jpeg",
        "image/gif",
        "image/webp",
        "image/avif",
        TEXT,
        "audio/mpeg",
        "audio/ogg",
        "audio/wav",
        "video/mp4",
        "video/webm",
    ]
)
"""What a browser may show without running anything of it."""


class Mismatch(Exception):
    """What was declared is not what the bytes are."""

    def __init__(self, declared: str, found: str) -> None:
        super().__init__(f"The file is declared as {declared}, and looks like {found}.")


def sniffed(head: bytes) -> str:
    """The type that the first bytes of a file tell."""
    for place, mark, kind in _SIGNATURES:
        if head[place : place + len(mark)] == mark:
            return kind
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:64].lower()
    for mark, kind in _MARKUP:
        if start.startswith(mark):
            return kind
    return TEXT if _is_text(head) else UNKNOWN


def type_of(head: bytes, declared: str | None) -> str:
    """The type that a file goes by; raises `Mismatch`."""
    found, said = sniffed(head), _plain(declared)
    if said is None or said == found:
        return found
    if found in _MADE_OF and _MADE_OF[found].fullmatch(said):
        # Said to be an SVG or a page, it has to be taken for one.
        return said
    if found == PROGRAM:
        return PROGRAM
    if found in {UNKNOWN, TEXT} and said not in _SIGNED:
        return said
    raise Mismatch(said, found)


def is_taken(kind: str, patterns: Sequence[str]) -> bool:
    """Whether files of a type are taken: those that match, or all but programs."""
    if patterns:
        return any(fnmatchcase(kind, pattern.strip().lower()) for pattern in patterns)
    return _PROGRAMS.fullmatch(kind) is None


def _plain(declared: str | None) -> str | None:
    said = (declared or "").partition(";")[0].strip().lower()
    if said in _MEANINGLESS or _DECLARED.fullmatch(said) is None:
        return None
    return said


def _is_text(head: bytes) -> bool:
    if b"\x00" in head:
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        # The last character may have been cut off.
        return len(head) == HEAD and error.start > len(head) - 4
    return True
