"""What links have in common from outside, whatever they open."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import Field

from crm_api.kit import clock
from crm_api.kit.schema import Create, Name, Shape


class LinkFields(Create):
    """What is said of a link; its end, which a link has as well, is `ending`."""

    contact_id: UUID | None = Field(None, description="Whom it is given to.")
    label: Name | None = Field(None, description="Whom or what it is for, in one's own words.")


def ending(days: int) -> Any:
    """When a link ends; so many days from now, unless it is said."""
    return Field(
        default_factory=lambda: clock.now() + timedelta(days=days),
        description=f"From when on it opens nothing; {days} days from now without it.",
    )


class LinkMade(Shape):
    """What is told of a new link besides."""

    token: str = Field(description="What opens it; shown this once.")
    path: str = Field(description="Where its page is, below the address of this service.")
