"""Publishing: records in, a leaderboard out. Needs no framework, no plugin and no network."""

from bench.publish.page import render
from bench.publish.site import write_site
from bench.publish.view import build_view

__all__ = ["build_view", "render", "write_site"]
