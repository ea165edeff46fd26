"""Duplicates: records that are probably one, what is done about them, and what was decided.

Invariants: a pair is suggested once, whatever the order of its records; a pair that somebody has
called two is never suggested again, not even for what its records were merged into; under the
policy `block` no two creations at once bring a value in twice that makes a duplicate certain.
"""
