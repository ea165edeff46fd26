"""Orders: what was agreed, how it is handed over, and how it changes.

An order is made of an accepted quote or written by hand, and stays as it was confirmed but for
change requests (ADR-0060).
"""
