"""One search through all collections."""
