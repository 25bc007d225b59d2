"""Keeping the libraries' own chatter off a run's output, also what C++ prints past Python."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator

KEPT_BYTES = 2000


@contextlib.contextmanager
def quiet() -> Iterator[list[str]]:
    """Take standard output and error of the process away inside the block; yields what was written, once it ended.

    Only descriptors see it all: MLIR's passes and progress bars write to 1, absl and delegates to 2.
    """
    said: list[str] = []
    before = logging.root.manager.disable
    with tempfile.TemporaryFile() as sink, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(max(before, logging.WARNING))
        kept = [(each, os.dup(each)) for each in (1, 2)]
        try:
            _flush()
            for each, _ in kept:
                os.dup2(sink.fileno(), each)
            with contextlib.redirect_stdout(sys.__stderr__ or sys.stderr):
                yield said
        finally:
            _flush()
            for each, copy in kept:
                os.dup2(copy, each)
                os.close(copy)
            logging.disable(before)
            size = sink.seek(0, os.SEEK_END)
            sink.seek(max(0, size - KEPT_BYTES))
            said += sink.read().decode(errors="replace").splitlines()


def _flush() -> None:
    for each in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            each.flush()
