"""Foreign spans and values become our own records."""
