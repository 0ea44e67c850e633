"""Opens W&B runs, writes to them, and finishes them."""
