"""Passwords: which are taken, and their hashes."""

import asyncio
import os
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock
from typing import Any, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from crm_api.kit.errors import Invalid, Unavailable

SHORTEST, LONGEST = 12, 128
SAFE_SCORE = 3
"""Of zxcvbn: safe from somebody who has the hash."""
_LOOKED_AT = 72
_MOST_WAITING = 50
T = TypeVar("T")


class Passwords:
    """Argon2id by the parameters that OWASP names, away from the event loop.

    As many threads as cores: more of them would only take memory, and whoever has to wait too long
    is sent away.
    """

    def __init__(self) -> None:
        self._hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="passwords")
        self._waiting = 0
        self._guesses = Lock()
        # What is compared where there is no account, so that it takes as long.
        self._nobody = self._hasher.hash(os.urandom(16).hex())

    async def hash(self, password: str) -> str:
        """What is stored."""
        return await self._in_thread(self._hasher.hash, _normal(password))

    async def fits(self, stored: str | None, password: str) -> bool:
        """Whether it is the password; takes as long where none is stored."""
        fits = await self._in_thread(self._verify, stored or self._nobody, _normal(password))
        return fits and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made by other parameters than a new one would be."""
        return self._hasher.check_needs_rehash(stored)

    async def check(self, password: str, *own: str, pointer: str) -> None:
        """Refuse a password that is short or easily guessed; `own` is what belongs to the person.

        Raises `Invalid`.
        """
        if len(_normal(password)) < SHORTEST:
            message = f"A password has {SHORTEST} characters or more."
            raise Invalid.at(pointer, "short_password", message)
        found = await self._in_thread(self._guess, _normal(password), list(own))
        if found["score"] < SAFE_SCORE:
            hint = found["feedback"]["warning"] or "Others would guess it."
            raise Invalid.at(pointer, "weak_password", f"The password is too easy: {hint}")

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (Argon2Error, InvalidHashError):
            return False

    def _guess(self, password: str, own: list[str]) -> Any:
        from zxcvbn import zxcvbn

        words = [word for text in own for word in (text, *text.replace("@", " ").split()) if word]
        # The library keeps what belongs to the person in a place that its calls share.
        with self._guesses:
            return zxcvbn(password[:_LOOKED_AT], user_inputs=words)

    async def _in_thread(self, work: Callable[..., T], *args: Any) -> T:
        if self._waiting >= _MOST_WAITING:
            raise Unavailable("Too many people log in at once.", code="busy", retry_after_s=2)
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, partial(work, *args))
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    """The same for every keyboard that types the same characters (NIST SP 800-63B)."""
    return unicodedata.normalize("NFKC", password)


PASSWORDS = Passwords()
