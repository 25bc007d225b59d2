"""Network architectures of the standard tasks, in plain torch."""
