"""The arguments of `openai-wandb kafka`."""

import argparse
from typing import Final

_TEXTS_WITH_DEFAULTS: Final = (
    ("topic", "NAME", "otlp_spans", "topic of the spans"),
    ("group", "NAME", "openai-wandb", "consumer group of the workers"),
    ("directory", "DIR", "openai-wandb-kafka", "directory of the runs; each worker needs its own"),
)
_TEXTS: Final = (
    ("worker", "NAME", "name of this worker, in its group and in its runs (default: the name of this machine)"),
    (
        "project",
        "[ENTITY/]PROJECT",
        "W&B project of all traces (default: the `wandb.project` of their resource or of a span)",
    ),
    ("dead-letters", "TOPIC", "topic for records that are not OTLP (default: such records are only counted)"),
    (
        "config",
        "FILE",
        "file with settings of librdkafka, such as TLS, passwords and times: one name=value in each line",
    ),
)


def add_kafka(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    what = "read OTLP from a topic of Kafka, and write its traces to W&B runs"
    parser = commands.add_parser(
        "kafka",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. Start at most one worker for each partition of the topic. Each "
        "worker needs its own name and directory, and the same ones after a restart. An offset is committed when its "
        "spans are on the disk. All spans of a trace must be in one partition: set `partition_traces_by_id` in the "
        "collector's Kafka exporter. The command needs the extra `kafka`. The exit code is 1 if Kafka or the disk "
        "fails, and 2 if the worker cannot start.",
    )
    parser.add_argument("--brokers", metavar="HOST:PORT[,...]", required=True, help="brokers to connect to first")
    for name, metavar, default, means in _TEXTS_WITH_DEFAULTS:
        parser.add_argument(f"--{name}", metavar=metavar, default=default, help=f"{means} (default: %(default)s)")
    parser.add_argument(
        "--encoding",
        choices=("otlp_proto", "otlp_json"),
        default="otlp_proto",
        help="encoding of the records (default: %(default)s)",
    )
    for name, metavar, means in _TEXTS:
        parser.add_argument(f"--{name}", metavar=metavar, help=means)
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from otel_openai_wandb._kafka import command
    from otel_openai_wandb._kafka.options import Given

    return command.run(Given(**{name: value for name, value in vars(given).items() if name != "run"}))
