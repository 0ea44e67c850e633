"""Content of prompts and completions as it is recorded: redacted, as JSON, without secrets, within limits."""
