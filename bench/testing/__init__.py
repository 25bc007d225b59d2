"""Testing: suites and models inside pytest. The conformance of plugins will live here too."""
