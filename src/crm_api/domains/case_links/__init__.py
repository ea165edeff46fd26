"""Secret links by which customers rate how their cases were closed."""
