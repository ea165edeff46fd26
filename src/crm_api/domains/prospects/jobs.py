"""What becomes of forms and lists in the background."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from uuid import UUID

from crm_api.domains.prospects.events import CountList, DistributeList, RecallList, SendConfirmation
from crm_api.domains.prospects.following import count
from crm_api.domains.prospects.forms import LeadFormService, LeadSubmissionService, confirm_token
from crm_api.domains.prospects.repository import supplier_of
from crm_api.domains.prospects.sharing import SLICE, Sharing, Step
from crm_api.domains.prospects.words import PACKAGE
from crm_api.kit.actor import Actor
from crm_api.kit.db.queued import absorb
from crm_api.kit.db.tx import Tx, unit_of_work
from crm_api.kit.documents.languages import language
from crm_api.kit.jobs import JobContext, runs
from crm_api.kit.links.looks import preferred
from crm_api.kit.mail import Letter
from crm_api.kit.templates import templates_of
from crm_api.platform.outreach.gate import is_suppressed


@runs(SendConfirmation)
async def send_confirmation(context: JobContext, message: SendConfirmation) -> dict[str, Any]:
    """Write to whoever has sent a form; tried again it may arrive twice, with the same link."""
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(context.database, actor, read_only=True)) as tx:
        sent = await LeadSubmissionService(tx).records.find(message.submission_id)
        form = None if sent is None else await LeadFormService(tx).records.find(sent.form_id)
        if sent is None or form is None or sent.status != "pending":
            return {"sent": False}
        # Whoever has the address may have been named by somebody else.
        asked = {one["purpose"] for one in sent.consents}
        if await is_suppressed(tx, sent.answers["email"], asked):
            return {"sent": False, "reason": "suppressed"}
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


@runs(DistributeList)
async def distribute_list(context: JobContext, message: DistributeList) -> dict[str, Any]:
    """Share a list out, a slice in each transaction, which proves the lease of the job.

    Where it stands is in the members: another try, or after it was cancelled another run, goes on
    with whom nobody has.
    """

    async def give(sharing: Sharing, ids: Sequence[UUID]) -> Step:
        return await sharing.give(message.list_id, message.run, ids)

    done, given = await _in_slices(context, message, give, verb="given")
    return {"given": given, "left": done - given}


@runs(CountList)
async def count_list(context: JobContext, message: CountList) -> dict[str, Any]:
    """Have a list tell how many are given and accepted, and how often they came back."""
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    async with unit_of_work(Tx(context.database, actor, cause_id=context.job.id)) as tx:
        # Many that come back at once are counted once.
        await absorb(tx, CountList.kind, context.job.id, message.args())
        return await count(tx, message.list_id)


@runs(RecallList)
async def recall_list(context: JobContext, message: RecallList) -> dict[str, Any]:
    """Take back what was given by a list, a slice in each transaction."""

    async def take(sharing: Sharing, ids: Sequence[UUID]) -> Step:
        return await sharing.take_back(
            message.list_id,
            message.run,
            ids,
            message.reason,
            includes_accepted=message.includes_accepted,
        )

    done, taken = await _in_slices(context, message, take, verb="recalled")
    return {"recalled": taken, "kept": done - taken}


async def _in_slices(
    context: JobContext,
    message: DistributeList | RecallList,
    work: Callable[[Sharing, Sequence[UUID]], Awaitable[Step]],
    *,
    verb: str,
) -> tuple[int, int]:
    """Go through whom the run has not looked at; how many there were, and how many were done.

    Members whose lead was merged while it was waited for are gone through after the others.
    """
    state = context.job.state
    looked_at, done = int(state.get("looked_at", 0)), int(state.get("done", 0))
    # Not in the name of who asked for it, who may not see whom the leads go to.
    actor = Actor(context.actor.organization_id, "system", scopes=frozenset({"*"}))
    while True:
        async with unit_of_work(Tx(context.database, actor)) as tx:
            recalls = verb == "recalled"
            due = await Sharing(tx).due(message.list_id, message.run, recalls=recalls)
            total = looked_at + len(due)
            await context.job.advance(tx, looked_at, total)
        for start in range(0, len(due), SLICE[verb]):
            ids = due[start : start + SLICE[verb]]
            async with unit_of_work(Tx(context.database, actor, cause_id=context.job.id)) as tx:
                step = await work(Sharing(tx), ids)
                looked_at, done = looked_at + step.looked_at, done + step.done
                stands = {"looked_at": looked_at, "done": done}
                await context.job.advance(tx, looked_at, total, state=stands)
        if looked_at == total:
            return looked_at, done
