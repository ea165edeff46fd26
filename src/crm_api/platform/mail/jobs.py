"""The work of sending letters."""

from typing import Any

from crm_api.kit.db.tx import unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.letters import SendLetter, values_of
from crm_api.kit.mail import Letter
from crm_api.platform.mail.rendering import rendered

_READER = """
    SELECT o.name AS organization, coalesce(u.language, o.language) AS language
    FROM organizations o LEFT JOIN users u ON u.organization_id = o.id AND u.id = $2
    WHERE o.id = $1
"""


@runs(SendLetter, always=True)
async def send_letter(context: JobContext, message: SendLetter) -> dict[str, Any]:
    """Send a letter; tried again it may arrive twice, by the same Message-ID."""
    organization_id = context.actor.organization_id
    async with unit_of_work(context.tx(read_only=True)) as tx:
        (reader,) = await tx.fetch(_READER, organization_id, message.user_id)
    values = values_of(context.database.secrets, organization_id, message)
    link = None
    if context.pages_url is not None and "token" in values:
        # Behind the hash, so that no server on the way writes the token down.
        link = f"{context.pages_url.rstrip('/')}/{message.template}#token={values['token']}"
    given = {**values, "organization": reader["organization"], "link": link}
    subject, text = rendered(message.template, reader["language"], given)
    letter = Letter(str(message.letter_id), message.to, subject, text)
    return {"sent": await context.mailer.send(letter)}
