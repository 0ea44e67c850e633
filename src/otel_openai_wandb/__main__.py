"""`python -m otel_openai_wandb` is the command `openai-wandb`."""

import sys

from otel_openai_wandb._cli import main

sys.exit(main())
