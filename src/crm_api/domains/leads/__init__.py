"""Leads: people and companies that may become customers, and who takes care of each (ADR-0080)."""
