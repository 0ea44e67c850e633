"""What openai's objects say, read by pure functions: operations, requests, responses, streams, errors."""
