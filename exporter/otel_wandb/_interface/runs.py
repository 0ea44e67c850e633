"""W&B: the account, runs, and what is missing in this version of wandb."""

from otel_wandb._runs.account import configured_server, has_key, key_of, lacks_key, mode_of, server_of
from otel_wandb._runs.opening import RECORDS_NOTHING, is_of_this_process, without_weave
from otel_wandb._runs.private.missing import missing_comforts
from otel_wandb._runs.private.service import wait_until_written
