"""Records for other people's tools: tables, and the histories of benchmark runs. Pure: records in, text out."""

from bench.publish.export.history import history
from bench.publish.export.table import csv_text, json_text

__all__ = ["csv_text", "history", "json_text"]
