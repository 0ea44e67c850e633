"""The spool: bodies that were accepted and are not in a run yet, on the disk."""
