"""Stages with what of their pipelines deals go by: how they are read."""

from collections.abc import Mapping, Sequence
from typing import Any

from crm_api.kit.db.json import decode

Ground = Mapping[str, Any]
"""A stage with what of its pipeline deals go by."""
_GROUNDS = """
    SELECT s.id, s.pipeline_id, s.name, s.kind, s.position, s.probability, s.forecast_category,
        s.required_fields, s.entry_criteria, s.exit_criteria, s.checklist, s.rotting_days,
        s.required_artefacts, s.approval_purpose, s.wip_limit, s.required_roles,
        p.name AS pipeline_name, p.is_default, p.graph, p.currency, p.is_archived,
        p.next_step_policy, p.win_needs, p.reopen_needs_reason,
        o.currency AS own
    FROM stages s
    JOIN pipelines p ON p.organization_id = s.organization_id AND p.id = s.pipeline_id
    JOIN organizations o ON o.id = s.organization_id
    WHERE s.organization_id = $1 AND s.deleted_at IS NULL AND p.deleted_at IS NULL AND {which}
    ORDER BY s.position, s.id
"""
# Whoever takes a stage away waits for those who put deals into it, and they for them.
_GROUND = f"{_GROUNDS} LIMIT 1 FOR KEY SHARE OF s, p"
STAGE = _GROUND.format(which="s.id = $2")
FIRST = _GROUND.format(which="s.kind = $2 AND p.id = $3")
DEFAULT = _GROUND.format(which="s.kind = $2 AND p.is_default")
OF_PIPELINE = _GROUNDS.format(which="p.id = $2")
EVERY = _GROUNDS.format(which="true")
_JSON = (
    *("required_fields", "entry_criteria", "exit_criteria", "checklist", "required_artefacts"),
    "required_roles",
)


def ground(row: Any) -> Ground:
    """A row as it is used."""
    return {**row, **{name: decode(row[name]) for name in _JSON}}


def first(rows: Sequence[Any]) -> Ground | None:
    """The first row, if there is one."""
    return ground(rows[0]) if rows else None
