"""`openai-wandb kafka`: takes spans from a topic of Kafka, and writes their traces to W&B runs."""
