"""A service process of wandb is found in both ways. Other tests need this to detect one that is left over."""

from pathlib import Path

from tests.support.program import run_program


def test_wandbs_service_is_found_while_it_runs(tmp_path: Path) -> None:
    source = """
    import os
    import wandb
    from tests.support.processes import session_of, wandb_children, wandb_services

    run = wandb.init(mode="offline")
    (service,) = wandb_children()
    assert wandb_services(os.getpid()) == [service]
    assert os.getpid() in session_of(os.getsid(0))
    run.finish()
    wandb.teardown()
    assert wandb_children() == wandb_services(os.getpid()) == []
    """
    done = run_program(tmp_path, source)
    assert done.returncode == 0, done.stderr
