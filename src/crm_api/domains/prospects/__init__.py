"""Public forms that capture leads, and lists of leads that are shared out whole (ADR-0081)."""
