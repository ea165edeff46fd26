"""The business, one package per area; each may use only those below it in `registry.py`."""
