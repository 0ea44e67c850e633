"""Rows, sums and texts from the journal's records. Needs neither wandb nor the SDK."""

from otel_wandb._costs.billing import summed
from otel_wandb._genai.paragraphs import part_text
from otel_wandb._genai.parts import DESCRIPTOR
from otel_wandb._records.table import Cell, Column, Row, Table
from otel_wandb._spans.attributes import ENGINE
