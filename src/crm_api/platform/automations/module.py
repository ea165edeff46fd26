"""Automation as a part of the product."""

from collections.abc import Iterable

from crm_api.kit.access import Managed
from crm_api.kit.crud.personal import Trace, rows_of
from crm_api.kit.crud.sight import Services
from crm_api.kit.jobs import Chore, Watch, forgetting
from crm_api.kit.module import Faces, Module
from crm_api.kit.parts import Use
from crm_api.platform.automations.actions import ACTIONS
from crm_api.platform.automations.definitions import STEPS, TRIGGERS
from crm_api.platform.automations.events import EVENTS
from crm_api.platform.automations.jobs import FORGET, begin_runs, settle_stranded, take_steps
from crm_api.platform.automations.service import AutomationService, Restored, wipe_runs
from crm_api.platform.automations.triggers import TRIGGERS as BUILT_IN
from crm_api.platform.automations.triggers import EventTrigger, Knows
from crm_api.platform.automations.watching import Clockwork, FanOut

_ABOUT = """
    SELECT count(*) AS n FROM automations
    WHERE organization_id = $1 AND target = ANY($2) AND status = 'active' AND deleted_at IS NULL
"""


def _faces() -> Faces:
    from crm_api.platform.automations.graphql import MUTATIONS, QUERIES
    from crm_api.platform.automations.rest import automations, public, runs, vocabulary

    return Faces(
        routers=[vocabulary, automations, runs, public],
        queries=QUERIES,
        mutations=MUTATIONS,
    )


MODULE = Module(
    key="automations",
    title="Automation",
    description="Rules: what begins them, and what they then do, step by step.",
    switchable=False,
    events=EVENTS,
    faces=_faces,
    jobs=[take_steps, begin_runs],
    chores=[
        Chore("settle runs", settle_stranded, every_s=30),
        Chore("forget runs", forgetting(FORGET)),
    ],
    watches=[Watch("automation events", FanOut), Watch("automation clock", Clockwork, hears=False)],
    services=[AutomationService],
    managed={"automations": Managed("manage_settings", secret=True)},
    uses=[Use("automations", _ABOUT)],
    traces=[
        Trace(
            "automation_runs",
            ("automation_runs", "automation_steps"),
            wipe_runs,
            rows_of(
                automation_runs="record_id = ANY($2)",
                automation_steps="run_id IN (SELECT id FROM automation_runs WHERE organization_id = $1 AND record_id = ANY($2))",
            ),
        )
    ],
    triggers=BUILT_IN,
    actions=ACTIONS,
)


def equip(modules: Iterable[Module], services: Services, knows: Knows, restored: Restored) -> None:
    """Let rules be made of what these modules add, about these records, for these events."""
    for module in modules:
        TRIGGERS.update((_word(shape, "type"), shape) for shape in module.triggers)
        STEPS.update((_word(shape, "action"), shape) for shape in module.actions)
    FanOut.services = services
    EventTrigger.knows = staticmethod(knows)
    AutomationService.restored = staticmethod(restored)


def _word(shape: type, key: str) -> str:
    """The one value of a `Literal` field."""
    (word,) = shape.model_fields[key].annotation.__args__  # pyright: ignore
    return word
