"""The page that shows a run's traces: packed into one file, or served while the run grows."""
