#!/usr/bin/env bash
# Make a virtual environment with torch_xla 2.9.0 and its torch for PJRT_DEVICE=CPU, without NVIDIA's packages.
# usage: make_xla_venv.sh DIR      (PYTHON: the interpreter, python3.11)
set -euo pipefail
place=$1
here=$(dirname "$(readlink -f "$0")")
"${PYTHON:-python3.11}" -m venv "$place"
install() { "$place/bin/pip" install -q --disable-pip-version-check "$@"; }
install --no-deps torch==2.9.1 torch_xla==2.9.0 nvidia-cuda-runtime-cu12==12.8.90
install filelock typing-extensions 'sympy>=1.13.3' networkx jinja2 fsspec absl-py numpy pyyaml requests psutil pluggy
site=$("$place/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
"$place/bin/python" "$here/make_stubs.py" "$site"
rm -rf "$site/torch/include" "$site/torch/test"
"$place/bin/python" -c 'import torch, torch_xla; print(torch.__version__, torch_xla.__version__)'
