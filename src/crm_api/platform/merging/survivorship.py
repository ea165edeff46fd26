"""Which value of which record survives a merge: pure rules, each with where its value is from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

Values = Mapping[str, Any]
Rule = Literal["kept", "filled", "chosen", "united"]

# A person who opted out by one copy of an address has opted out of it.
_STRICTEST = {"ok": 0, "bounced": 1, "invalid": 2, "opted_out": 3}


@dataclass(frozen=True)
class Source:
    """Where the value of a field comes from."""

    rule: Rule
    ids: tuple[UUID, ...]


@dataclass
class Survivors:
    """The values of the record that is left, and their sources."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    sources: dict[str, Source] = field(default_factory=dict[str, Source])

    def put(self, name: str, value: Any, source: Source) -> None:
        """Let a value survive."""
        self.values[name] = value
        if value not in (None, [], {}):
            self.sources[name] = source
        else:
            self.sources.pop(name, None)


def survive(
    records: Sequence[Values],
    fields: Sequence[str],
    together: Sequence[tuple[str, ...]],
    choices: Mapping[str, UUID],
) -> Survivors:
    """The values that are left of some records, the winner first.

    A choice goes before everything. Else the winner keeps what it has and its blanks are filled
    from the losers, the one that was changed last first; lists and dictionaries are united. Fields
    that belong together come from one record.
    """
    winner, *losers = records
    ranked = [winner, *sorted(losers, key=lambda r: (r["updated_at"], r["id"]), reverse=True)]
    by_id = {record["id"]: record for record in records}
    found = Survivors()
    done: set[str] = set()
    for group in together:
        chosen = next((choices[name] for name in group if name in choices), None)
        filled = next((r for r in ranked if any(r[n] is not None for n in group)), winner)
        source = filled if chosen is None else by_id[chosen]
        for name in group:
            found.put(name, source[name], _source(source, winner, chosen))
        done.update(group)
    for name in fields:
        if name in choices and name not in done:
            found.put(name, by_id[choices[name]][name], Source("chosen", (choices[name],)))
        elif name not in done:
            _by_rule(found, name, ranked)
    return found


def _source(record: Values, winner: Values, chosen: UUID | None) -> Source:
    if chosen is not None:
        return Source("chosen", (chosen,))
    return Source("kept" if record is winner else "filled", (record["id"],))


def _by_rule(found: Survivors, name: str, ranked: Sequence[Values]) -> None:
    giving = [record for record in ranked if record[name] not in (None, [], {})]
    if not giving:
        found.put(name, ranked[0][name], Source("kept", ()))
        return
    values = [record[name] for record in giving]
    if isinstance(values[0], dict):
        united: Any = {key: v for value in reversed(values) for key, v in value.items()}
    elif isinstance(values[0], list):
        united = _united(values)
    else:
        found.put(name, values[0], _source(giving[0], ranked[0], None))
        return
    if united == ranked[0][name]:
        found.put(name, united, Source("kept", (ranked[0]["id"],)))
    else:
        found.put(name, united, Source("united", tuple(record["id"] for record in giving)))


def _united(lists: Sequence[Sequence[Any]]) -> list[Any]:
    """The items of some lists without repeats; only the first list's primary one stays primary."""
    found: dict[Any, Any] = {}
    for number, items in enumerate(lists):
        for item in items:
            key = _identity(item)
            if key not in found:
                found[key] = {**item, "primary": False} if number and _marked(item) else item
            elif isinstance(item, dict) and "status" in item:
                found[key] = {**found[key], "status": _stricter(found[key], item)}
    return list(found.values())


def _marked(item: Any) -> bool:
    return isinstance(item, dict) and bool(item.get("primary"))


def _stricter(one: Values, other: Values) -> str:
    return max(one["status"], other["status"], key=lambda status: _STRICTEST.get(status, 0))


def _identity(item: Any) -> Any:
    if not isinstance(item, dict):
        return item
    if "value" in item:
        return item["value"].lower()
    return tuple(sorted((k, v) for k, v in item.items() if k not in {"primary", "kind"} and v))


def returned(current: Any, before: Any, after: Any) -> Any:
    """A value without what a merge made of it, keeping what was changed since.

    Untouched, it is exactly what it was before the merge; a list or dictionary that grew since
    loses what the merge added; where that is still there, a list regains at its end what it took
    the place of; any other later change stays.
    """
    if current == after:
        return before
    if isinstance(current, list) and isinstance(after, list):
        old = {_identity(item) for item in before or ()}
        new = {_identity(item) for item in after}
        here, added = {_identity(item) for item in current}, new - old
        kept = [item for item in current if _identity(item) not in added]
        if here.isdisjoint(added or new):
            return kept
        return [*kept, *(item for item in before or () if _identity(item) not in new | here)]
    if isinstance(current, dict) and isinstance(after, dict):
        was: Values = before or {}
        return {
            key: was[key] if key in was and value == after.get(key) else value
            for key, value in current.items()
            if key in was or key not in after or value != after[key]
        }
    return current
