"""How policies, requests and delegations are found."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from crm_api.kit.crud.repository import Repository
from crm_api.kit.db.queued import due_now
from crm_api.kit.query.listing import About, Listing, Relation
from crm_api.platform.approvals.models import LIVE, Approval, ApprovalDelegation, ApprovalPolicy
from crm_api.platform.approvals.schemas import (
    ApprovalDelegationOut,
    ApprovalOut,
    ApprovalPolicyOut,
)

TARGETS: list[Listing] = []
"""What can be approved; filled in when the module is made."""
OTHERS: list[Listing] = []
"""The records of custom objects, whatever the object."""
POLICIES: Listing = Listing(
    model=ApprovalPolicy,
    out=ApprovalPolicyOut,
    area="approval_policies",
    sorts={"name": ApprovalPolicy.sort_name},
)
APPROVALS: Listing = Listing(
    model=Approval,
    out=ApprovalOut,
    area="approvals",
    relations=(Relation("policy", lambda: POLICIES, Approval.policy_id, ApprovalPolicy.id),),
    about=About(
        "target", ("record_id",), lambda: TARGETS, lambda: OTHERS[0], tells=False, rules=True
    ),
)
DELEGATIONS: Listing = Listing(
    model=ApprovalDelegation, out=ApprovalDelegationOut, area="approval_delegations"
)
# Whoever is let in no more decides nothing, nor does anybody for them.
_STOOD_IN_FOR = """
    SELECT DISTINCT d.user_id FROM approval_delegations d
    JOIN users u ON u.organization_id = $1 AND u.id = d.user_id
    WHERE d.organization_id = $1 AND d.delegate_id = $2 AND d.deleted_at IS NULL
        AND d.starts_at <= now() AND (d.ends_at IS NULL OR d.ends_at > now())
        AND u.deleted_at IS NULL AND u.status <> 'suspended'
    ORDER BY d.user_id LIMIT 40
"""
_STANDING_IN = """
    SELECT DISTINCT delegate_id FROM approval_delegations
    WHERE organization_id = $1 AND user_id = ANY($2) AND deleted_at IS NULL
        AND starts_at <= now() AND (ends_at IS NULL OR ends_at > now())
    ORDER BY delegate_id
"""
_USERS_OF = "SELECT user_id FROM approval_delegations WHERE organization_id = $1 AND id = ANY($2)"
_HOLD = "SELECT owner_id FROM {table} WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE"


class Policies(Repository[ApprovalPolicy]):
    """What is to be approved."""

    model = ApprovalPolicy
    listing = POLICIES

    async def active(self, target: str, purpose: str | None) -> list[ApprovalPolicy]:
        """Those for a kind of record, in the order in which they come, whoever asks."""
        query = self.select_all().where(
            ApprovalPolicy.target == target,
            ApprovalPolicy.is_active,
            ApprovalPolicy.deleted_at.is_(None),
        )
        if purpose is not None:
            query = query.where(ApprovalPolicy.purpose == purpose)
        query = query.order_by(ApprovalPolicy.priority, ApprovalPolicy.id)
        return list((await self.tx.run(query)).scalars())


class Approvals(Repository[Approval]):
    """What was asked for."""

    model = Approval
    listing = APPROVALS

    async def now(self) -> datetime:
        """The moment, by the clock of the database."""
        return await due_now(self.tx)

    async def hold_record(self, table: str, id: UUID) -> UUID | None:
        """Have whoever changes the record wait till the commit; its owner.

        The record is locked before its requests, as by those who change it, so none wait in a ring.
        """
        rows = await self.tx.write(_HOLD.format(table=table), self.tx.organization_id, id)
        return rows[0]["owner_id"] if rows else None

    async def live(self, target: str, ids: Sequence[UUID]) -> list[Approval]:
        """Requests about some records that hold for what these say, whoever asks; locked."""
        query = self.select_all().where(
            Approval.record_id.in_(ids), Approval.target == target, Approval.status.in_(LIVE)
        )
        query = query.order_by(Approval.id).with_for_update(key_share=True)
        query = query.execution_options(populate_existing=True)
        return list((await self.tx.run(query)).scalars())

    async def about(self, target: str, id: UUID) -> list[Approval]:
        """Every request about a record, the latest first, whoever asks."""
        query = self.select_all().where(Approval.record_id == id, Approval.target == target)
        query = query.order_by(Approval.id.desc()).limit(200)
        return list((await self.tx.run(query)).scalars())

    async def said_of(
        self, target: str, ids: Collection[UUID], statuses: Sequence[str]
    ) -> list[Approval]:
        """Requests about some records that are in one of these states, the latest first."""
        query = self.select_all().where(
            Approval.record_id.in_(ids), Approval.target == target, Approval.status.in_(statuses)
        )
        return list((await self.tx.run(query.order_by(Approval.id.desc()))).scalars())

    async def ids_about(self, target: str, ids: Sequence[UUID]) -> list[UUID]:
        """The requests about some records, whoever asks; locked."""
        query = self.select_all().where(Approval.record_id.in_(ids), Approval.target == target)
        query = query.order_by(Approval.id).with_for_update(key_share=True)
        return [found.id for found in (await self.tx.run(query)).scalars()]


class Delegations(Repository[ApprovalDelegation]):
    """Who decides for whom."""

    model = ApprovalDelegation
    listing = DELEGATIONS

    async def users_of(self, ids: Sequence[UUID]) -> list[UUID]:
        """Who is stood in for by some of them."""
        rows = await self.tx.fetch(_USERS_OF, self.tx.organization_id, list(ids))
        return [row["user_id"] for row in rows]

    async def stood_in_for(self, user: UUID) -> list[UUID]:
        """For whom a user decides now, by the clock of the database."""
        rows = await self.tx.fetch(_STOOD_IN_FOR, self.tx.organization_id, user)
        return [row["user_id"] for row in rows]

    async def standing_in(self, users: Sequence[UUID]) -> list[UUID]:
        """Who decides for some users now."""
        if not users:
            return []
        rows = await self.tx.fetch(_STANDING_IN, self.tx.organization_id, list(users))
        return [row["delegate_id"] for row in rows]
