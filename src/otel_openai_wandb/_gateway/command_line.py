"""The arguments of `openai-wandb gateway`."""

import argparse
from typing import Final

_TEXTS_WITH_DEFAULTS: Final = (
    ("directory", "DIR", "openai-wandb-gateway", "directory of the spool and the runs; each gateway needs its own"),
    ("http", "HOST:PORT", "127.0.0.1:4318", "address for OTLP/HTTP, or none"),
    ("grpc", "HOST:PORT", "127.0.0.1:4317", "address for OTLP/gRPC, or none"),
)
_TEXTS: Final = (
    ("tokens", "FILE", "file that lists who may send, and to which project (see examples/gateway/README.md)"),
    ("certificate", "FILE", "certificate of this server in PEM: turns TLS on for both addresses"),
    ("private-key", "FILE", "private key of the certificate"),
    ("client-ca", "FILE", "accept only clients with a certificate of this authority"),
    ("project", "NAME", "W&B project of traces for which neither a token nor a span names one"),
    ("entity", "NAME", "W&B entity of traces for which neither a token nor a span names one"),
    ("worker", "NAME", "name of this gateway in its runs (default: the name of this machine)"),
)
_SIZES: Final = (
    ("spool-mib", 1024, "maximum size of the spool on the disk in MiB"),
    ("body-mib", 16, "maximum size of one request in MiB, before and after decompression"),
)


def add_gateway(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command."""
    what = "receive OTLP from services and collectors, and write their traces to W&B runs"
    parser = commands.add_parser(
        "gateway",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. The gateway confirms spans when they are on this machine's disk. "
        "It then writes them to runs, also after a kill and a restart. It needs the extra `gateway`. The exit code is "
        "1 if the disk fails, and 2 if the gateway cannot start.",
    )
    for name, metavar, default, means in _TEXTS_WITH_DEFAULTS:
        parser.add_argument(f"--{name}", metavar=metavar, default=default, help=f"{means} (default: %(default)s)")
    for name, metavar, means in _TEXTS:
        parser.add_argument(f"--{name}", metavar=metavar, help=means)
    for name, size, means in _SIZES:
        parser.add_argument(f"--{name}", metavar="N", type=int, default=size, help=f"{means} (default: %(default)s)")
    parser.set_defaults(run=_run)


def _run(given: argparse.Namespace) -> int:
    from otel_openai_wandb._gateway import command
    from otel_openai_wandb._gateway.options import Given

    return command.run(Given(**{name: value for name, value in vars(given).items() if name != "run"}))
