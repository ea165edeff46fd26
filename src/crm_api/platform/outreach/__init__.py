"""Consents, suppressions, and the one gate that says who may be reached.

Invariants: what a person decided is only ever added to; the last word per purpose and channel
counts, and of two that come at once the one that is stored later is the last.
"""
