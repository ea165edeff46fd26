"""Posts signed bodies and does nothing else: `python -m benchmarks.posting URL COUNT AT_ONCE`.

What the HTTP client of the workers reaches here, without a queue, a database or a log.
"""

import asyncio
import sys
import time
from uuid import uuid4

import httpcore
import uvloop

from crm_api.platform.webhooks.signing import new_secret, signature

BODY = b'{"type":"contact.created","data":{"last_name":"' + b"x" * 900 + b'"}}'


async def post(url: str, count: int, at_once: int) -> float:
    """Requests per second."""
    secrets, left = [new_secret()], iter(range(count))
    async with httpcore.AsyncConnectionPool(max_connections=at_once) as pool:

        async def some() -> None:
            for _ in left:
                id, at = str(uuid4()), int(time.time())
                headers: dict[bytes | str, bytes | str] = {
                    "webhook-id": id,
                    "webhook-timestamp": str(at),
                    "webhook-signature": signature(secrets, id, at, BODY),
                }
                answer = await pool.request("POST", url, headers=headers, content=BODY)
                if answer.status != 204:
                    raise SystemExit(f"answered {answer.status}")

        begun = time.monotonic()
        await asyncio.gather(*(some() for _ in range(at_once)))
        return count / (time.monotonic() - begun)


if __name__ == "__main__":
    print(uvloop.run(post(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
