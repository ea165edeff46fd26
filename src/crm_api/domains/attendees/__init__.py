"""Attendees of bookings: who is invited, what they are told by mail, and what they reply."""
