"""People who take back, by the link of a letter, that they are written to for a purpose."""

import contextlib
from uuid import UUID

from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Invalid
from crm_api.kit.templates import language_of, templates_of
from crm_api.platform.outreach.schemas import Evidence, WithdrawalInput
from crm_api.platform.outreach.service import ConsentService

_LEADS_TO = """
    WITH RECURSIVE path AS (
        SELECT $2::uuid AS id, 0 AS step
        UNION ALL SELECT r.target_id, step + 1 FROM path JOIN record_redirects r
        ON r.organization_id = $1 AND r.record_id = path.id AND step < 1000)
    SELECT id FROM path ORDER BY step DESC LIMIT 1
"""


async def withdraw(
    tx: Tx, person_id: UUID, purpose: str, source: str, *, target: str = "contact"
) -> None:
    """Have a person, whatever they were merged into, not be written to by mail for a purpose."""
    ((whom,),) = await tx.fetch(_LEADS_TO, tx.organization_id, person_id)
    data = WithdrawalInput(
        target=target,
        record_id=whom,
        purpose=purpose,
        channel="email",
        evidence=Evidence(source=source, ip=None, user_agent=None, note=None),
    )
    # Those who are in the bin or gone have said nothing more.
    with contextlib.suppress(Invalid):
        async with tx.atomic():
            await ConsentService(tx).withdraw(data)


def page_of(language: str, purpose: str, *, done: bool) -> str:
    """The page that asks whether somebody means it, or says that it is done."""
    name = f"unsubscribe.{language_of(language)}.html"
    template = templates_of("crm_api.platform.outreach").get_template(name)
    return template.render(done=done, purpose=purpose)
