"""What the paper of an organization says of itself: address, imprint, color and logo."""

import hashlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from crm_api.kit.crud.settings import SettingsService
from crm_api.kit.db.tx import Tx
from crm_api.kit.documents.errors import BadPicture
from crm_api.kit.documents.pictures import Picture, picture
from crm_api.kit.documents.typefaces import need_drawable
from crm_api.kit.errors import Invalid
from crm_api.kit.ids import new_id
from crm_api.kit.schema import Line, Name, Schema, Shape, Short
from crm_api.platform.proposals.printing import document_of
from crm_api.platform.proposals.samples import sample

AREA = "quote_settings"
LETTERED = "letterhead.configured"
MOST_BYTES = 256_000
_LONGEST = 4 * (MOST_BYTES + 2) // 3
_TYPES = {"png": "image/png", "jpg": "image/jpeg", "svg": "image/svg+xml"}
_KEEP = """
    INSERT INTO letterhead_logos (organization_id, id, sha256, kind, content)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (organization_id, sha256) DO NOTHING RETURNING id
"""
_FIND = "SELECT kind, content FROM letterhead_logos WHERE organization_id = $1 AND sha256 = $2"
Color = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$", to_lower=True)]


class LogoInput(Schema):
    """A new logo, or the one that there is."""

    content: Annotated[str, StringConstraints(max_length=_LONGEST)] | None = Field(
        None, description=f"A PNG, JPEG or SVG of {MOST_BYTES:,} bytes at most, in base64."
    )
    sha256: Annotated[str, StringConstraints(max_length=64)] | None = Field(
        None, description="Of the logo that there is, which stays."
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.content is None) == (self.sha256 is None):
            raise ValueError("a logo has either `content` or `sha256`")
        return self


class Letterhead(Schema):
    """What proposals say of the seller, from the next version that is sent on."""

    address: Annotated[list[Name], Field(max_length=8)] = Field(
        default_factory=list,
        description="Line by line; without it the country of the organization.",
    )
    email: Line | None = None
    phone: Short | None = None
    website: Name | None = None
    imprint: Annotated[list[Annotated[list[Name], Field(max_length=5)]], Field(max_length=3)] = (
        Field(
            default_factory=list,
            description="Columns at the foot of each page: register, board, bank.",
        )
    )
    color: Color | None = Field(None, description="Of headings and lines.", examples=["#1f4e79"])
    logo: LogoInput | None = None


class LogoOut(Shape):
    """The logo that there is."""

    sha256: str
    content_type: Literal["image/png", "image/jpeg", "image/svg+xml"]
    size_bytes: int


class LetterheadOut(Shape):
    """What proposals say of the seller."""

    address: list[str]
    email: str | None
    phone: str | None
    website: str | None
    imprint: list[list[str]]
    color: str | None
    logo: LogoOut | None


class LetterheadService(SettingsService):
    """The one resource that says what the paper of an organization looks like."""

    area = AREA
    event = LETTERED
    part = "paper"

    async def replace(self, data: Letterhead) -> dict[str, Any]:
        """Have this be on what is sent from here on; raises `Undrawable`, `BadPicture`."""
        self.tx.actor.require(f"{AREA}:write")
        plain = data.model_dump(exclude={"logo"})
        need_drawable(plain)
        return await self.hold({**plain, "logo": await self._logo(data.logo)})

    async def _logo(self, given: LogoInput | None) -> dict[str, Any] | None:
        if given is None:
            return None
        if given.content is None:
            known = self.shown()["logo"]
            if known is None or known["sha256"] != given.sha256:
                message = "The logo that there is has another hash: send its content."
                raise Invalid.at("/logo/sha256", "unknown_reference", message)
            return known
        found = await _checked(given.content)
        sha256 = hashlib.sha256(found.content).hexdigest()
        own = self.tx.organization_id
        # What was sent with an earlier one is printed with that, so none is removed.
        await self.tx.write(_KEEP, own, new_id(), sha256, found.kind, found.content)
        told = {"content_type": _TYPES[found.kind], "size_bytes": len(found.content)}
        return {"sha256": sha256, **told}

    def shown(self) -> dict[str, Any]:
        """What holds now, as it is stored and told."""
        return letterhead_of(self.tx)


def letterhead_of(tx: Tx) -> dict[str, Any]:
    """What the paper of the organization says; nothing where it was never said."""
    usual = Letterhead.model_validate({}).model_dump()
    return {**usual, **tx.catalogue.paper}


async def logo_of(tx: Tx, content: Mapping[str, Any]) -> Picture | None:
    """The logo that a version was sent with."""
    paper: Mapping[str, Any] = content["seller"].get("letterhead") or {}
    if (known := paper.get("logo")) is None:
        return None
    rows = await tx.fetch(_FIND, tx.organization_id, known["sha256"])
    return Picture(rows[0]["kind"], rows[0]["content"]) if rows else None


def content_type_of(found: Picture) -> str:
    """What browsers call its kind."""
    return _TYPES[found.kind]


async def _checked(given: str) -> Picture:
    """A picture that a document was made with; raises `BadPicture`."""
    at = "/logo/content"
    try:
        content = b64decode(given, validate=True)
    except (NotBase64, ValueError):
        raise BadPicture("is not in base64", at) from None
    if len(content) > MOST_BYTES:
        raise BadPicture(f"has more than {MOST_BYTES:,} bytes", at)
    found = picture(content, at)
    try:
        await document_of(sample("en")[0], found)
    except BadPicture as error:
        raise BadPicture(error.faults[0].message, at) from None
    return found
