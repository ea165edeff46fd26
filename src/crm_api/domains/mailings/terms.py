"""What filters ask of mails: who was sent, opened, clicked or answered one, and whose came back."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Uuid, select
from sqlalchemy.orm import aliased

from crm_api.domains.mailings.models import Mailing, MailingSend
from crm_api.domains.mailings.repository import AREA, MAILINGS
from crm_api.domains.segments.terms import (
    done_so_often,
    read_count,
    read_moment,
    read_object,
    read_since,
)
from crm_api.kit.db.base import Instant
from crm_api.kit.query.mistakes import fault
from crm_api.kit.query.terms import TermBinds, TermReader
from crm_api.kit.query.visibility import ORGANIZATION, living, seen, sight_of

KEY = "mailed"
HAPPENED = (
    *("sent", "delivered", "opened", "clicked"),
    *("replied", "bounced", "unsubscribed", "complained"),
)
_OF = ("mailing_id", "campaign_id")
_KNOWN = frozenset({"did", "did_not", "within", "since", "until", "count", *_OF})


class Mailed:
    """`{"did": "opened", "campaign_id": ID, "within": "30d", "count": {"gte": 2}}`: of their mails.

    Shape: (did | did_not, what happened, sight, has mailing, has campaign, has since, has until,
    operator | None). Each mail counts once, when it happened to it first; of mailings that are seen,
    and not in the bin.
    """

    def read(self, reader: TermReader, value: Any, at: str) -> tuple[Any, ...]:
        """Read it; raises `Forbidden` where mailings may not be read."""
        reader.actor.require(f"{AREA}:read")
        if isinstance(value, str):
            value = {"did": value}
        source = read_object(value, at, _KNOWN, wanted="Say what became of mails.")
        told = [key for key in ("did", "did_not") if key in source]
        if len(told) != 1:
            raise fault(at, "invalid_filter", "Say did or did_not.")
        how, what = told[0], source[told[0]]
        if what not in HAPPENED:
            raise fault(f"{at}/{how}", "invalid_value", f"Say {', '.join(HAPPENED)}.")
        of = tuple(_id(reader, source, name, at) for name in _OF)
        since = read_since(reader, source, at)
        until = read_moment(reader, source.get("until"), f"{at}/until")
        operator = read_count(reader, source, at, is_done=how == "did")
        sight = sight_of(reader.actor, MAILINGS)
        return how, what, sight, *of, since, until, operator

    def condition(self, asked: tuple[Any, ...], row: Any, binds: TermBinds) -> ColumnElement[bool]:
        """The condition on a contact."""
        how, what, sight, of_mailing, of_campaign, since, until, operator = asked
        send, mailing = aliased(MailingSend), aliased(Mailing)
        at = getattr(send, f"{what}_at")
        query = select(1).where(
            send.organization_id == ORGANIZATION, send.contact_id == row.id, at.is_not(None)
        )
        if of_mailing:
            query = query.where(send.mailing_id == binds.next(Uuid()))
        visible = seen(MAILINGS, mailing, sight)
        if visible is None and not of_campaign:
            # Those in the bin are few: asked of so, counts need not look each mailing up.
            binned = select(mailing.id).where(
                mailing.organization_id == ORGANIZATION, mailing.deleted_at.is_not(None)
            )
            query = query.where(send.mailing_id.not_in(binned))
        else:
            known = select(mailing.id).where(*living(MAILINGS, mailing))
            if visible is not None:
                known = known.where(visible)
            if of_campaign:
                known = known.where(mailing.campaign_id == binds.next(Uuid()))
            query = query.where(send.mailing_id.in_(known))
        if since:
            query = query.where(at >= binds.next(Instant))
        if until:
            query = query.where(at < binds.next(Instant))
        return done_so_often(query, how, operator, row, binds)


def _id(reader: TermReader, source: Mapping[str, Any], name: str, at: str) -> bool:
    if name not in source:
        return False
    try:
        id = UUID(str(source[name]))
    except ValueError:
        raise fault(f"{at}/{name}", "invalid_value", "Not a UUID.") from None
    reader.keep(id, str(id))
    return True
