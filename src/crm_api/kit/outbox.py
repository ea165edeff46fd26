"""What would be sent, as files in a directory in development."""

import asyncio
import os
from pathlib import Path


async def put(directory: Path, name: str, data: bytes) -> None:
    """A file that its owner alone reads, whole from the moment that it is there."""
    await asyncio.to_thread(_write, directory / name, data)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    draft.replace(path)
