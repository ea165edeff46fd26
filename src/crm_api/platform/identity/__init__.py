"""Organizations, their API keys, users and teams: who may ask at all.

Invariants: a key is stored as a hash and shown once; a key never holds a scope that its maker
lacks; every credential belongs to one organization.
"""
