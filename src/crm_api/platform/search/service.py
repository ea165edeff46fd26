"""Searching all collections at once."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, get_args

import msgspec

from crm_api.kit.actor import hidden_field
from crm_api.kit.crud.collections import area_of, service_of
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.service import CrudService
from crm_api.kit.db.json import decode
from crm_api.kit.db.tx import Tx
from crm_api.kit.errors import Forbidden, Invalid
from crm_api.kit.query.cursor import context_of, seal, unseal
from crm_api.kit.query.documents import texts_in
from crm_api.kit.query.listing import Listing, Searched
from crm_api.kit.query.page import Page
from crm_api.kit.query.relevance import Relevance, hit_of, relevant
from crm_api.kit.query.search import FEW, SCORES, hides, question_of
from crm_api.kit.query.selection import Selection
from crm_api.kit.query.watching import note, write_down
from crm_api.kit.values.highlights import Highlighter
from crm_api.platform.search.schemas import Mode

Services = Mapping[str, type[CrudService[Any]]]
"""The searched collections by their entity."""
MAX_RESULTS = 100
_MOST_HIGHLIGHTS = 5


class SearchService:
    """Finds records of several kinds by words."""

    def __init__(self, tx: Tx, services: Services) -> None:
        self.tx, self.services = tx, services

    async def find(
        self,
        text: str,
        *,
        types: Sequence[str] = (),
        mode: str = "full",
        limit: int = 20,
        cursor: str | None = None,
    ) -> Page:
        """A page of results of these types, or of all that the actor may read.

        With `typeahead` only names are highlighted, and typing mistakes are thought of only where
        nothing else is found.
        """
        if mode not in get_args(Mode):
            raise Invalid.parameter("mode", "unknown_mode", "The modes are full and typeahead.")
        collections = [_collection(records) for records in self._readable(types)]
        listings = [each.listing for each in collections]
        question = question_of(listings, text, self.tx.actor.country)
        entities = [listing.entity for listing in listings]
        own = self.tx.organization_id
        context = context_of(own, "search", entities, question.key, mode)
        key = self.tx.database.signing_key
        after = None if cursor is None else hit_of(unseal(key, context, cursor))
        few = FEW if mode == "full" else 1
        asked, rows = await relevant(collections, question, after, limit + 1, few=few)
        await self._note(rows[:limit])
        marker = Highlighter(asked.asked, asked.meant)
        data = [self._result(each.listing, row, marker, mode) for each, row in rows[:limit]]
        ends = [[row["tier"], row["hit_id"]] for _, row in rows[:limit]]
        return Page(
            data,
            seal(key, context, ends[-1]) if len(rows) > limit else None,
            cursors=[seal(key, context, end) for end in ends],
        )

    def _readable(self, types: Sequence[str]) -> list[Repository[Any]]:
        covers = self.tx.actor.covers
        if not types:
            records = (
                service_of(self.tx, type).records
                for type in self._known()
                if covers(f"{area_of(type)}:read")
            )
            found = [each for each in records if hides(self.tx, each.listing) is None]
            if not found:
                raise Forbidden("The credential may read nothing that is searched.")
            return found
        return [self._named(type) for type in dict.fromkeys(types)]

    def _named(self, type: str) -> Repository[Any]:
        if type not in self._known():
            message = f"No type {type[:60]!r}; there are {', '.join(self._known())}."
            raise Invalid.parameter("types", "unknown_type", message)
        self.tx.actor.require(f"{area_of(type)}:read")
        records = service_of(self.tx, type).records
        if (name := hides(self.tx, records.listing)) is not None:
            raise hidden_field(name).elsewhere(parameter="types")
        return records

    async def _note(self, rows: Sequence[tuple[Relevance, Any]]) -> None:
        """What is watched of the results was read."""
        for each, row in rows if self.tx.catalogue.watched else ():
            columns = _searched(each.listing).shown
            note(self.tx, each.listing.entity, columns, [row["hit_id"]])
        await write_down(self.tx)

    def _result(self, listing: Listing, row: Any, marker: Highlighter, mode: str) -> dict[str, Any]:
        searched, hidden = _searched(listing), self.tx.actor.hidden(listing.entity)
        values = {name: _plain(row[place]) for place, name in enumerate(searched.shown)}
        # What is searched is hidden from nobody here; what is only shown may be.
        below = (name for name in searched.subtitle if name not in hidden)
        return {
            "type": listing.entity,
            "id": values["id"],
            "title": values[searched.title],
            "subtitle": next((text for name in below for text in texts_in(values[name])), None),
            "highlights": _highlights(values, searched, marker, mode),
            "score": SCORES[row["tier"]],
        }

    def _known(self) -> list[str]:
        return [*self.services, *self.tx.catalogue.objects]


def _collection(records: Repository[Any]) -> Relevance:
    return records.relevance(Selection(_searched(records.listing).shown))


def _highlights(
    values: dict[str, Any], searched: Searched, marker: Highlighter, mode: str
) -> list[dict[str, str]]:
    names = searched.names if mode == "typeahead" else searched.fields
    snippets = (
        {"field": name, "snippet": snippet}
        for name in names
        for text in texts_in(values[name])
        if (snippet := marker.snippet(text)) is not None
    )
    return list(islice(snippets, _MOST_HIGHLIGHTS))


def _plain(value: Any) -> Any:
    return decode(value) if isinstance(value, msgspec.Raw) else value


def _searched(listing: Listing) -> Searched:
    assert listing.search is not None
    return listing.search
