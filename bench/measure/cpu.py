"""Processor time of a process, for windows in which work may start and end children of its own."""

from __future__ import annotations

import os
import time


def cpu_seconds() -> float:
    """Return processor seconds (user and system, all threads) of this process and of its children that have ended.

    This process is read to the nanosecond, ended children to the kernel's clock tick (10 ms on Linux). A child that
    still runs is in nobody's account yet: a window should end after those it started.
    """
    ended = os.times()
    return time.process_time() + ended.children_user + ended.children_system
