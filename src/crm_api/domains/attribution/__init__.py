"""Which touches brought what was won, and what campaigns come to."""
