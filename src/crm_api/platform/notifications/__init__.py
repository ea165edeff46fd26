"""Notifications: what happened that somebody wants to know, in an inbox and by other ways."""
