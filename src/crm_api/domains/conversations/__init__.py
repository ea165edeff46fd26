"""What customers write and are written, on every channel, in one thread each."""
