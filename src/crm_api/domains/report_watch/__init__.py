"""Reports over any collection: one statement, as far as whoever asks may see."""
