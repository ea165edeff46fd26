"""What becomes of forms and lists in the background."""

from typing import Any

from crm_api.domains.prospects.events import SendConfirmation
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService, confirm_token
from crm_api.domains.prospects.repository import supplier_of
from crm_api.domains.prospects.words import PACKAGE
from crm_api.kit.actor import Actor
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.documents.languages import language
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.links.looks import preferred
from crm_api.kit.mail import Letter
from crm_api.kit.templates import templates_of


@runs(SendConfirmation)
async def send_confirmation(context: JobContext, message: SendConfirmation) -> dict[str, Any]:
    """Write to whoever has sent a form; tried again it may arrive twice, with the same link."""
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(context.database, actor, read_only=True)) as tx:
        sent = await LeadSubmissionService(tx).records.find(message.submission_id)
        form = None if sent is None else await LeadFormService(tx).records.find(sent.form_id)
        if sent is None or form is None or sent.status != "pending":
            return {"sent": False}
        supplier = await supplier_of(tx)
        token = confirm_token(tx, sent.id)
    tag = preferred(sent.language or supplier["language"], PACKAGE)
    words = language(PACKAGE, tag)
    text = (
        templates_of(PACKAGE)
        .get_template("letter.txt")
        .render(
            say=words.labels,
            title=form.title,
            supplier=supplier["name"],
            link=f"{context.public_url}/public/lead-confirmations/{token}/page",
        )
    )
    subject = f"{words.label('letter_subject')}: {form.title}"
    letter = Letter(str(sent.id), sent.answers["email"], subject, text)
    return {"sent": await context.mailer.send(letter)}
