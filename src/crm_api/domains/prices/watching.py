"""What the owners of lists are told of prices that look wrong: once, until something changes.

Of a list without an owner whoever may manage prices is told.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from uuid import UUID

from crm_api.domains.prices.models import PriceList
from crm_api.domains.prices.repository import PriceLists
from crm_api.kit.db.json import encode, parsed
from crm_api.kit.db.tx import Tx

FOUND, CLEARED = "price_list.anomalies_found", "price_list.anomalies_cleared"
REMINDERS: Mapping[str, Mapping[str, str]] = {
    FOUND: {
        "en": "Prices of {record} look wrong",
        "de": "Preise von {record} sehen falsch aus",
        "ru": "цены записи {record} похожи на ошибочные",
    }
}
_LAST = """
    SELECT type, data FROM events WHERE organization_id = $1 AND record_id = $2 AND type = ANY($3)
    ORDER BY seq DESC LIMIT 1
"""


async def tell(tx: Tx, id: UUID, found: Mapping[str, Any]) -> bool:
    """Tell what a scan has found in a list, unless that was told before; whether it was new.

    The same findings are the same rules and prices for the same reasons. Once there are none that
    is told, too, so that they are news if they come again.
    """
    of_list = await PriceLists(tx).find(id, lock=True)
    if of_list is None:
        return False
    rows = await tx.fetch(_LAST, tx.organization_id, id, [FOUND, CLEARED])
    before = parsed(rows[0]["data"])["fingerprint"] if rows and rows[0]["type"] == FOUND else None
    counts = {reason: number for reason, number in found["counts"].items() if number}
    now = _fingerprint(counts, found["findings"]) if counts else None
    if now != before:
        topic = CLEARED if now is None else FOUND
        data = {"counts": counts, "rules": found["rules"], "fingerprint": now}
        tx.record(topic, entity=PriceList.entity, record_id=id, version=of_list.version, data=data)
    return now != before


def _fingerprint(counts: Mapping[str, int], findings: list[dict[str, Any]]) -> str:
    told = sorted(
        [str(one["reason"]), str(one["price_rule_id"] or one["target_id"]), str(one["price"])]
        for one in findings
    )
    return sha256(encode([counts, told])).hexdigest()
