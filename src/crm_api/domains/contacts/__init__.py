"""Contacts: the people that the business deals with, how to reach them, where they work.

Invariants: a contact has a name or an e-mail address; one primary point per type; at most one
main employment, which the contact's own company, title and department repeat.
"""
