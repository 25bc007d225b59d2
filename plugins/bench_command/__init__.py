"""A program as a backend: a device's own benchmark, a phone over adb, a board, speaking JSON lines.

This module is light: what starts programs is imported when something is opened.
"""

from __future__ import annotations

from typing import Annotated

import bench


@bench.backend("command", accepts="onnx", facts={"code": "program", "accepts_option": "format"})
class CommandBackend:
    """A program of yours that opens a model file and runs it, asked and answering in JSON lines.

    It may run the model anywhere. It says whether it times calls by a clock of its own, else their round trip is timed
    here; the record says which. Joules and memory are not read: the work is not this process's.
    """

    def __init__(
        self,
        program: Annotated[str, "the command line; no shell reads it"] = "",
        format: Annotated[str, "the format of the files it opens"] = "onnx",  # noqa: A002 - the option's name
        patience: Annotated[float, bench.Bounds(gt=0, le=3600), "seconds to wait for an answer"] = 60.0,
    ) -> None:
        self.program, self.format, self.patience_s = program, format, patience

    def open(self, artifact: bench.Artifact, *, device: str, threads: int) -> bench.Session:
        """Start the program and let it open the file. Raises Unsupported with its reason when it declines."""
        from bench_command.session import open_session

        return open_session(artifact, self.program, device=device, threads=threads, patience_s=self.patience_s)
