"""The lines of a draft as what `POST /v1/quotes` takes: pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from crm_api.domains.quotes.lines import QuoteClause, QuoteSection
from crm_api.domains.quotes.schemas import QuoteContent
from crm_api.domains.recipes.asking import ProposalRequest
from crm_api.domains.recipes.composing import Composed
from crm_api.domains.recipes.goods import Key
from crm_api.domains.recipes.models import ProposalRecipe, Tier
from crm_api.domains.recipes.wishing import tier_of
from crm_api.kit.faults import invalid_body

_PLAIN = ("price_list_id", "priced_on", "country", "region", "channel", "segments")
"""What a quote takes from the request as it is."""
_WORDS = ("introduction", "closing")
_LEVEL, _LONGEST = 90, 190
"""So long is the level in the name of a quote, and so long are both."""


@dataclass(frozen=True)
class Customer:
    """Whom it is for."""

    company_id: UUID | None
    contact_id: UUID | None

    @property
    def ids(self) -> dict[str, UUID]:
        """By the kind of record, as recipes name it."""
        found = {"company": self.company_id, "contact": self.contact_id}
        return {kind: id for kind, id in found.items() if id is not None}


@dataclass(frozen=True)
class Letter:
    """What drafts say beside their lines."""

    asked: ProposalRequest
    customer: Customer
    recipes: Sequence[ProposalRecipe]
    clauses: frozenset[UUID]
    """Of the library, those that may be taken."""
    today: date

    def content(self, made: Composed, label: Tier) -> QuoteContent:
        """The draft as a quote; raises `Invalid` where a number has too many digits."""
        asked = self.asked
        used = [one for one in self.recipes if one.id in recipes_in(made)]
        kinds = {one["key"]: one["kind"] for one in _sections(used)}
        lines = list(_lines(made, kinds))
        named = {line.get("section") for line in lines}
        found: dict[str, Any] = {
            "name": self._name(used, label),
            **{f"{kind}_id": id for kind, id in self.customer.ids.items()},
            "currency": asked.currency,
            **{name: value for name in _PLAIN if (value := getattr(asked, name))},
            "valid_until": asked.valid_until or self._last_day(used),
            "language": asked.language or _first(one.language for one in used),
            **{name: _first(getattr(one, name) for one in used) for name in _WORDS},
            "sections": [one for one in _sections(used) if one["key"] in named],
            "lines": lines,
            "clauses": self._clauses(used),
        }
        try:
            given = {name: value for name, value in found.items() if value not in (None, [])}
            return QuoteContent.model_validate(given)
        except ValidationError as error:
            raise invalid_body(error.errors(include_url=False)) from None

    def _name(self, used: Sequence[ProposalRecipe], label: Tier) -> str:
        tier = next((found for one in used if (found := tier_of(one, label))), None)
        level = ((tier or {}).get("name") or label.capitalize())[:_LEVEL]
        about = self.asked.name or _first(one.name for one in used)
        return level if about is None else f"{about[: _LONGEST - len(level)]}: {level}"

    def _last_day(self, used: Sequence[ProposalRecipe]) -> date | None:
        days = [one.valid_days for one in used if one.valid_days is not None]
        return self.today + timedelta(days=min(days)) if days else None

    def _clauses(self, used: Sequence[ProposalRecipe]) -> list[QuoteClause]:
        found: list[QuoteClause] = []
        for one in (clause for recipe in used for clause in recipe.clauses):
            clause = QuoteClause.model_validate(one)
            own = clause.clause_id is None or clause.text is not None
            if clause not in found and (own or clause.clause_id in self.clauses):
                found.append(clause)
        return found[:100]


def recipes_in(made: Composed) -> set[UUID]:
    """The recipes that lines are by."""
    return {id for wish in made.lines.values() if (id := wish.reason.get("recipe_id")) is not None}


def _sections(recipes: Iterable[ProposalRecipe]) -> list[dict[str, Any]]:
    """Of two with one key the first; at most as many as a quote has."""
    found: dict[str, dict[str, Any]] = {}
    for one in (section for recipe in recipes for section in recipe.sections):
        found.setdefault(one["key"], QuoteSection.model_validate(one).model_dump())
    return list(found.values())[:100]


def _lines(made: Composed, kinds: Mapping[str, str]) -> Iterable[dict[str, Any]]:
    chosen: set[str] = set()
    taken = frozenset[Key]().union(*(made.takes.get(key, ()) for key in made.lines))
    for wish in made.lines.values():
        section = wish.section if wish.section in kinds else None
        kind = "standard" if section is None else kinds[section]
        if kind == "alternatives" and wish.key in taken:
            # What is required is no alternative to anything: it counts.
            section, kind = None, "standard"
        is_selected = wish.is_optional or kind == "optional"
        if kind == "alternatives":
            is_selected = section not in chosen
            chosen.add(section or "")
        line: dict[str, Any] = {
            "product_id": wish.key[0],
            "variant_id": wish.key[1],
            "quantity": wish.quantity,
            "section": section,
            "unit_id": wish.unit_id,
            "components": [
                {"bundle_component_id": id, "quantity": count} for id, count in wish.components
            ]
            or None,
            "interval": wish.interval,
            "term": wish.term,
            "is_optional": wish.is_optional or None,
            "is_selected": is_selected or None,
        }
        yield {name: value for name, value in line.items() if value is not None}


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)
