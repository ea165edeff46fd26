"""Mailings as a part of the product."""

from crm_api.domains.campaigns.actions import CampaignActions
from crm_api.domains.campaigns.audience import Audience
from crm_api.domains.campaigns.converting import KINDS, Sending
from crm_api.domains.campaigns.deciding import Decisions
from crm_api.domains.campaigns.membership import CampaignMembership
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.conversations.receiving import Inbox
from crm_api.domains.mailings.actions import AUTO_PAUSED, WAYS, follow_campaign, queue_the_rest
from crm_api.domains.mailings.converting import MAIL_KINDS, SENDING
from crm_api.domains.mailings.jobs import complete, send_test
from crm_api.domains.mailings.keeping import forget_person, forget_purged
from crm_api.domains.mailings.progress import TOPICS
from crm_api.domains.mailings.reporting import heed_report
from crm_api.domains.mailings.results import contacted, of_members, refused, sought
from crm_api.domains.mailings.schemas import MailingHappened
from crm_api.domains.mailings.sending import Sender
from crm_api.domains.mailings.service import MailingService
from crm_api.domains.mailings.settings import CONFIGURED, SETTINGS_AREA
from crm_api.domains.mailings.steps import SendMailing
from crm_api.domains.mailings.terms import KEY as MAILED
from crm_api.domains.mailings.terms import Mailed
from crm_api.domains.mailings.touching import TOUCHES
from crm_api.domains.segments.ways import SOURCES as HEARD
from crm_api.kit.access import Managed
from crm_api.kit.crud.guards import Guarded
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.jobs import Chore, Watch
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Told
from crm_api.kit.touchpoints import Party, Touchpoint

Guarded.purged.append(forget_purged)
Inbox.reporters.append(heed_report)
CampaignActions.followed.append(follow_campaign)
Decisions.followed.append(queue_the_rest)
Sending.area, Sending.is_told, Sending.sent = SENDING
KINDS.update(MAIL_KINDS)
CONTACTS.know(MAILED, Mailed())
HEARD[MAILED] = (TOPICS, None)
Audience.refused.append(refused)
CampaignMembership.reached.append(of_members)
CampaignMembership.sought.append(sought)
CampaignMembership.contacted.append(contacted)
_CONTACT = (Party("id", "contact"),)
_BY_THEM = ("mailing.clicked", "mailing.unsubscribed", "mailing.complained")


def _faces() -> Faces:
    from crm_api.domains.mailings import public_rest
    from crm_api.domains.mailings.graphql import MUTATIONS, QUERIES
    from crm_api.domains.mailings.rest import ROUTERS

    return Faces(routers=[*ROUTERS, *public_rest.ROUTERS], queries=QUERIES, mutations=MUTATIONS)


MODULE = Module(
    key="mailings",
    title="Mailings",
    description="Mail to many: templates, sending, bounces, complaints, opens and clicks.",
    depends_on=["contacts", "companies", "segments", "conversations", "campaigns"],
    faces=_faces,
    areas=[SETTINGS_AREA],
    managed={SETTINGS_AREA: Managed("manage_settings")},
    jobs=[send_test],
    chores=[Chore("mailings.complete", complete, every_s=10)],
    watches=[Watch("mailings.send", Sender)],
    events=[
        *(f"mailing.{one.event}" for one in WAYS.values()),
        AUTO_PAUSED,
        CONFIGURED,
        *TOPICS,
    ],
    told={topic: Told("contact", MailingHappened) for topic in TOPICS},
    actions=[SendMailing],
    services=[MailingService],
    touchpoints=[
        Touchpoint("mailing.sent", "advertising", _CONTACT, "out", kind="email"),
        *(Touchpoint(one, "advertising", _CONTACT, "in", kind="email") for one in _BY_THEM),
    ],
    touches=TOUCHES,
    traces=[
        Trace(
            "mailings",
            ("mailing_sends", "mailing_hits"),
            forget_person,
            rows_of(
                mailing_sends="contact_id = ANY($2)",
                mailing_hits="send_id IN (SELECT id FROM mailing_sends WHERE organization_id = $1 AND contact_id = ANY($2))",
            ),
        )
    ],
)
