"""Secret links by which people without an account see one record and say something of it."""
