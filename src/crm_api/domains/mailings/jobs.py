"""What is done for mailings in the background, beside sending: tests, and their end."""

from email.utils import formataddr
from typing import Any

from crm_api.domains.conversations.repository import Channels
from crm_api.domains.mailings.actions import MailingActions
from crm_api.domains.mailings.events import SendTest
from crm_api.domains.mailings.guarding import complete_if_done
from crm_api.domains.mailings.schemas import RenderInput
from crm_api.kit.actor import Actor
from crm_api.kit.apart import Apart
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.mail import Letter
from crm_api.platform.outreach.gate import is_suppressed

_RUNNING = "SELECT organization_id, id FROM crm_mailings_running($1)"
_MOST = 10_000


@runs(SendTest)
async def send_test(context: JobContext, message: SendTest) -> dict[str, Any]:
    """Send a test; tried again it may arrive twice, by the same Message-ID."""
    async with unit_of_work(context.tx(read_only=True)) as tx:
        asked = RenderInput(
            contact_id=message.contact_id, variant=message.variant, language=message.language
        )
        actions = MailingActions(tx)
        made = await actions.render(message.mailing_id, asked)
        mailing = await actions.service.records.get(message.mailing_id)
        channel = await Channels(tx).usable(mailing.channel_id)
        if await is_suppressed(tx, message.to):
            return {"sent": False, "failure": "suppressed"}
    if channel is None:
        return {"sent": False, "failure": "no_channel"}
    letter = Letter(
        str(context.job.id),
        message.to,
        f"[Test] {made['subject']}",
        made["text"],
        html=made["html"],
        sender=formataddr((" ".join(channel.name.split()), channel.addresses[0])),
    )
    return {"sent": await context.mailer.send(letter)}


async def complete(database: Database, _files: Files) -> None:
    """Complete the mailings of which nothing is left to send."""
    apart = Apart()
    for row in await database.ask(_RUNNING, _MOST):
        await apart.do(str(row["id"]), _complete(database, row["organization_id"], row["id"]))
    apart.end()


async def _complete(database: Database, organization_id: Any, id: Any) -> None:
    actor = Actor(organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(database, actor)) as tx:
        await complete_if_done(tx, id)
