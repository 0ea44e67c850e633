"""What a span says about GenAI, whatever its dialect."""
