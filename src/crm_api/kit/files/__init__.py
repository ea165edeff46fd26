"""Files that jobs and requests keep: one port, and the places behind it (ADR-0042)."""
