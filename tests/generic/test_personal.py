"""Every collection and every table has said what it has to do with people."""

import pytest

from crm_api.kit.crud.personal import About, Impersonal, Person
from crm_api.kit.db.base import Base, Json
from crm_api.kit.db.references import references_to
from crm_api.platform.privacy.erasing import STAYS, Erasure
from crm_api.registry import MODULES

SERVICES = [service for module in MODULES for service in module.services]
PEOPLE = [service for service in SERVICES if isinstance(service.personal, Person)]
TRACED = {table for module in MODULES for trace in module.traces for table in trace.tables}
GONE_WITH_THEIR_RECORD = {
    "record_keys",
    "search_documents",
    "search_words",
    "custom_values",
    "events",
}
OF_NOBODY = {
    "alert_values": "Figures.",
    "accounts": "Logins of members.",
    "audit_anchors": "Digests.",
    "audit_chains": "Digests.",
    "authorization_codes": "What members have allowed apps.",
    "attendee_invitations": "Times and titles of bookings; they go with their attendee.",
    "automation_states": "How far rules are.",
    "automation_versions": "Rules as they were published.",
    "calendar_feeds": "Secret addresses of members' calendars.",
    "custom_records": "Of kinds of the organization's own.",
    "deal_snapshot_days": "Which days there are snapshots of.",
    "deal_snapshots": "Figures of deals, with which they are purged.",
    "erased_keys": "Keyed hashes.",
    "event_seals": "Digests.",
    "exchange_rates": "Rates.",
    "files": "What attachments lead to; each goes within a minute of its last one.",
    "forecast_entries": "What members say of their figures.",
    "forecasts": "Figures of members and teams.",
    "hash_keys": "A sealed key.",
    "lead_grounds": "Ids alone: of pools, and of the members who could have had leads.",
    "lead_score_states": "How far the feed has been read.",
    "lead_plan_slices": "Ids alone: of leads, and of the members who would get them.",
    "letterhead_logos": "What organizations print on their paper.",
    "login_attempts": "Logins of members.",
    "mailing_domains": "From when on there is room for mail to a domain.",
    "module_switches": "What is switched off.",
    "notification_digests": "Ids alone: of members, and of what they are told.",
    "notification_dues": "Ids alone.",
    "notification_preferences": "What members want.",
    "notification_states": "How far the feed has been read.",
    "sla_escalations": "What was done by the clocks of cases, with which they are purged.",
    "touchpoint_states": "How far the feed has been read.",
    "company_health": "How companies fare, with which their figures are purged.",
    "booking_allocations": "Ids and times alone.",
    "report_deliveries": "When whom a schedule names was told; they go with it.",
    "resource_feeds": "Secret addresses of the calendars of resources.",
    "busy_calendars": "Counts and times alone.",
    "busy_spans": "Ids and times alone.",
    "organization_quotas": "Limits.",
    "organization_states": "Definitions.",
    "organizations": "The organizations themselves.",
    "outside_logins": "Logins of members.",
    "record_access": "Ids alone.",
    "record_redirects": "Ids alone.",
    "journey_states": "How far the feed has been read.",
    "journey_steps": "Ids alone: what was gone through is counted also after an erasure.",
    "journey_versions": "Journeys as they were published.",
    "segment_standings": "Counts and times alone.",
    "segment_states": "How far the feed has been read.",
    "campaign_touch_states": "How far the feed has been read.",
    "sequence_states": "How far the feed has been read.",
    "sequence_step_runs": "Ids alone: what was done is counted also after an erasure.",
    "sequence_versions": "Sequences as they were published.",
    "schedules": "What is done from time to time.",
    "sessions": "Logins of members.",
    "spent_flows": "Logins of members.",
    "signing_keys": "Sealed keys.",
    "tally_cells": "Ids of members, days and sums alone.",
    "tally_records": "Ids, days and amounts alone; they go with their records.",
    "tally_states": "How far the feed has been read.",
    "waitlist_states": "How far the feed has been read.",
    "webhook_deliveries": "Ids alone; what is sent is made of events.",
    "webhook_states": "How systems of others fare.",
    "webhook_tallies": "How often systems of others were reached.",
}


@pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.plural)
def test_a_collection_says_what_it_has_to_do_with_people(service):
    personal = service.personal
    assert isinstance(personal, Person | About | Impersonal), service
    if not isinstance(personal, Person):
        assert personal.reason


@pytest.mark.parametrize("service", PEOPLE, ids=lambda service: service.plural)
def test_what_refers_to_people_is_about_them(service):
    """A foreign key or a part that leads to people cannot be declared to be about nobody."""
    by_table = {s.repository.model.__tablename__: s for s in SERVICES}
    for reference in references_to(service.repository.model):
        about = by_table[reference.table].personal
        assert isinstance(about, About), reference.name
        assert reference.column in about.columns, reference.name
    for relation in service.repository.listing.relations:
        if relation.part:
            about = by_table[relation.target().model.__tablename__].personal
            assert isinstance(about, About), relation.name
            assert about.end == "removed", relation.name


@pytest.mark.parametrize("service", PEOPLE, ids=lambda service: service.plural)
def test_what_is_left_of_people_says_nothing_of_them(service):
    """Each column that stays is declared; the others can be emptied."""
    table = service.repository.model.__table__
    personal = service.personal
    assert personal.keeps <= set(table.columns.keys())
    assert set(personal.points.values()) <= set(table.columns.keys())
    for column in table.columns:
        if column.key in {*STAYS, *personal.keeps} or column.nullable:
            continue
        assert isinstance(column.type, Json) or column.type.python_type is str, column


def test_columns_about_people_are_there():
    for service in SERVICES:
        if isinstance(service.personal, About):
            columns = service.repository.model.__table__.columns.keys()
            named = {*service.personal.columns, service.personal.entity or "id"}
            assert named <= set(columns), service


def test_every_table_is_of_a_declared_collection_or_has_been_thought_of():
    tables = {mapper.local_table.name for mapper in Base.registry.mappers}
    collections = {service.repository.model.__tablename__ for service in SERVICES}
    thought_of = collections | TRACED | GONE_WITH_THEIR_RECORD | OF_NOBODY.keys()
    assert tables - thought_of == set()
    assert OF_NOBODY.keys() <= tables
    assert tables >= TRACED


def test_requests_reach_all_that_is_registered():
    assert list(Erasure.services) == SERVICES
    assert len(Erasure.traces) == sum(len(module.traces) for module in MODULES)
    assert all(service.bar is not None for service in PEOPLE)


@pytest.mark.parametrize("service", PEOPLE, ids=lambda service: service.plural)
def test_people_say_which_other_people_they_are(service):
    """A reference to people is either to the same ones, or to somebody else."""
    personal = service.personal
    kinds = {other.repository.listing.entity for other in PEOPLE}
    declared = {*personal.same, *personal.others}
    assert not personal.same.keys() & personal.others
    assert set(personal.same.values()) <= kinds
    led = {
        relation.local.key: relation.target().entity
        for relation in service.repository.listing.relations
        if not relation.many and relation.target().entity in kinds
    }
    assert led.keys() == declared
    assert all(led[column] == kind for column, kind in personal.same.items())
