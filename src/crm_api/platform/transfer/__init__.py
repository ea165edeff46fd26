"""Files in: read a dirty table, match it with what is there, commit in chunks, undo it.

Invariants: a row is committed once or not at all, whatever dies meanwhile; what validation counts
is what a run does; every record that an import made or changed can be put back.
"""
