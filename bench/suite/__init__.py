"""Suites: YAML read into a frozen Suite and expanded into Cells. Nothing here touches a device or the network."""
