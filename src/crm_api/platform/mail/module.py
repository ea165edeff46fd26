"""Letters as a part of the product."""

from crm_api.kit.module import Module
from crm_api.platform.mail.jobs import send_letter

MODULE = Module(
    key="mail",
    title="Letters",
    description="What the service writes to members by e-mail.",
    switchable=False,
    jobs=[send_letter],
)
