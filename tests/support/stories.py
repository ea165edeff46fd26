"""The story of a customer: what is seen of them after each step, and of each step afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from crm_api.kit import clock
from support.clients import Api
from support.waiting import patiently

Body = dict[str, Any]
Entry = tuple[str, str, str | None]
"""Of a timeline: topic, department and direction."""
SHOWN: Mapping[str, Sequence[str]] = {
    "open_deals": ("name", "amount"),
    "pipeline": ("currency", "count", "amount"),
    "won": ("currency", "count", "amount"),
    "open_quotes": ("name", "status", "gross"),
    "open_orders": ("name", "status", "gross"),
    "ordered": ("currency", "count", "net"),
    "recurring": ("currency", "count", "mrr"),
    "products": ("name", "quantity"),
    "open_projects": ("name", "status"),
    "late_deliverables": ("name", "status"),
    "open_tasks": ("subject", "status"),
    "open_cases": ("subject", "status", "priority", "is_escalated"),
    "open_conversations": ("subject", "status", "needs_answer"),
    "commitments": ("text", "promised_by", "due_on"),
}
"""What a story says of the records of a section; of those that are not here, all."""
PICTURE = """query($kind: String!, $id: UUID!, $at: DateTime) {
    customer360(kind: $kind, id: $id, asOf: $at) {
        identity people preferences { key value origin } sections { name data } unsupported } }"""


@dataclass(frozen=True)
class Moment:
    """What was seen after a step."""

    step: str
    at: str
    pictures: Mapping[str, Body]
    """By the path of the party."""
    entries: Mapping[str, Sequence[Entry]]


@dataclass
class Party:
    """A company or a contact, and all that is expected to be seen of it, the latest first."""

    path: str
    seen: Body = field(default_factory=dict[str, Any])
    entries: list[Entry] = field(default_factory=list[Entry])


class Story:
    """One customer step by step: what a step does not name has to be as it was."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.parties: dict[str, Party] = {}
        self.moments: list[Moment] = []

    def follow(self, kind: str, collection: str, id: str) -> None:
        """Look at a party from now on."""
        self.parties[kind] = Party(f"{collection}/{id}")

    async def then(self, step: str, *entries: Entry, **changed: Body) -> None:
        """Say what changed by a step: what came to the timelines, and what is seen now of the
        `company` and of the `contact` (`None` for what is seen no more).
        """
        pictures: dict[str, Body] = {}
        for kind, party in self.parties.items():
            party.seen |= changed.get(kind, {})
            party.entries[:0] = reversed(entries)
            pictures[party.path] = found = await self._settled(party)
            expected = {name: value for name, value in party.seen.items() if value is not None}
            assert told(found) == expected, (step, kind, told(found), expected)
        entered = {party.path: tuple(party.entries) for party in self.parties.values()}
        self.moments.append(Moment(step, clock.now().isoformat(), pictures, entered))

    async def _settled(self, party: Party) -> Body:
        """The picture once the timeline holds what it has to."""
        whole: Body = {"data": []}
        async for _ in patiently():
            whole = await self.api.read(f"{party.path}/timeline", limit=200)
            if len(whole["data"]) >= len(party.entries):
                break
        assert entries_of({"timeline": whole["data"]}) == party.entries, whole["data"]
        found = await self.api.read(f"{party.path}/360")
        assert entries_of(found) == party.entries[:20], entries_of(found)
        return found

    async def remembered(self) -> None:
        """Check that at the moment of each step is seen what was seen then, at both faces."""
        for moment in self.moments:
            for path, then in moment.pictures.items():
                found = await self.api.read(f"{path}/360", as_of=moment.at)
                assert entries_of(found) == list(moment.entries[path][:20]), moment.step
                known = {one["name"] for one in then["sections"]} - set(found["unsupported"])
                assert kept(found, known) == kept(then, known), (moment.step, path)
                await self._alike(path, moment, found)

    async def _alike(self, path: str, moment: Moment, found: Body) -> None:
        collection, id = path.split("/")
        kind = {"companies": "company", "contacts": "contact"}[collection]
        given = {"kind": kind, "id": id, "at": moment.at}
        shown = (await self.api.data(PICTURE, **given))["customer360"]
        names = ("key", "value", "origin")
        liked = [{name: one[name] for name in names} for one in found["preferences"]]
        sections = [{name: one[name] for name in ("name", "data")} for one in found["sections"]]
        rest = {name: found[name] for name in ("identity", "people", "unsupported")}
        assert shown == {**rest, "preferences": liked, "sections": sections}, moment.step


def kept(found: Body, sections: set[str]) -> Body:
    """What of a picture is the same at its moment, whenever one looks."""
    plain = ("identity", "people", "preferences", "expectations")
    return {name: found[name] for name in plain} | {
        one["name"]: one["data"] for one in found["sections"] if one["name"] in sections
    }


def entries_of(found: Body) -> list[Entry]:
    """The timeline of a picture."""
    return [(one["topic"], one["department"], one["direction"]) for one in found["timeline"]]


def told(found: Body) -> Body:
    """What a picture says, in short and without what is empty."""
    said: Body = {
        "name": found["identity"]["name"],
        "people": [
            (one["name"], [role for deal in one["deal_roles"] for role in deal["roles"]])
            for one in found["people"]
        ],
        "preferences": [
            (one["key"], one["value"], one["origin"], one["overruled"])
            for one in found["preferences"]
        ],
        "expectations": [(one["what"], one["status"]) for one in found["expectations"]],
        **{one["name"]: _rows(one) for one in found["sections"]},
    }
    return {name: value for name, value in said.items() if value}


def _rows(section: Body) -> list[tuple[Any, ...]]:
    data = section["data"]
    rows = data["data"] if isinstance(data, dict) else data
    return [tuple(row[name] for name in SHOWN.get(section["name"], row)) for row in rows]
