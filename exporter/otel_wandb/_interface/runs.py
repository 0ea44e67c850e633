"""W&B: its account, its runs, and what this version of wandb lacks."""

from otel_wandb._runs.account import configured_server, has_key, key_of, lacks_key, mode_of, server_of
from otel_wandb._runs.opening import RECORDS_NOTHING, is_of_this_process, without_weave, writes_at_once
from otel_wandb._runs.private import missing_comforts, wait_until_written
