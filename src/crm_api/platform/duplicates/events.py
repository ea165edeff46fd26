"""The work that a search for duplicates asks for."""

from dataclasses import dataclass

from crm_api.kit.messages import Message


@dataclass(frozen=True)
class ScanDuplicates(Message):
    """Find the pairs of one kind of record that are probably one."""

    kind = "duplicates.scan"
    lane = "bulk"
    # A worker that dies is no fault of the records: each try goes on where the last one ended.
    max_attempts = 50
    target: str
    full: bool
    """Look at all records, not only at those that changed since the last time."""
    repeated: bool = False
    """Asked for by the policy and not by somebody."""
