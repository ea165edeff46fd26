"""What every plain collection does, so that a domain writes only its difference."""
