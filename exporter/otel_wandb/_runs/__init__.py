"""W&B: opens runs, writes to them, finishes them."""
