"""Posts signed bodies and does nothing else: `python -m benchmarks.posting URL COUNT AT_ONCE`.

What the HTTP client of the workers reaches here, without a queue, a database or a log.
"""

import asyncio
import sys
import time
from uuid import uuid4

import httpcore
import uvloop

from crm_api.kit.outbound.pool import KEPT_S, Pool
from crm_api.platform.webhooks.signing import new_secret, signature

BODY = b'{"type":"contact.created","data":{"last_name":"' + b"x" * 900 + b'"}}'


async def post(url: str, count: int, at_once: int) -> float:
    """Requests per second."""
    secrets, left = [new_secret()], iter(range(count))
    place, pool = httpcore.URL(url), Pool(_connection, at_once)

    async def some() -> None:
        for _ in left:
            id, at = str(uuid4()), int(time.time())
            headers: dict[bytes | str, bytes | str] = {
                "Host": place.host.decode(),
                "Content-Length": str(len(BODY)),
                "webhook-id": id,
                "webhook-timestamp": str(at),
                "webhook-signature": signature(secrets, id, at, BODY),
            }
            sent = httpcore.Request("POST", place, headers=headers, content=BODY)
            async with pool.connected(place.origin) as connection:
                answer = await connection.handle_async_request(sent)
                await answer.aread()
                await answer.aclose()
            if answer.status != 204:
                raise SystemExit(f"answered {answer.status}")

    begun = time.monotonic()
    try:
        await asyncio.gather(*(some() for _ in range(at_once)))
        return count / (time.monotonic() - begun)
    finally:
        await pool.close()


def _connection(origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
    return httpcore.AsyncHTTPConnection(origin, keepalive_expiry=KEPT_S)


if __name__ == "__main__":
    print(uvloop.run(post(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
