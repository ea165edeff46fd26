"""Those who follow what happens, and how many of them a process bears: each holds a connection."""

from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

from crm_api.kit.errors import TooMany, Unavailable
from crm_api.kit.meters import FOLLOWERS, LIMITED

CODE = "too_many_followers"
AGAIN_S = 30


class Followers:
    """Counts the streams and sockets that are open in this process, which alone knows of them."""

    def __init__(self, most: int, most_of_organization: int) -> None:
        self._most, self._most_of_organization = most, most_of_organization
        self._open = 0
        self._of: Counter[UUID] = Counter()

    @contextmanager
    def connected(self) -> Generator[None]:
        """Hold a place in the process while the block runs; raises `Unavailable` without one."""
        if self._open >= self._most:
            LIMITED.add(1, {"quota": "followers"})
            message = f"{self._most} streams and sockets are open here; try again."
            raise Unavailable(message, code=CODE, retry_after_s=AGAIN_S)
        self._open += 1
        FOLLOWERS.add(1)
        try:
            yield
        finally:
            self._open -= 1
            FOLLOWERS.add(-1)

    @contextmanager
    def of(self, organization_id: UUID) -> Generator[None]:
        """Hold one of an organization's places besides; raises `TooMany`."""
        if self._of[organization_id] >= self._most_of_organization:
            LIMITED.add(1, {"quota": "followers_of_organization"})
            raise TooMany(
                f"The organization has {self._most_of_organization} streams and sockets open here.",
                code=CODE,
                headers={"Retry-After": str(AGAIN_S)},
            )
        self._of[organization_id] += 1
        try:
            yield
        finally:
            self._of[organization_id] -= 1
            if not self._of[organization_id]:
                del self._of[organization_id]
