"""Measuring inside a worker: the recorder of a block's calls, memory probes, processor placement."""
