"""Working calendars: when an organization works, and on which days it does not.

Invariants: at most one calendar is the default; a day of a calendar has one exception at the most;
holidays are stored, never looked up while counting, so that a newer list does not move the past.
"""
