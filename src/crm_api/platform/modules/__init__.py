"""Switches: which parts of the product an organization has on, read-only or off.

Invariants: no module is on while one that it depends on is disabled; the core cannot be switched;
what is disabled keeps its data; every process obeys a switch within a second.
"""
