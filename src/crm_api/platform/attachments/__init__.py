"""Attachments: files of records, of whatever kind those are (ADR-0042)."""
