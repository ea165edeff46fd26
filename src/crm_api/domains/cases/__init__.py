"""Cases: what customers ask for help with, and how soon they are answered (ADR-0064)."""
