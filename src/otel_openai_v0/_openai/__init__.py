"""Pure functions that read openai's objects: operations, requests, responses, streams, errors."""
