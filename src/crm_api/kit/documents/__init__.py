"""Documents as PDF: a template and data in, the same bytes for the same input out (ADR-0048)."""
