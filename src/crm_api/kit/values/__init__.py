"""Pure functions that turn what people type into the one form that is stored and compared."""
