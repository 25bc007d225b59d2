"""Builds an environment in a process of its own, to be killed: `python builder.py FOLDER URL`."""

import sys
from pathlib import Path

import bench.envs.building
from bench.envs import Wanted

bench.envs.building.base_requirements = list
folder, url = sys.argv[1:]
wanted = Wanted("tiny", (f"bench-tiny @ {url}",), ("bench_tiny",), ("tiny",))
say = lambda text: print(text, flush=True)  # noqa: E731
print(bench.envs.building.build(wanted, folder=Path(folder), installer="pip", say=say).python, flush=True)
