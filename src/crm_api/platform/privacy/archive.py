"""Everything there is about one person, as a machine-readable archive."""

import asyncio
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from crm_api.kit.crud.collections import service_of
from crm_api.kit.crud.personal import About, Copies, Gone
from crm_api.kit.db.database import Database
from crm_api.kit.db.hashes import find_hasher
from crm_api.kit.db.json import encode
from crm_api.kit.db.tx import Tx
from crm_api.kit.files.store import FileGone, Files, Place
from crm_api.kit.files.sweeping import remove_expired
from crm_api.kit.switches import NOTHING_CLOSED
from crm_api.platform.privacy.erasing import Erasure, abouts, ids_about, known_by, states_of
from crm_api.platform.privacy.guard import hashed
from crm_api.platform.privacy.models import SubjectRequest
from crm_api.platform.privacy.persons import by_kind, same_person

_REFERRING = """
    SELECT DISTINCT record_id FROM custom_values
    WHERE organization_id = $1 AND field_id = $2 AND reference = ANY($3)
"""
_EVENTS = """
    SELECT type, entity, record_id, version, data, previous, occurred_at FROM events
    WHERE organization_id = $1 AND record_id = ANY($2) ORDER BY seq
"""

Parts = dict[str, list[Any]]


SHELF = "archives"


async def parts_of(tx: Tx, target: str, id: UUID) -> tuple[Parts, dict[str, str]]:
    """The records of each kind about a person, their history, and why each kind is here.

    As the organization sees them: whole, whatever whoever has it made may see, and whatever is
    switched off.
    """
    whole = replace(tx.actor, access=None, scopes=frozenset({"*"}), closed=NOTHING_CLOSED)
    with tx.learned.seeing_as(whole):
        return await _parts_of(tx, target, id)


async def _parts_of(tx: Tx, target: str, id: UUID) -> tuple[Parts, dict[str, str]]:
    persons = by_kind(tx, await same_person(tx, Erasure.services, target, id))
    parts: Parts = {}
    why: dict[str, str] = {}
    about: list[UUID] = []
    for person, ids in persons:
        entity = person.records.listing.entity
        about += ids
        parts[entity] = list((await person.records.rows(ids, deleted="include")).values())
        why[entity] = "The person."
    for kind, how in abouts(Erasure.services):
        records = kind(tx).records
        of = [
            each
            for person, ids in persons
            for each in await ids_about(tx, kind, how, person.records.listing.entity, ids)
        ]
        parts[records.listing.entity] = list((await records.rows(of, deleted="include")).values())
        why[records.listing.entity] = _reason(how)
        about += of
    for person, ids in persons:
        for field in tx.catalogue.relations_to(person.records.listing.entity):
            own = service_of(tx, field.target)
            rows = await tx.fetch(_REFERRING, tx.organization_id, field.id, ids)
            of = [row["record_id"] for row in rows]
            named = f"{field.target}.{field.name}"
            parts[named] = list((await own.records.rows(of)).values())
            why[named] = "Names the person in a custom field."
    for person, ids in persons:
        gone = await _asking(tx, person, ids)
        for trace in Erasure.traces:
            if not isinstance(trace.collect, Copies):
                for name, told in (await trace.collect(tx, gone)).items():
                    part = f"{trace.name}.{name}"
                    parts[part] = [*parts.get(part, ()), *told]
                    why[part] = "Kept of the person beside their records."
    events = await tx.fetch(_EVENTS, tx.organization_id, about)
    parts["history"] = [dict(row) for row in events]
    why["history"] = "What happened to these records."
    return parts, why


async def _asking(tx: Tx, service: Any, ids: list[UUID]) -> Gone:
    """Whoever asks for their data, as those who keep something of them know them."""
    states = await states_of(tx, ids, await service.records.every(ids))
    keys = known_by(service, states)
    hasher = await find_hasher(tx)
    hashes = {} if hasher is None else hashed(hasher, keys)
    names = frozenset(state["name"] for state in states if state.get("name"))
    entity = service.records.listing.entity
    return Gone(entity, tuple(ids), frozenset(keys), names, frozenset(), hashes=hashes)


def _reason(how: About) -> str:
    return f"About the person. {how.reason}"


def write_archive(
    path: Path, parts: Parts, why: Mapping[str, str], head: Mapping[str, Any]
) -> dict[str, int]:
    """A zip of one JSON Lines file for each kind, and a manifest; how many there are of each."""
    counts = {name: len(rows) for name, rows in parts.items()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        files = [
            {"file": f"{name}.ndjson", "records": counts[name], "why": why[name]} for name in parts
        ]
        archive.writestr("manifest.json", encode({**head, "files": files}))
        for name, rows in parts.items():
            archive.writestr(f"{name}.ndjson", b"".join(encode(row) + b"\n" for row in rows))
    return counts


async def add_files(path: Path, files: Files, organization_id: UUID, parts: Parts) -> None:
    """Put the files that records stand for into an archive, each below the id of its record."""
    for service, about in abouts(Erasure.services):
        content = about.content
        for row in parts.get(service.repository.listing.entity, ()) if content else ():
            assert content is not None
            file_id, name = getattr(row, content.file), getattr(row, content.name)
            place = Place(content.shelf, organization_id, file_id.hex)
            with suppress(FileGone):
                async with files.at_hand(place) as file:
                    within = f"{content.shelf}/{row.id}/{name}"
                    await asyncio.to_thread(_add_file, path, file, within)


def _add_file(path: Path, file: Path, within: str) -> None:
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.write(file, within)


async def remove_archives(database: Database, files: Files) -> None:
    """Remove the archives that have expired, and those of tries that died."""
    await remove_expired(database, files, SHELF, SubjectRequest.__tablename__)
