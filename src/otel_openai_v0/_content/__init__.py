"""What may be recorded of prompts and completions: as JSON, without secrets, within limits."""
