"""Definitions of the fields that an organization gives its records itself.

Invariants: a name means one type for ever, so stored values keep their meaning; every writer
knows a definition within a second of its commit; a unique field has no value twice.
"""
