"""The work of sending letters."""

from dataclasses import replace
from typing import Any

from crm_api.kit.db.hashes import hasher_of
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.letters import UNSUBSCRIBE, OptOut, SendLetter, opt_out_of, values_of
from crm_api.kit.mail import Letter, Unsure
from crm_api.kit.points import email_key
from crm_api.kit.templates import language_of
from crm_api.platform.mail.rendering import rendered

_LEAVING = "leaving"
_READER = """
    SELECT o.name AS organization, coalesce(u.language, o.language) AS language
    FROM organizations o LEFT JOIN users u ON u.organization_id = o.id AND u.id = $2
    WHERE o.id = $1
"""


@runs(SendLetter, always=True)
async def send_letter(context: JobContext, message: SendLetter) -> dict[str, Any]:
    """Send a letter; tried again it may arrive twice, by the same Message-ID.

    One with an opt-out leaves once at most: before it does it is written down that it may have, and
    of what a worker that died had so written down nothing is sent any more.
    """
    organization_id = context.actor.organization_id
    async with unit_of_work(context.tx(read_only=True)) as tx:
        (reader,) = await tx.fetch(_READER, organization_id, message.user_id)
        opt_out = await _opt_out(tx, message)
    values = values_of(context.database.secrets, organization_id, message)
    link = None
    if context.pages_url is not None and "token" in values:
        # Behind the hash, so that no server on the way writes the token down.
        link = f"{context.pages_url.rstrip('/')}/{message.template}#token={values['token']}"
    given = {**values, "organization": reader["organization"], "link": link}
    subject, text = rendered(message.template, reader["language"], given)
    letter = Letter(str(message.letter_id), message.to, subject, text)
    if opt_out is None:
        return {"sent": await context.mailer.send(letter)}
    link = opt_out.url(context.database.signing_key, context.public_url, organization_id)
    return await _sent_once(context, _with_way_out(letter, link, reader["language"]))


async def _opt_out(tx: Tx, message: SendLetter) -> OptOut | None:
    found = opt_out_of(message)
    if found is None:
        return None
    return replace(found, address=(await hasher_of(tx)).of("email", email_key(message.to)))


def _with_way_out(letter: Letter, link: str, language: str) -> Letter:
    said = UNSUBSCRIBE[language_of(language)]
    headers = {
        "List-Unsubscribe": f"<{link}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Precedence": "bulk",
    }
    return replace(letter, text=f"{letter.text.rstrip()}\n\n--\n{said}: {link}\n", headers=headers)


async def _sent_once(context: JobContext, letter: Letter) -> dict[str, Any]:
    if context.job.state.get(_LEAVING):
        return {"sent": None, "failure": "uncertain"}
    await _note(context, is_leaving=True)
    try:
        return {"sent": await context.mailer.send(letter)}
    except Unsure:
        return {"sent": None, "failure": "uncertain"}
    except Exception:
        # It has not left, whatever was wrong: another try may.
        await _note(context, is_leaving=False)
        raise


async def _note(context: JobContext, *, is_leaving: bool) -> None:
    async with unit_of_work(context.tx()) as tx:
        await context.job.advance(tx, 0, state={_LEAVING: is_leaving})
