"""How pipelines, stages, deals and their moves are listed and found."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from crm_api.domains.companies.repository import LISTING as COMPANIES
from crm_api.domains.contacts.repository import CONTACTS
from crm_api.domains.deals import grounds
from crm_api.domains.deals.grounds import Ground
from crm_api.domains.deals.models import (
    Deal,
    DealContact,
    DealMove,
    LossReason,
    Pipeline,
    Stage,
)
from crm_api.domains.deals.parties import DealContactOut
from crm_api.domains.deals.pipeline_schemas import LossReasonOut, PipelineOut, StageOut
from crm_api.domains.deals.schemas import DealMoveOut, DealOut
from crm_api.kit.crud.marks import marked
from crm_api.kit.crud.repository import Repository
from crm_api.kit.crud.tree import lock_graph
from crm_api.kit.db.json import decode
from crm_api.kit.query.listing import Listing, Relation, Searched

AREA = "pipelines"
PIPELINES: Listing = Listing(
    model=Pipeline,
    out=PipelineOut,
    area=AREA,
    sorts={"name": Pipeline.sort_name},
    relations=(
        Relation("stages", lambda: STAGES, Pipeline.id, Stage.pipeline_id, many=True, part=True),
    ),
)
STAGES: Listing = Listing(
    model=Stage,
    out=StageOut,
    area=AREA,
    sorts={"name": Stage.sort_name},
    relations=(
        Relation("pipeline", lambda: PIPELINES, Stage.pipeline_id, Pipeline.id),
        Relation("deals", lambda: DEALS, Stage.id, Deal.stage_id, many=True),
    ),
    within="pipeline",
)
REASONS: Listing = Listing(
    model=LossReason, out=LossReasonOut, area=AREA, sorts={"name": LossReason.sort_name}
)
DEALS: Listing = Listing(
    model=Deal,
    out=DealOut,
    area="deals",
    sorts={"name": Deal.sort_name, "rank": Deal.rank},
    relations=(
        Relation("company", lambda: COMPANIES, Deal.company_id, COMPANIES.model.id, back="deals"),
        Relation("contact", lambda: CONTACTS, Deal.contact_id, CONTACTS.model.id, back="deals"),
        Relation("pipeline", lambda: PIPELINES, Deal.pipeline_id, Pipeline.id),
        Relation("stage", lambda: STAGES, Deal.stage_id, Stage.id),
        Relation("loss_reason", lambda: REASONS, Deal.loss_reason_id, LossReason.id),
        Relation("competitor", lambda: COMPANIES, Deal.competitor_id, COMPANIES.model.id),
        Relation(
            "contacts",
            lambda: DEAL_CONTACTS,
            Deal.id,
            DealContact.deal_id,
            many=True,
            part=True,
        ),
    ),
    search=Searched(
        names=("name",),
        others=("tags", "description", "next_step", "external_ids"),
        subtitle=("next_step",),
    ),
    # By the rate and the probability, which are no secrets, they tell the amount.
    # Lines do so by what they come to.
    tells={
        "deal.amount": frozenset(
            {"expected_amount", "base_amount", "lines", "one_time", "mrr", "tcv", "splits"}
        ),
        # What events that happen by themselves have beside the fields of a deal.
        "deal.stage_entered_at": frozenset({"rots_at", "days_in_stage"}),
        "deal.closes_on": frozenset({"days_overdue"}),
        "deal.competitors": frozenset({"competitor_ids"}),
    },
)
DEAL_CONTACTS: Listing = Listing(
    model=DealContact,
    out=DealContactOut,
    area="deals",
    relations=(
        Relation("deal", lambda: DEALS, DealContact.deal_id, Deal.id),
        Relation(
            "contact",
            lambda: CONTACTS,
            DealContact.contact_id,
            CONTACTS.model.id,
            back="deal_roles",
        ),
    ),
    within="deal",
)
MOVES: Listing = Listing(
    model=DealMove,
    out=DealMoveOut,
    area="deals",
    relations=(
        Relation("deal", lambda: DEALS, DealMove.deal_id, Deal.id),
        Relation("from_stage", lambda: STAGES, DealMove.from_stage_id, Stage.id),
        Relation("to_stage", lambda: STAGES, DealMove.to_stage_id, Stage.id),
    ),
    within="deal",
)
_BESIDE = {
    False: """
        SELECT id, rank FROM deals WHERE organization_id = $1 AND stage_id = $2 AND id <> $3
            AND (rank, id) <= ($4, $5) ORDER BY rank DESC, id DESC LIMIT $6
    """,
    True: """
        SELECT id, rank FROM deals WHERE organization_id = $1 AND stage_id = $2 AND id <> $3
            AND (rank, id) >= ($4, $5) ORDER BY rank, id LIMIT $6
    """,
}
_RANK = """
    WITH held AS (
        SELECT d.id FROM deals d
        WHERE d.organization_id = $1 AND d.id = ANY($2) AND d.stage_id = $4
        ORDER BY d.id FOR NO KEY UPDATE)
    UPDATE deals SET rank = given.rank
    FROM held JOIN unnest($2::uuid[], $3::text[]) AS given (id, rank) USING (id)
    WHERE deals.organization_id = $1 AND deals.id = held.id
"""


class Pipelines(Repository[Pipeline]):
    """The pipelines of an organization."""

    model = Pipeline
    listing = PIPELINES

    async def default(self, *, lock: bool = False) -> Pipeline | None:
        """Where deals begin that name none."""
        query = self.select_all().where(Pipeline.is_default, Pipeline.deleted_at.is_(None))
        if lock:
            query = query.with_for_update(key_share=True)
        return (await self.tx.run(query)).scalar_one_or_none()

    async def lock_default(self) -> None:
        """Let one pipeline at a time become the default one."""
        await lock_graph(self.tx, "pipelines.is_default")

    async def in_use(self, ids: Sequence[UUID]) -> int:
        """How many living deals are in some pipelines, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT count(*) FROM deals WHERE organization_id = $1 AND pipeline_id = ANY($2) "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
            list(ids),
        )
        return rows[0][0]


class Stages(Repository[Stage]):
    """The stages of pipelines."""

    model = Stage
    listing = STAGES

    async def next_position(self, pipeline_id: UUID, kind: str) -> int:
        """The place after all stages of a kind in a pipeline."""
        rows = await self.tx.fetch(
            "SELECT coalesce(max(position), 0) + 1 FROM stages WHERE organization_id = $1 "
            "AND pipeline_id = $2 AND kind = $3 AND deleted_at IS NULL",
            self.tx.organization_id,
            pipeline_id,
            kind,
        )
        return rows[0][0]

    async def lock_pipelines(self, ids: Sequence[UUID]) -> None:
        """Let the stages of some pipelines come and go one at a time."""
        await Pipelines(self.tx).locked(ids, everywhere=True)

    async def left(self, pipeline_id: UUID, gone: Sequence[UUID]) -> Mapping[str, int]:
        """How many stages of each kind a pipeline has without some of them."""
        rows = await self.tx.fetch(
            "SELECT kind, count(*) AS number FROM stages WHERE organization_id = $1 "
            "AND pipeline_id = $2 AND deleted_at IS NULL AND NOT id = ANY($3) GROUP BY kind",
            self.tx.organization_id,
            pipeline_id,
            list(gone),
        )
        return {row["kind"]: row["number"] for row in rows}

    async def in_use(self, ids: Sequence[UUID]) -> int:
        """How many deals stand in some stages, those in the bin too, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT count(*) FROM deals WHERE organization_id = $1 AND stage_id = ANY($2)",
            self.tx.organization_id,
            list(ids),
        )
        return rows[0][0]

    async def ground(self, stage_id: UUID) -> Ground | None:
        """A stage that deals can stand in, with what of its pipeline they go by, or None.

        It stays until the commit.
        """
        return grounds.first(await self.tx.write(grounds.STAGE, self.tx.organization_id, stage_id))

    async def first(self, kind: str, pipeline_id: UUID | None = None) -> Ground | None:
        """The same of the first stage of a kind, of the default pipeline where none is named."""
        own = self.tx.organization_id
        if pipeline_id is None:
            return grounds.first(await self.tx.write(grounds.DEFAULT, own, kind))
        return grounds.first(await self.tx.write(grounds.FIRST, own, kind, pipeline_id))

    async def is_limited(self, id: UUID) -> bool:
        """Whether a stage takes only so many deals."""
        rows = await self.tx.fetch(
            "SELECT FROM stages WHERE organization_id = $1 AND id = $2 AND wip_limit IS NOT NULL",
            self.tx.organization_id,
            id,
        )
        return bool(rows)

    async def grounds(self, pipeline_id: UUID) -> list[Ground]:
        """The same of every stage of a pipeline, as they are."""
        rows = await self.tx.fetch(grounds.OF_PIPELINE, self.tx.organization_id, pipeline_id)
        return [grounds.ground(row) for row in rows]

    async def wanted_roles(self, pipeline_id: UUID) -> list[str]:
        """Whom deals of a pipeline need to know."""
        rows = await self.tx.fetch(
            "SELECT wanted_roles FROM pipelines WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            pipeline_id,
        )
        return decode(rows[0]["wanted_roles"]) if rows else []

    async def named(self) -> list[Ground]:
        """The same of every stage there is, with `pipeline_name` and `is_default`."""
        rows = await self.tx.fetch(grounds.EVERY, self.tx.organization_id)
        return [grounds.ground(row) for row in rows]


class LossReasons(Repository[LossReason]):
    """The reasons why deals are lost."""

    model = LossReason
    listing = REASONS

    async def named(self) -> list[tuple[str, UUID]]:
        """The reasons that can be chosen, by their names."""
        rows = await self.tx.fetch(
            "SELECT name, id FROM loss_reasons "
            "WHERE organization_id = $1 AND deleted_at IS NULL AND is_active",
            self.tx.organization_id,
        )
        return [(row["name"], row["id"]) for row in rows]

    async def asks_competitor(self, id: UUID) -> bool:
        """Whether a deal that is lost for a reason names who won instead."""
        rows = await self.tx.fetch(
            "SELECT asks_competitor FROM loss_reasons WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            id,
        )
        return bool(rows and rows[0]["asks_competitor"])

    async def is_active(self, id: UUID) -> bool | None:
        """Whether a reason can be chosen; None where there is none, or not any more."""
        rows = await self.tx.fetch(
            "SELECT is_active FROM loss_reasons "
            "WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
            self.tx.organization_id,
            id,
        )
        return rows[0]["is_active"] if rows else None


class Deals(Repository[Deal]):
    """The deals of an organization."""

    model = Deal
    listing = DEALS

    async def next_in(self, stage_id: UUID, after: UUID | None, limit: int) -> list[Deal]:
        """The next deals of a stage by their ids, locked, those in the bin too, whoever asks."""
        query = self.select_all().where(Deal.stage_id == stage_id)
        if after is not None:
            query = query.where(Deal.id > after)
        query = query.order_by(Deal.id).limit(limit).with_for_update(key_share=True)
        return list((await self.tx.run(query)).scalars())

    async def stage_of(self, id: UUID) -> UUID | None:
        """Where a deal stands, whoever asks."""
        rows = await self.tx.fetch(
            "SELECT stage_id FROM deals WHERE organization_id = $1 AND id = $2",
            self.tx.organization_id,
            id,
        )
        return rows[0]["stage_id"] if rows else None

    async def lock_column(self, stage_id: UUID) -> None:
        """Let one deal at a time be put between others of a stage."""
        await lock_graph(self.tx, f"deals.rank.{stage_id}")

    async def count_in(self, stage_id: UUID) -> int:
        """How many living deals stand in a stage, whoever asks, those of this transaction too."""
        await self.tx.flush()
        rows = await self.tx.fetch(
            "SELECT count(*) FROM deals WHERE organization_id = $1 AND stage_id = $2 "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
            stage_id,
        )
        return rows[0][0]

    async def mark(self, id: UUID, alert: str, mark: str) -> bool:
        """Note what is told of a deal by itself; whether that is new."""
        return await marked(self.tx, Deal, id, alert, mark)

    async def rank_of(self, id: UUID, stage_id: UUID) -> str | None:
        """The rank of a living deal of a stage that the actor sees, or None."""
        if not await self.sees(id):
            return None
        rows = await self.tx.fetch(
            "SELECT rank FROM deals WHERE organization_id = $1 AND id = $2 AND stage_id = $3 "
            "AND deleted_at IS NULL",
            self.tx.organization_id,
            id,
            stage_id,
        )
        return rows[0]["rank"] if rows else None

    async def beside(
        self, stage_id: UUID, at: tuple[str, UUID], *, but: UUID, above: bool, limit: int
    ) -> list[tuple[UUID, str]]:
        """The deals from a place on upwards or downwards, the nearest first: ids and ranks."""
        rows = await self.tx.fetch(
            _BESIDE[above], self.tx.organization_id, stage_id, but, *at, limit
        )
        return [(row["id"], row["rank"]) for row in rows]

    async def rank(self, stage_id: UUID, ranks: Mapping[UUID, str]) -> None:
        """Give deals of a stage other ranks, in the order that they have: no change of them.

        Those that have left it meanwhile keep theirs.
        """
        ids, names = list(ranks), list(ranks.values())
        await self.tx.write(_RANK, self.tx.organization_id, ids, names, stage_id)


class DealMoves(Repository[DealMove]):
    """How deals moved."""

    model = DealMove
    listing = MOVES

    async def ids_of(self, deal_id: UUID) -> list[UUID]:
        """All moves of a deal."""
        rows = await self.tx.fetch(
            "SELECT id FROM deal_moves WHERE organization_id = $1 AND deal_id = $2",
            self.tx.organization_id,
            deal_id,
        )
        return [row["id"] for row in rows]

    async def last_left(self, deal_id: UUID) -> UUID | None:
        """The stage that a deal was in when it was closed last."""
        rows = await self.tx.fetch(
            "SELECT from_stage_id FROM deal_moves WHERE organization_id = $1 AND deal_id = $2 "
            "AND verb IN ('won', 'lost') ORDER BY created_at DESC, id DESC LIMIT 1",
            self.tx.organization_id,
            deal_id,
        )
        return rows[0]["from_stage_id"] if rows else None
