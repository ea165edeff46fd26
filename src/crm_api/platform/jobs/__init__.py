"""Jobs: rows in PostgreSQL that workers lease; Redis and arq only ring and execute.

Invariants: a job is stored with the change that asked for it; at most one worker holds its lease;
whatever a worker writes under a lost lease is refused; a killed worker's job is taken up again.
"""
