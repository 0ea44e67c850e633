"""The journal of a run: every trace, structured and whole, in the run's own files."""
