"""The rights of people about whom there are records: access, erasure, limits of keeping.

Invariants: whoever is erased leaves nothing behind but keyed hashes and that it happened; what is
under a legal hold is not destroyed; every collection has said what it has to do with people.
"""
