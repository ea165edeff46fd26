"""Kept answers as a part of the product."""

from crm_api.kit.crud.personal import Copies, Gone, Trace
from crm_api.kit.db.answers import forget_answers_with, forget_old
from crm_api.kit.db.database import Database
from crm_api.kit.db.tx import Tx
from crm_api.kit.files.store import Files
from crm_api.kit.jobs import Chore
from crm_api.kit.module import Module


async def _forget(database: Database, _files: Files) -> None:
    await forget_old(database)


async def _erase(tx: Tx, gone: Gone) -> int:
    return await forget_answers_with(tx, gone.marks, gone.texts)


MODULE = Module(
    key="repeats",
    title="Repeated requests",
    description="Answers kept for requests that are sent again.",
    switchable=False,
    chores=[Chore("forget kept answers", _forget)],
    traces=[
        Trace(
            "kept_answers",
            ("kept_answers",),
            _erase,
            Copies("Answers about the records, kept for a day."),
        )
    ],
)
