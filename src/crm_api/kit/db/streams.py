"""All rows of one statement, however many, without keeping them."""

from collections.abc import AsyncIterator
from typing import Any

from crm_api.kit.db.failures import translate
from crm_api.kit.db.tx import Tx

# Whoever reads a stretch may take its time before the next one.
_PATIENT = "SET LOCAL idle_in_transaction_session_timeout = '5min'"


async def stream(tx: Tx, sql: str, *args: Any, size: int = 2_000) -> AsyncIterator[list[Any]]:
    """The rows of a reading statement in stretches, inside the transaction, which begins here.

    One statement sees one snapshot, however long it takes to be read.
    """
    await tx.flush()
    connection = await (await tx.session()).connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    tx.statements += 1
    try:
        await driver.execute(_PATIENT)
        cursor = await driver.cursor(sql, *args)
        while rows := await cursor.fetch(size):
            yield rows
    except Exception as error:
        raise translate(error) from error
