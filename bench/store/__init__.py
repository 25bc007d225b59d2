"""The store: append-only records, the launch journal, samples, and the content-addressed artifact cache."""

from bench.store.cache import Cache, cache_folder
from bench.store.folder import RunFolder, find_records, open_run
from bench.store.journal import Journal
from bench.store.launch import Launch
from bench.store.locks import Busy, held
from bench.store.records import append_record, document_of, read_records

__all__ = [
    "Busy",
    "Cache",
    "Journal",
    "Launch",
    "RunFolder",
    "append_record",
    "cache_folder",
    "document_of",
    "find_records",
    "held",
    "open_run",
    "read_records",
]
