"""Accounts: how people log in, their sessions, and the tokens that programs carry for them.

Invariants: an account belongs to the installation and a membership links it to an organization;
passwords and recovery codes are stored as hashes, secrets that must be read again are sealed;
nobody learns whether an address has an account; a session that has ended opens nothing a second
later.
"""
