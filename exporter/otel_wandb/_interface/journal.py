"""The journal of a run: its records, and how they are read. Needs neither wandb nor the SDK."""

from otel_wandb._journal.joining import Growing, Joining
from otel_wandb._journal.reader import JournalFile, Texts, journal_files, read_journal
from otel_wandb._journal.schema import FOLDER, Call, FeedbackRecord, Message, Record, RunOfFile, Span, TraceRecord
from otel_wandb._journal.whole import Numbering, whole_traces
