"""What `otel_openai_wandb` uses of this package beyond its public names; a test holds it to that.

Each name is imported at its first use: the command `openai-wandb` starts without the SDK, and says what is missing.
"""
# ruff: noqa: PLC0414  # `as` marks what is meant for others

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from otel_wandb._costs.billing import summed as summed
    from otel_wandb._costs.prices import read_prices as read_prices
    from otel_wandb._delivery.run_log import UnreadableError as UnreadableError
    from otel_wandb._exporter import live_exporters as live_exporters
    from otel_wandb._genai.paragraphs import part_text as part_text
    from otel_wandb._genai.parts import DESCRIPTOR as DESCRIPTOR
    from otel_wandb._install import how_to_install as how_to_install
    from otel_wandb._install import missing_of as missing_of
    from otel_wandb._install import require as require
    from otel_wandb._intake import Intake as Intake
    from otel_wandb._intake import IntakeOptions as IntakeOptions
    from otel_wandb._journal.from_spans import records_of as records_of
    from otel_wandb._journal.reader import Texts as Texts
    from otel_wandb._journal.reader import journal_files as journal_files
    from otel_wandb._journal.reader import read_journal as read_journal
    from otel_wandb._journal.schema import FOLDER as FOLDER
    from otel_wandb._journal.schema import Call as Call
    from otel_wandb._journal.schema import FeedbackRecord as FeedbackRecord
    from otel_wandb._journal.schema import Message as Message
    from otel_wandb._journal.schema import Record as Record
    from otel_wandb._journal.schema import RunOfFile as RunOfFile
    from otel_wandb._journal.schema import Span as Span
    from otel_wandb._journal.schema import TraceRecord as TraceRecord
    from otel_wandb._otlp.fields import MalformedError as MalformedError
    from otel_wandb._otlp.reading import Encoding as Encoding
    from otel_wandb._otlp.reading import has_fast_protobuf as has_fast_protobuf
    from otel_wandb._otlp.reading import read_spans as read_spans
    from otel_wandb._page.packing import Mark as Mark
    from otel_wandb._page.packing import PackedRun as PackedRun
    from otel_wandb._page.packing import Packer as Packer
    from otel_wandb._page.page import page as page
    from otel_wandb._process.health import Health as Health
    from otel_wandb._process.processors import flushes_of as flushes_of
    from otel_wandb._records.table import Cell as Cell
    from otel_wandb._records.table import Column as Column
    from otel_wandb._records.table import Row as Row
    from otel_wandb._records.table import Table as Table
    from otel_wandb._runs.account import configured_server as configured_server
    from otel_wandb._runs.account import has_key as has_key
    from otel_wandb._runs.account import key_of as key_of
    from otel_wandb._runs.account import lacks_key as lacks_key
    from otel_wandb._runs.account import mode_of as mode_of
    from otel_wandb._runs.account import server_of as server_of
    from otel_wandb._runs.opening import RECORDS_NOTHING as RECORDS_NOTHING
    from otel_wandb._runs.opening import is_of_this_process as is_of_this_process
    from otel_wandb._runs.opening import without_weave as without_weave
    from otel_wandb._runs.private import missing_comforts as missing_comforts
    from otel_wandb._runs.private import wait_until_written as wait_until_written
    from otel_wandb._settings import WEAVE_VARIABLE as WEAVE_VARIABLE
    from otel_wandb._settings import Keep as Keep
    from otel_wandb._settings import Weave as Weave
    from otel_wandb._settings import checked_keep as checked_keep
    from otel_wandb._settings import checked_weave as checked_weave
    from otel_wandb._settings import read_settings as read_settings
    from otel_wandb._spans.attributes import ENGINE as ENGINE
    from otel_wandb._spans.attributes import WANDB_ENTITY as WANDB_ENTITY
    from otel_wandb._spans.attributes import WANDB_PROJECT as WANDB_PROJECT
    from otel_wandb._spans.span import Position as Position
    from otel_wandb._spans.span import SpanRecord as SpanRecord
    from otel_wandb._traces.sink import Place as Place
    from otel_wandb._weave.sender import WeaveSender as WeaveSender
    from otel_wandb._weave.sink import resource_of as resource_of
    from otel_wandb._weave.spans import Endpoint as Endpoint
    from otel_wandb._weave.spans import WeaveSpan as WeaveSpan
    from otel_wandb._weave.spans import weave_spans as weave_spans
    from otel_wandb._weave.target import SERVER_VARIABLE as SERVER_VARIABLE
    from otel_wandb._weave.target import target_of as target_of

# Where each is, at run time.
_NAMES: Final = {
    "_costs.billing": ("summed",),
    "_costs.prices": ("read_prices",),
    "_delivery.run_log": ("UnreadableError",),
    "_exporter": ("live_exporters",),
    "_genai.paragraphs": ("part_text",),
    "_genai.parts": ("DESCRIPTOR",),
    "_install": ("how_to_install", "missing_of", "require"),
    "_intake": ("Intake", "IntakeOptions"),
    "_journal.from_spans": ("records_of",),
    "_journal.reader": ("Texts", "journal_files", "read_journal"),
    "_journal.schema": ("FOLDER", "Call", "FeedbackRecord", "Message", "Record", "RunOfFile", "Span", "TraceRecord"),
    "_otlp.fields": ("MalformedError",),
    "_otlp.reading": ("Encoding", "has_fast_protobuf", "read_spans"),
    "_page.packing": ("Mark", "PackedRun", "Packer"),
    "_page.page": ("page",),
    "_process.health": ("Health",),
    "_process.processors": ("flushes_of",),
    "_records.table": ("Cell", "Column", "Row", "Table"),
    "_runs.account": ("configured_server", "has_key", "key_of", "lacks_key", "mode_of", "server_of"),
    "_runs.opening": ("RECORDS_NOTHING", "is_of_this_process", "without_weave"),
    "_runs.private": ("missing_comforts", "wait_until_written"),
    "_settings": ("WEAVE_VARIABLE", "Keep", "Weave", "checked_keep", "checked_weave", "read_settings"),
    "_spans.attributes": ("ENGINE", "WANDB_ENTITY", "WANDB_PROJECT"),
    "_spans.span": ("Position", "SpanRecord"),
    "_traces.sink": ("Place",),
    "_weave.sender": ("WeaveSender",),
    "_weave.sink": ("resource_of",),
    "_weave.spans": ("Endpoint", "WeaveSpan", "weave_spans"),
    "_weave.target": ("SERVER_VARIABLE", "target_of"),
}
MODULES: Final = {name: f"otel_wandb.{module}" for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a name of the table."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return globals().setdefault(name, getattr(import_module(MODULES[name]), name))
