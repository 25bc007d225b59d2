"""The gate: records and launches in, verdicts out. Nothing here measures; `bench gate` does that and asks this room."""
