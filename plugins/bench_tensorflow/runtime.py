"""TensorFlow as this plugin needs it: with Keras 2, which its model optimisation toolkit works on, and quiet.

Every module of the package that works with TensorFlow takes it from here: the variables count when it is imported.
"""

from __future__ import annotations

import os
import platform

import bench

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # for the whole process: the toolkit knows tf-keras only
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

__all__ = ["onednn", "seeded", "set_threads", "tf", "told", "versions"]
SHOWN = 300


def set_threads(threads: int) -> None:
    """Give TensorFlow this many threads for operators, and one operator at a time.

    It takes a number once, before its first operation. Raises BenchError where the process has another already.
    """
    threading = tf.config.threading
    if (threading.get_intra_op_parallelism_threads(), threading.get_inter_op_parallelism_threads()) == (threads, 1):
        return
    try:
        threading.set_intra_op_parallelism_threads(threads)
        threading.set_inter_op_parallelism_threads(1)
    except RuntimeError as error:
        kept = threading.get_intra_op_parallelism_threads() or "all"
        raise bench.BenchError(
            f"tensorflow has {kept} threads since its first operation in this process, and cannot change to {threads}",
            cure="run without --in-process: every worker chooses its threads itself",
        ) from error


def seeded(seed: int) -> None:
    """Make initialisation, shuffling and training come out the same for a seed: one thread, deterministic kernels."""
    set_threads(1)
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def versions() -> str:
    """Return what converts and trains, for the record."""
    return f"tensorflow {tf.__version__}"


def told(error: Exception) -> str:
    """Return a library's complaint in one line, without the frames that it puts into the message."""
    lines = [each.strip() for each in str(error).splitlines() if each.strip()]
    return (lines[0] if lines else type(error).__name__)[:SHOWN]


def onednn() -> bool:
    """Whether kernels of oneDNN may be used: x86-64 builds have them on unless they are switched off."""
    wanted = os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1").lower() not in ("0", "false")
    return wanted and platform.machine() in ("x86_64", "AMD64")
