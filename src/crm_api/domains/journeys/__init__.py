"""Journeys: graphs of waits, conditions, splits and steps that people go through."""
