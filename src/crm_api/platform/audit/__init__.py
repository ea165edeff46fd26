"""The audit trail: the events of an organization, sealed so that any later change is found.

Invariants: every committed event is sealed once, at a position without gaps, by the worker and
never by a request; a seal outlives what its event said; what is erased leaves a witness.
"""
