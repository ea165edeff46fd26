"""The rules of SLA policies."""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar
from uuid import UUID

from crm_api.domains.cases.events import recompute_clocks
from crm_api.domains.cases.models import SlaPolicy
from crm_api.domains.cases.repository import CASES, SlaPolicies
from crm_api.domains.cases.schemas import SlaPolicyCreate, SlaPolicyUpdate
from crm_api.kit.crud.named import NamedService
from crm_api.kit.crud.personal import Impersonal
from crm_api.kit.db.json import decode, encode
from crm_api.kit.db.states import have_derived
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Fault, Invalid
from crm_api.kit.query.conditions import check

_MATTERS = frozenset(
    (
        *("position", "is_active", "filter", "targets", "calendar_id", "pause_statuses"),
        *("escalations", "deleted_at"),
    )
)
CLOCKED = frozenset({"activity", "case"})
_KNOWN = """
    SELECT (SELECT coalesce(array_agg(id), '{}') FROM users
            WHERE organization_id = $1 AND id = ANY($2) AND deleted_at IS NULL
                AND status <> 'suspended') AS users,
        (SELECT coalesce(array_agg(id), '{}') FROM teams
            WHERE organization_id = $1 AND id = ANY($3) AND deleted_at IS NULL) AS teams
"""


class SlaPolicyService(NamedService[SlaPolicy]):
    """How soon cases are answered and resolved."""

    repository = SlaPolicies
    area = "sla_policies"
    plural = "sla_policies"
    personal = Impersonal("How the organization works.")
    create_shape = SlaPolicyCreate
    update_shape = SlaPolicyUpdate
    stored_as_json: ClassVar[tuple[str, ...]] = ("targets", "escalations", "pause_statuses")
    records: SlaPolicies

    async def prepare(self, values: dict[str, Any], current: SlaPolicy | None) -> dict[str, Any]:
        """A policy fits cases, and those whom its steps name are there."""
        values = await super().prepare(values, current)
        for name in self.stored_as_json:
            if name in values:
                values[name] = decode(encode(values[name] or []))
        if "filter" in values:
            check(self.tx, CASES, values["filter"])
        if "escalations" in values:
            await _need_named(self.tx, values["escalations"])
        if current is None:
            await have_derived(self.tx, CLOCKED)
        return values

    def add(self, values: dict[str, Any]) -> Any:
        """Cases go by it soon."""
        recompute_clocks(self.tx)
        return super().add(values)

    async def change(
        self,
        current: SlaPolicy,
        values: Mapping[str, Any],
        *,
        verb: str = "updated",
        told: Mapping[str, Any] | None = None,
    ) -> Any:
        """Cases go by it soon."""
        if any(getattr(current, name) != values[name] for name in _MATTERS & values.keys()):
            recompute_clocks(self.tx)
        return await super().change(current, values, verb=verb, told=told)


async def _need_named(tx: Tx, steps: Iterable[Mapping[str, Any]]) -> None:
    """Raise `Invalid` where a step names a user or a team that is not there."""
    users: dict[str, str] = {}
    teams: dict[str, str] = {}
    for place, step in enumerate(steps):
        at = f"/escalations/{place}"
        lists = {"users": step["notify"], "teams": step["notify_teams"]}
        for named, (where, ids) in zip((users, teams), lists.items(), strict=True):
            field = "notify" if where == "users" else "notify_teams"
            named.update({f"{at}/{field}/{n}": id for n, id in enumerate(ids)})
        if step["reassign_to"] is not None:
            users[f"{at}/reassign_to"] = step["reassign_to"]
        if step["reassign_to_team"] is not None:
            teams[f"{at}/reassign_to_team"] = step["reassign_to_team"]
    if not (users or teams):
        return
    args = [[UUID(id) for id in named.values()] for named in (users, teams)]
    (known,) = await tx.fetch(_KNOWN, tx.organization_id, *args)
    faults = [
        Fault("unknown_reference", f"There is no such {word}.", pointer)
        for word, named, found in (
            ("user", users, known["users"]),
            ("team", teams, known["teams"]),
        )
        for pointer, id in named.items()
        if UUID(id) not in found
    ]
    if faults:
        raise Invalid(faults[0].message, faults=faults)
