"""What files and attachments look like from outside."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, Field, StringConstraints

from crm_api.kit.schema import Cleaned, Create, Name, Out, Prose, Schema, Shape, patch_of

LONGEST_LINK_S = 604_800


def _one_name(value: str) -> str:
    if not value.isprintable() or "/" in value or "\\" in value or value in {".", ".."}:
        raise ValueError("a name of a file is one line without slashes")
    return value


FileName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    Cleaned,
    AfterValidator(_one_name),
    Field(examples=["offer.pdf"]),
]


class FileOut(Shape):
    """Bytes that were sent."""

    id: UUID
    filename: str
    content_type: str = Field(description="As it was declared, if what is in it does not say else.")
    size_bytes: int
    sha256: str = Field(description="Of its bytes, in hexadecimal digits.")
    expires_at: datetime = Field(description="By then it is gone, unless it is attached.")


class AttachmentFields(Create):
    """What may be said of an attachment."""

    filename: FileName
    description: Prose | None = None


class AttachmentCreate(Create):
    """A file for a record."""

    file_id: UUID = Field(
        description="One that you have sent, or that is attached to a record that you see."
    )
    target: Name = Field(description="The kind of record, such as `contact`.")
    record_id: UUID
    filename: FileName | None = Field(None, description="That of the file, when it is left out.")
    description: Prose | None = None


AttachmentUpdate = patch_of("AttachmentUpdate", AttachmentFields)


class AttachmentOut(Out):
    """A file of a record."""

    target: str = Field(description="The kind of record, such as `contact`.")
    record_id: UUID
    file_id: UUID = Field(description="Its bytes, which other records may have as well.")
    filename: str
    content_type: str
    size_bytes: int
    sha256: str = Field(description="Of its bytes, in hexadecimal digits.")
    description: str | None


class LinkInput(Schema):
    """How long a link is to open a file."""

    expires_in: int = Field(3_600, ge=1, le=LONGEST_LINK_S, description="Seconds.")
    inline: bool = Field(
        False, description="Whether a browser shows it, if it is of a kind that can do no harm."
    )


class AttachmentLinkOut(Shape):
    """Where a file can be had for a while, by whoever has the link."""

    url: str = Field(description="A path of this service; takes no credential.")
    expires_at: datetime
