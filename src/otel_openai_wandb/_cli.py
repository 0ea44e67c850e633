"""The command `openai-wandb`: its arguments, and what they call."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from otel_openai_wandb import __version__

_RUN: Final = "a run's directory, or ENTITY/PROJECT/RUN_ID or the page's address of one in W&B"
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit code is 0, 1 if something failed, 2 for the impossible, 130 after Ctrl-C."""
    try:
        given = _parser().parse_args(arguments)
        return int(given.run(given))
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted.\n")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="openai-wandb", description="OpenTelemetry traces of openai 0.28 calls, shown in Weights & Biases."
    )
    parser.add_argument("--version", action="version", version=f"otel-openai-wandb {__version__}")
    parser.set_defaults(run=lambda _: _help(parser))
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_demo(commands)
    _add_doctor(commands)
    _add_view(commands)
    _add_show(commands)
    _add_weave(commands)
    _add_export(commands)
    _add_gateway(commands)
    _add_kafka(commands)
    return parser


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "make a few calls and show their traces, here and in W&B"
    parser = commands.add_parser(
        "demo",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. A stand-in that this command starts answers the calls, "
        "unless --real is given. Without a W&B API key the run is kept offline. The exit code is 1 if a call failed "
        "that is not meant to, and 2 if there can be no demo.",
    )
    parser.add_argument(
        "--project", metavar="NAME", default="openai-wandb-demo", help="the W&B project (default: %(default)s)"
    )
    parser.add_argument("--real", action="store_true", help="ask OpenAI, with the key in OPENAI_API_KEY; costs money")
    parser.set_defaults(run=_demo)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "say what is installed and active, whether W&B takes the key, and whether a trace reaches a run"
    parser = commands.add_parser(
        "doctor",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. `opentelemetry-instrument openai-wandb doctor` examines a program "
        "that is started so. No key is printed, OpenAI is not called, and no run is left behind. The exit code is 1 if "
        "something failed.",
    )
    parser.add_argument(
        "--project", metavar="NAME", default="openai-wandb-doctor", help="the W&B project (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document: ok, and what was found")
    parser.add_argument(
        "--account", action="store_true", help="make two tiny runs in your account, and say what to look for in W&B"
    )
    parser.add_argument("--delete", metavar="PATH", nargs="+", help="with --account: delete these runs again")
    parser.set_defaults(run=_doctor)


def _add_view(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "show the traces of runs, without an account"
    parser = commands.add_parser(
        "view",
        help=what,
        description=f"{what[0].upper()}{what[1:]}: one HTML file with the traces, the sessions, a comparison and the "
        "architecture, from the journal in the run's directory. A run that was killed, or still runs, is shown as far "
        "as it was written. The exit code is 1 if there was nothing to show.",
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="*",
        help=f"{_RUN} (default: the newest below ./wandb)",
    )
    parser.add_argument("--output", metavar="FILE", help="where to write the page (default: a temporary file)")
    parser.add_argument("--follow", action="store_true", help="serve the page on this machine while the run grows")
    parser.add_argument("--no-browser", action="store_true", help="do not open the page")
    parser.set_defaults(run=_view)


def _view(given: argparse.Namespace) -> int:
    from otel_openai_wandb._view import command

    return command.run(given.runs, given.output, follow=given.follow, browser=not given.no_browser)


def _add_show(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "show the traces of a run in the terminal"
    parser = commands.add_parser(
        "show",
        help=what,
        description=f"{what[0].upper()}{what[1:]}, from its directory: also while the program runs, and after it was "
        "killed. The exit code is 1 if there is no such trace, and 2 if there is no run.",
    )
    _add_run(parser)
    parser.add_argument("--trace", metavar="ID", help="one trace in full, with what was asked and answered")
    parser.set_defaults(run=_show)


def _add_weave(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "send the traces of an offline run to Weave"
    parser = commands.add_parser(
        "weave",
        help=what,
        description=f"{what[0].upper()}{what[1:]}, from its journal, after `wandb sync`. Each trace is sent once, "
        "however often this is called. The exit code is 1 if not all could be sent, and 2 if there is no run.",
    )
    _add_run(parser)
    parser.add_argument("--entity", metavar="NAME", help="the W&B entity (default: the run's, or your own)")
    parser.add_argument("--project", metavar="NAME", help="the W&B project (default: the run's)")
    parser.add_argument("--agents", action="store_true", help="send to Weave's endpoint for agents")
    parser.set_defaults(run=_weave)


def _weave(given: argparse.Namespace) -> int:
    from otel_openai_wandb._reading import weave

    return weave.run(given.directory, weave.Address(given.entity, given.project, given.agents))


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "directory",
        metavar="RUN",
        nargs="?",
        help=f"{_RUN} (default: the newest below WANDB_DIR, or here)",
    )


def _show(given: argparse.Namespace) -> int:
    from otel_openai_wandb._reading import show

    return show.run(given.directory, given.trace)


def _add_export(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "write the traces of a run to one file"
    parser = commands.add_parser(
        "export",
        help=what,
        description=f"{what[0].upper()}{what[1:]}, from the journal in its directory: also while the program runs, and "
        "after it was killed. jsonl has a line for each trace, whole; csv and parquet a row for each call of a model; "
        "openai-chat a line for each answer of a chat, as fine-tuning takes it. What was left out, and why, is said at "
        "the end, on stderr. The exit code is 1 if there was nothing to write, and 2 if there is no run.",
    )
    _add_run(parser)
    parser.add_argument("--format", required=True, choices=("jsonl", "csv", "parquet", "openai-chat"))
    parser.add_argument("--output", required=True, metavar="FILE", help="where to write it; - is stdout")
    parser.add_argument("--status", choices=("success", "error"), help="only calls (jsonl: traces) that ended so")
    parser.add_argument("--tag", help="only what has this tag")
    parser.add_argument("--model", metavar="NAME", help="only calls that asked this model, or were answered by it")
    parser.add_argument(
        "--feedback",
        metavar="NAME[>=|<=|=VALUE]",
        help="only what was given this feedback; of several by one name the last counts",
    )
    parser.set_defaults(run=_export)


def _export(given: argparse.Namespace) -> int:
    from otel_openai_wandb._export import command

    return command.run(
        given.directory,
        given.format,
        given.output,
        status=given.status,
        tag=given.tag,
        model=given.model,
        feedback=given.feedback,
    )


def _add_gateway(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "take OTLP from services and collectors, and write their traces to W&B runs"
    parser = commands.add_parser(
        "gateway",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. A sender is told that its spans were taken when they are on this "
        "machine's disk; from there they go to runs, also after a kill. It needs the extra `gateway`. The exit code is "
        "1 if the disk cannot be used, and 2 if it cannot be started so.",
    )
    for name, metavar, default, means in (
        ("directory", "DIR", "openai-wandb-gateway", "of the spool and the runs, for one gateway"),
        ("http", "HOST:PORT", "127.0.0.1:4318", "where to take OTLP/HTTP, or none"),
        ("grpc", "HOST:PORT", "127.0.0.1:4317", "where to take OTLP/gRPC, or none"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, default=default, help=f"{means} (default: %(default)s)")
    for name, metavar, means in (
        ("tokens", "FILE", "who may send, and to which project (see examples/gateway/README.md)"),
        ("certificate", "FILE", "of this server, in PEM: TLS for both"),
        ("private-key", "FILE", "of the certificate"),
        ("client-ca", "FILE", "only clients with a certificate of this authority may connect"),
        ("project", "NAME", "the W&B project, where neither a token nor a span names one"),
        ("entity", "NAME", "the W&B entity, likewise"),
        ("worker", "NAME", "this gateway's name in its runs (default: this machine's)"),
    ):
        parser.add_argument(f"--{name}", metavar=metavar, help=means)
    for name, size, means in (
        ("spool-mib", 1024, "what may wait on the disk"),
        ("body-mib", 16, "of one request at most, also inflated"),
    ):
        parser.add_argument(f"--{name}", metavar="N", type=int, default=size, help=f"{means} (default: %(default)s)")
    parser.set_defaults(run=_gateway)


def _gateway(given: argparse.Namespace) -> int:
    from otel_openai_wandb._gateway import command
    from otel_openai_wandb._gateway.options import Given

    return command.run(
        Given(
            directory=given.directory,
            http=given.http,
            grpc=given.grpc,
            tokens=given.tokens,
            certificate=given.certificate,
            private_key=given.private_key,
            client_ca=given.client_ca,
            project=given.project,
            entity=given.entity,
            worker=given.worker,
            spool_mib=given.spool_mib,
            body_mib=given.body_mib,
        )
    )


def _add_kafka(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "take OTLP from a topic of Kafka, and write its traces to W&B runs"
    parser = commands.add_parser(
        "kafka",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. Start as many as the topic has partitions, each with a name and a "
        "directory of its own, and with the same ones after a kill. An offset is committed when its spans are on the "
        "disk. All spans of a trace must be in one partition, as `partition_traces_by_id` of the collector's exporter "
        "has them. It needs the extra `kafka`. The exit code is 1 if Kafka or the disk failed, and 2 if it cannot be "
        "started so.",
    )
    parser.add_argument("--brokers", metavar="HOST:PORT[,...]", required=True, help="brokers to begin with")
    parser.add_argument("--topic", metavar="NAME", default="otlp_spans", help="of the spans (default: %(default)s)")
    parser.add_argument("--group", metavar="NAME", default="openai-wandb", help="of the workers (default: %(default)s)")
    parser.add_argument(
        "--worker", metavar="NAME", help="this one, in its group and its runs (default: this machine's name)"
    )
    parser.add_argument(
        "--directory",
        metavar="DIR",
        default="openai-wandb-kafka",
        help="of the runs, for one worker (default: %(default)s)",
    )
    parser.add_argument(
        "--project",
        metavar="[ENTITY/]PROJECT",
        help="the W&B project of all spans (default: what their resource or a span names in wandb.project)",
    )
    parser.add_argument(
        "--encoding", choices=("otlp_proto", "otlp_json"), default="otlp_proto", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--dead-letters", metavar="TOPIC", help="where to put records that are no OTLP (default: they are counted)"
    )
    parser.add_argument(
        "--config", metavar="FILE", help="settings of librdkafka, a name=value in each line: TLS, passwords, times"
    )
    parser.set_defaults(run=_kafka)


def _kafka(given: argparse.Namespace) -> int:
    from otel_openai_wandb._kafka import command
    from otel_openai_wandb._kafka.options import Given

    return command.run(
        Given(
            brokers=given.brokers,
            topic=given.topic,
            group=given.group,
            directory=given.directory,
            encoding=given.encoding,
            dead_letters=given.dead_letters,
            project=given.project,
            worker=given.worker,
            config=given.config,
        )
    )


def _doctor(given: argparse.Namespace) -> int:
    if given.account:
        from otel_openai_wandb._doctor import account_tour

        return account_tour.delete(given.delete) if given.delete else account_tour.run(given.project)
    from otel_openai_wandb._doctor import command

    return command.run(given.project, for_machines=given.json)


def _demo(given: argparse.Namespace) -> int:
    from otel_openai_wandb._demo import command

    return command.run(given.project, real=given.real)
