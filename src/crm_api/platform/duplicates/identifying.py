"""Which record is meant by what is known of it, by the matching of duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from crm_api.kit.db.tx import Tx
from crm_api.kit.query.visibility import among
from crm_api.platform.duplicates.judging import Verdict, judged, ranked, told_by_id
from crm_api.platform.duplicates.matcher import Record, unmasked
from crm_api.platform.duplicates.model.records import Profile
from crm_api.platform.duplicates.service import MOST_CANDIDATES, DuplicateService, PolicyService


@dataclass(frozen=True)
class Known:
    """What is known of a record."""

    values: Record
    """All that its matcher reads."""
    external: Sequence[str] = ()
    """The look-up keys of its ids in other systems, of which one alone decides."""
    more: Profile = field(default_factory=dict[str, tuple[str, ...]])
    """What it means beyond the values, by what is compared."""


async def identified(tx: Tx, target: str, known: Known, *, least: int | None) -> list[Verdict]:
    """Those of the records that the actor sees that are probably meant, the likeliest first.

    What is hidden of the records tells nothing. `least` is the score from which on they are told,
    else the policy's; an id in another system tells of any.
    """
    policy = await PolicyService(tx).of(target)
    duplicates = DuplicateService(tx)
    profile = {**policy.profile(known.values), **known.more}
    keys = [("external", key) for key in known.external]
    others = await duplicates.records.like(policy.matcher, known.values, profile, keys=keys)
    if not others:
        return []
    records = policy.matcher.service(tx).records
    by_id = await records.by_keys("external", known.external)
    same = {id for ids in by_id.values() for id in ids}
    open_of = [unmasked(other, tx.actor.hidden(target)) for other in others]
    learnt = await duplicates.learnt(policy)
    # Below what the policy tells, too: an id decides whatever else differs.
    found = judged(replace(policy, possible=0), learnt, profile, open_of)
    there = await among(tx, records.listing, records.sight, [v.right for v in found])
    lowest = policy.possible if least is None else least
    return ranked(
        told_by_id(verdict) if verdict.right in same else verdict
        for verdict in found
        if verdict.right in there and (verdict.right in same or verdict.score >= lowest)
    )[:MOST_CANDIDATES]
