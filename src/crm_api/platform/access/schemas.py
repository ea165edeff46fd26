"""What roles look like from outside."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from crm_api.kit.access import Level
from crm_api.kit.schema import Create, Instant, Name, Out, Prose, Schema, Shape, patch_of
from crm_api.platform.access.models import Allowed

Area = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z_]{1,40})$")]
Right = Annotated[str, StringConstraints(pattern=r"^(\*|[a-z_]{1,40})$")]
FieldPath = Annotated[str, StringConstraints(pattern=r"^(custom\.)?[a-z][a-z0-9_]{0,62}$")]


class Reach(Schema):
    """How far each action reaches: at no records, one's own, those of one's teams, of the teams below as well, at all."""

    read: Level = "none"
    create: Level = Field("none", description="For whom: whose the new record may be.")
    update: Level = "none"
    delete: Level = "none"


class Mask(Schema):
    """Fields of a kind of record that are kept from whoever has the role."""

    hidden: Annotated[list[FieldPath], Field(max_length=100)] = Field(
        default_factory=list, description="Shown as empty; not to be filtered, sorted or set by."
    )
    read_only: Annotated[list[FieldPath], Field(max_length=100)] = Field(
        default_factory=list, description="Shown, and not to be set."
    )


class RoleCreate(Create):
    """A new role."""

    name: Name = Field(examples=["Partner manager"])
    description: Prose | None = None
    levels: Annotated[dict[Area, Reach], Field(max_length=100)] = Field(
        default_factory=dict,
        description="By area of records, such as `contacts`; `*` stands for all others.",
        examples=[{"*": {"read": "team", "create": "own", "update": "own"}}],
    )
    masks: Annotated[dict[Area, Mask], Field(max_length=100)] = Field(
        default_factory=dict,
        description="By kind of record, such as `contact`.",
        examples=[{"contact": {"hidden": ["birth_date"]}}],
    )
    permissions: Annotated[list[Right], Field(max_length=100)] = Field(
        default_factory=list,
        description="What is not about single records, such as `export` or `manage_users`; "
        "`*` is everything there is.",
        examples=[["export"]],
    )


RoleUpdate = patch_of("RoleUpdate", RoleCreate, required=("levels", "masks"))


class RoleOut(Out):
    """What whoever has it may do."""

    name: str
    key: str | None = Field(
        description="Set on the roles that every organization begins with, which cannot be changed."
    )
    description: str | None
    levels: dict[str, Any] = Field(description="By area how far each action reaches.")
    masks: dict[str, Any] = Field(description="By kind of record what is kept back.")
    permissions: list[str]


class _Shared(Create):
    access: Allowed = Field("read", description="`write` also to change it; see the roles.")
    expires_at: Instant | None = Field(None, description="Never, when it is left out.")


class ShareCreate(_Shared):
    """A record for somebody else: one user, one team, or whoever has one role."""

    target: Name = Field(description="The kind of record, such as `contact`.")
    record_id: UUID
    user_id: UUID | None = None
    team_id: UUID | None = None
    role_id: UUID | None = None


ShareUpdate = patch_of("ShareUpdate", _Shared, required=("access",))


class ShareOut(Out):
    """That a record is shared."""

    target: str
    record_id: UUID
    user_id: UUID | None
    team_id: UUID | None
    role_id: UUID | None
    access: Allowed
    expires_at: datetime | None


class CollaboratorInput(Schema):
    """How somebody works on a record along with its owner."""

    access: Allowed = "write"


class CollaboratorOut(Shape):
    """Somebody who works on a record along with its owner."""

    user_id: UUID
    access: Allowed
    expires_at: datetime | None
    share_id: UUID = Field(description="At `/v1/shares`.")


class CollaboratorList(Shape):
    """Everybody who does."""

    data: list[CollaboratorOut]


class _Ruled(Create):
    name: Name = Field(examples=["Key accounts for the board"])
    description: Prose | None = None
    filter: dict[str, Any] = Field(
        default_factory=dict,
        description="The filter language, about the fields of the record itself: no relations, "
        "nothing that depends on who looks or when. All records, when it is empty.",
        examples=[{"source": {"eq": "fair"}}],
    )
    access: Allowed = Field("read", description="`write` also to change them; see the roles.")
    is_active: bool = Field(True, description="Whether it shares anything.")


class SharingRuleCreate(_Ruled):
    """A new rule: for one user, one team, or whoever has one role."""

    target: Name = Field(description="The kind of record, such as `contact`.")
    user_id: UUID | None = None
    team_id: UUID | None = None
    role_id: UUID | None = None


SharingRuleUpdate = patch_of(
    "SharingRuleUpdate", _Ruled, required=("filter", "access", "is_active")
)


class SharingRuleOut(Out):
    """That whatever passes a filter is shared."""

    name: str
    description: str | None
    target: str
    filter: dict[str, Any]
    user_id: UUID | None
    team_id: UUID | None
    role_id: UUID | None
    access: Allowed
    is_active: bool
    applied_at: datetime | None = Field(
        description="Since when it holds for the records that were there before it; those that "
        "are written since it was made follow it at once."
    )


class ReachedOut(Shape):
    """Whether an action is allowed, and why."""

    allowed: bool
    level: Level = Field(description="The highest level of the user's roles.")
    because: Literal["role", "owner", "team", "share", "rule"] | None = Field(
        description="`role`: it reaches all records. `owner`: the record is the user's own. "
        "`team`: it is a team mate's, or that of somebody in a team below."
    )


class RoleReachOut(Shape):
    """What one of the user's roles says of such records."""

    id: UUID
    name: str
    read: Level
    update: Level
    delete: Level


class SharedOut(Shape):
    """A share by which the user has the record."""

    share_id: UUID
    by: Literal["user", "team", "role"]
    principal_id: UUID
    access: Allowed
    expires_at: datetime | None


class RuledOut(Shape):
    """A sharing rule by which the user has the record."""

    rule_id: UUID
    name: str
    by: Literal["user", "team", "role"]
    principal_id: UUID
    access: Allowed


class AccessOut(Shape):
    """Who may do what with a record, and why."""

    user_id: UUID
    record_id: UUID
    owner_id: UUID | None = Field(description="Whose it is, or what it is a part of.")
    owner_is: Literal["own", "team", "subtree"] | None = Field(
        description="How the owner stands to the user: the level that reaches the record."
    )
    read: ReachedOut
    update: ReachedOut
    delete: ReachedOut
    roles: list[RoleReachOut]
    shares: list[SharedOut]
    rules: list[RuledOut]
    hidden: list[str] = Field(description="Fields that are kept from the user.")
    read_only: list[str] = Field(description="Fields that the user cannot set.")


class _Given(Create):
    role_id: UUID
    reason: Prose | None = Field(None, description="Why the user has the role.")


class RoleAssignmentCreate(_Given):
    """A role for a user."""

    user_id: UUID


RoleAssignmentUpdate = patch_of("RoleAssignmentUpdate", _Given)


class RoleAssignmentOut(Out):
    """That a user has a role."""

    role_id: UUID
    user_id: UUID
    reason: str | None
