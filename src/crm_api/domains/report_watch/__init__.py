"""Schedules that tell reports, and alerts of metrics."""
