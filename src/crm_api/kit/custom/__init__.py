"""Fields that an organization gives its records itself: their types, values and rules.

Needs no database: the same rules check a request, a job and the rows of a file.
"""
