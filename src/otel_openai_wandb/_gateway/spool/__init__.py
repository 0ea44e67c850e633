"""The spool: accepted bodies on the disk that are not in a run yet."""
