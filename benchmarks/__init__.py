"""Benchmarks: requests under load, an import, and the way to the first answer."""
