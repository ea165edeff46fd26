"""Requests to addresses that others have named: what may be reached, and how long it may take."""
