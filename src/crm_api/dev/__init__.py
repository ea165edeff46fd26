"""The development set-up: everything in one data directory, nothing to configure."""
