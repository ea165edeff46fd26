"""The page of what was delivered, with forms that need no scripts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Request

from crm_api.domains.delivery_links.door import DeliveryDoor
from crm_api.domains.delivery_links.schemas import DeliveryAcceptance, DeliveryRefusal
from crm_api.kit.documents.languages import Language, language
from crm_api.kit.errors import CrmError, Invalid
from crm_api.kit.links.looks import preferred, style, worded
from crm_api.kit.links.paging import fields_of, filled
from crm_api.kit.templates import templates_of

PACKAGE = "crm_api.domains.delivery_links"
_SHAPES = {"accept": DeliveryAcceptance, "reject": DeliveryRefusal}
_DONE = {"accept": "already_accepted", "reject": "already_rejected"}


@dataclass(frozen=True)
class Form:
    """What a browser has sent."""

    do: str
    id: UUID
    values: Mapping[str, str]

    @classmethod
    def of(cls, body: bytes) -> Self:
        """Read it; raises `Invalid`."""
        values = dict(fields_of(body))
        try:
            id = UUID(values.get("deliverable", ""))
        except ValueError:
            raise Invalid("The form cannot be read.") from None
        do = values.get("do", "")
        if do not in _SHAPES:
            raise Invalid.at("/do", "unknown_action", "The form says nothing that can be done.")
        return cls(do, id, values)

    async def carry_out(self, door: DeliveryDoor) -> None:
        """Do what it says; raises `Invalid`, and what the door does."""
        shape = _SHAPES[self.do]
        given = {n: value for n in shape.model_fields if (value := self.values.get(n))}
        await getattr(door, self.do)(self.id, filled(shape, given))

    def is_done_by(self, error: CrmError) -> bool:
        """Whether the same was said before, by the same link: somebody clicked twice."""
        return error.own_code == _DONE[self.do] and bool(error.details.get("by_this_link"))


async def page_of(
    door: DeliveryDoor,
    request: Request,
    form: Form | None,
    error: CrmError | None,
) -> str:
    """The page, with what was given to a form and what is wrong with it."""
    found = await door.read(None if form else "page")
    words = language(PACKAGE, preferred(request.headers.get("accept-language"), PACKAGE))
    zone = ZoneInfo(door.tx.actor.time_zone)
    template = templates_of(PACKAGE).get_template("page.html")
    return template.render(
        style=style(),
        tag=words.tag,
        say=words.labels,
        found=found,
        items=[_item(one, words, zone) for one in found["deliverables"]],
        until=words.day(found["expires_at"].astimezone(zone).date()),
        error=None if error is None else worded(words, error),
        form=form,
    )


def _item(one: Mapping[str, Any], words: Language, zone: ZoneInfo) -> dict[str, Any]:
    state = None
    if one["status"] in {"accepted", "rejected"}:
        day = words.day(one["decided_at"].astimezone(zone).date())
        state = words.label(f"is_{one['status']}", day=day, name=one["decided_by"] or "-")
    delivered = one["delivered_on"]
    return {
        **one,
        "state": state,
        "amount": words.quantity(one["delivered_quantity"]),
        "of": words.quantity(one["quantity"]),
        "day": None if delivered is None else words.day(delivered),
    }
