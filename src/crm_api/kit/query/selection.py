"""Which fields of a record are shown, and which related records come along."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from crm_api.kit.errors import Invalid
from crm_api.kit.query.listing import Listing


@dataclass(frozen=True)
class Selection:
    """Which fields of a record are shown, and which related records come with it."""

    fields: tuple[str, ...]
    included: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, listing: Listing, fields: str | None = None, include: str | None = None
    ) -> "Selection":
        """Read `fields=id,name,company.name` and `include=company`; raises `Invalid`."""
        own: list[str] = []
        related: dict[str, list[str]] = {}
        for path in names_of(include):
            if path not in listing.related:
                raise Invalid.parameter(
                    "include", "unknown_relation", f"No relation {path[:60]!r}."
                )
            if listing.related[path].many:
                raise Invalid.parameter("include", "not_includable", f"{path} is a collection.")
            related[path] = []
        for path in names_of(fields):
            head, _, tail = path.partition(".")
            target = listing.related.get(head) if tail else None
            known = (
                target.target().shown if target is not None and not target.many else listing.shown
            )
            if (tail or head) not in known or (tail and target is None):
                raise Invalid.parameter("fields", "unknown_field", f"No field {path[:60]!r}.")
            if tail:
                related.setdefault(head, []).append(tail)
            else:
                own.append(head)
        shown = tuple(dict.fromkeys(own)) if own else listing.shown
        return cls(
            shown,
            {
                name: tuple(dict.fromkeys(some)) or listing.related[name].target().shown
                for name, some in related.items()
            },
        )


def names_of(listed: str | None) -> list[str]:
    """Names separated by commas."""
    return [name.strip() for name in (listed or "").split(",") if name.strip()]
