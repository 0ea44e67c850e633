"""The command `openai-wandb kafka`: reads spans from a topic of Kafka, and writes their traces to W&B runs."""
