"""The records of custom objects: kinds that an organization has made up, all in one table.

Invariants: a record belongs to one object for ever; where the object is not defined any more, its
records are not there.
"""
