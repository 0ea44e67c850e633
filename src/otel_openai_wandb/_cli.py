"""The command `openai-wandb`: parses its arguments and runs its subcommands."""

import argparse
import sys
from collections.abc import Sequence
from typing import Final

from otel_openai_wandb import __version__
from otel_openai_wandb._gateway.command_line import add_gateway
from otel_openai_wandb._kafka.command_line import add_kafka

_RUN: Final = "a run's directory, or, for a run in W&B, ENTITY/PROJECT/RUN_ID or the address of its page"
_IMPOSSIBLE: Final = 2
_INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command. Returns exit code 0, 1 if something failed, 2 if it cannot start, or 130 after Ctrl-C."""
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
    add_gateway(commands)
    add_kafka(commands)
    return parser


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help()
    return 0


def _add_demo(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "make a few calls and show their traces, here and in W&B"
    parser = commands.add_parser(
        "demo",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. A local server answers the calls, unless --real is given. "
        "Without a W&B API key the run is kept offline. One call is meant to fail. The exit code is 1 if another call "
        "failed, and 2 if the demo cannot start.",
    )
    parser.add_argument(
        "--project", metavar="NAME", default="openai-wandb-demo", help="the W&B project (default: %(default)s)"
    )
    parser.add_argument(
        "--real", action="store_true", help="call OpenAI, with the key in OPENAI_API_KEY; this costs money"
    )
    parser.set_defaults(run=_demo)


def _add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "check the installation, the W&B key, and whether a trace reaches a run"
    parser = commands.add_parser(
        "doctor",
        help=what,
        description=f"{what[0].upper()}{what[1:]}. A check that fails says what to do. `opentelemetry-instrument "
        "openai-wandb doctor` checks what a program started with `opentelemetry-instrument` gets. The doctor "
        "prints no key, does not call OpenAI, and deletes its run. The exit code is 1 if a check failed.",
    )
    parser.add_argument(
        "--project", metavar="NAME", default="openai-wandb-doctor", help="the W&B project (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as one JSON document")
    parser.add_argument(
        "--account",
        action="store_true",
        help="make two tiny runs in your W&B account, and print what to look for there",
    )
    parser.add_argument(
        "--delete", metavar="PATH", nargs="+", help="with --account: delete these runs, which --account made"
    )
    parser.set_defaults(run=_doctor)


def _add_view(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "show the traces of runs, without an account"
    parser = commands.add_parser(
        "view",
        help=what,
        description=f"{what[0].upper()}{what[1:]}: one HTML file with the traces, the sessions, a comparison and the "
        "architecture. It is made from the journal in the run's directory. If the program still runs, or was killed, "
        "the page shows what was written so far. The exit code is 1 if there is nothing to show.",
    )
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="*",
        help=f"{_RUN} (default: the newest below ./wandb)",
    )
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--output", metavar="FILE", help="where to write the page (default: a temporary file)")
    place.add_argument(
        "--follow", action="store_true", help="serve the page on this machine, and update it while the program runs"
    )
    parser.add_argument("--no-browser", action="store_true", help="do not open the page in a browser")
    parser.set_defaults(run=_view)


def _view(given: argparse.Namespace) -> int:
    from otel_openai_wandb._view import command

    return command.run(given.runs, given.output, follow=given.follow, browser=not given.no_browser)


def _add_show(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "show the traces of a run in the terminal"
    parser = commands.add_parser(
        "show",
        help=what,
        description=f"{what[0].upper()}{what[1:]}, from the journal in its directory, also while the program runs "
        "and after it was killed. The exit code is 1 if there is no such trace, and 2 if there is no run.",
    )
    _add_run(parser)
    parser.add_argument("--trace", metavar="ID", help="show this trace in full, with its messages")
    parser.set_defaults(run=_show)


def _add_weave(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    what = "send the traces of an offline run to Weave"
    parser = commands.add_parser(
        "weave",
        help=what,
        description=f"{what[0].upper()}{what[1:]}, from its journal. Run `wandb sync` first. Each trace is sent once, "
        "however often you run this; but a run that is named as it is in W&B is sent as a whole each time. The exit "
        "code is 1 if not all could be sent, and 2 if there is no run.",
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
        description=f"{what[0].upper()}{what[1:]}, from the journal in its directory, also while the program runs and "
        "after it was killed. jsonl has a line for each trace, csv and parquet a row for each call of a model, and "
        "openai-chat a fine-tuning example for each answer of a chat. At the end the command prints on stderr "
        "what it left out, and why. The exit code is 1 if there is nothing to write, and 2 if there is no run.",
    )
    _add_run(parser)
    parser.add_argument(
        "--format", required=True, choices=("jsonl", "csv", "parquet", "openai-chat"), help="what to write"
    )
    parser.add_argument("--output", required=True, metavar="FILE", help="the file to write; - is stdout")
    parser.add_argument("--status", choices=("success", "error"), help="only calls (jsonl: traces) with this status")
    parser.add_argument("--tag", help="only calls (jsonl: traces) with this tag")
    parser.add_argument(
        "--model", metavar="NAME", help="only calls (jsonl: traces) that requested this model, or were answered by it"
    )
    parser.add_argument(
        "--feedback",
        metavar="NAME[>=|<=|=VALUE]",
        help="only traces with this feedback; if a trace has several of one name, the latest counts",
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


def _doctor(given: argparse.Namespace) -> int:
    if given.delete and not given.account:
        sys.stderr.write("--delete deletes runs that --account made: add --account\n")
        return _IMPOSSIBLE
    if given.account:
        from otel_openai_wandb._doctor import account_tour

        return account_tour.delete(given.delete) if given.delete else account_tour.run(given.project)
    from otel_openai_wandb._doctor import command

    return command.run(given.project, for_machines=given.json)


def _demo(given: argparse.Namespace) -> int:
    from otel_openai_wandb._demo import command

    return command.run(given.project, real=given.real)
