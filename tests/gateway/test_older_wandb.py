"""A wandb that holds rows back: nothing would ever be settled, and all of it written again and again."""

from pathlib import Path

import pytest

from tests.support.program import run_program

COMMANDS = {
    "gateway": '"gateway", "--directory", "gw"',
    "kafka": '"kafka", "--brokers", "127.0.0.1:1", "--directory", "runs"',
}


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_refused(tmp_path: Path, command: str) -> None:
    body = f"""
import sys, wandb
from otel_openai_wandb._cli import main
del wandb.Settings.model_fields["x_transaction_log_flush_interval"]
sys.exit(main([{COMMANDS[command]}]))
"""
    done = run_program(tmp_path, body)
    assert (done.returncode, done.stdout) == (2, "")
    assert "needs wandb 0.31" in done.stderr
