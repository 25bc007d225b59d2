"""Make stand-ins for the CUDA libraries that PyPI's x86-64 build of torch needs and does not call without a GPU.

Every CUDA symbol that torch's libraries leave undefined becomes a function that returns 999, an error in every CUDA
library. libcudart is the real one (nvidia-cuda-runtime-cu12, 1 MB): torch calls it while it loads. Needs gcc, nm and
readelf.   usage: make_stubs.py SITE_PACKAGES
"""

import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

LIBRARIES = {
    "cudnn": "libcudnn.so.9",
    "cusparseLt": "libcusparseLt.so.0",
    "cuFile": "libcufile.so.0",
    "cupti": "libcupti.so.12",
    "cusparse": "libcusparse.so.12",
    "cufft": "libcufft.so.11",
    "nccl": "libnccl.so.2",
    "pncclGet": "libnccl.so.2",
    "curand": "libcurand.so.10",
    "cublasLt": "libcublasLt.so.12",
    "cublas": "libcublas.so.12",
    "nvshmem": "libnvshmem_host.so.3",
    "cusolver": "libcusolver.so.11",
}
OURS = re.compile(r"lib(torch|c10|shm|caffe2).*\.so")


def printed(*command: str) -> list[str]:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def library_of_version(path: Path) -> dict[str, str]:
    """Return which library a library wants each version of a symbol from."""
    found, current = {}, ""
    for line in printed("readelf", "-V", "-W", str(path)):
        if named := re.search(r"File: (\S+)", line):
            current = named.group(1)
        if (version := re.search(r"Name: (\S+)\s+Flags", line)) and current:
            found[version.group(1)] = current
    return found


def undefined(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (library, symbol, version) of the CUDA symbols that a library leaves undefined."""
    by_version = library_of_version(path)
    for line in printed("nm", "-D", "--undefined-only", str(path)):
        name, _, version = line.split()[-1].partition("@")
        version = version.lstrip("@")
        library = next((each for prefix, each in LIBRARIES.items() if name.startswith(prefix)), None)
        if library is not None and "_Z" not in name:
            library = by_version.get(version, library)
            if not library.startswith(("libtorch", "libcudart")):
                yield library, name, version


def compile_stub(target: Path, symbols: Mapping[str, str], work: Path) -> None:
    """Compile a shared library of symbols, each under its version."""
    source, script = work / "stub.c", work / "stub.map"
    source.write_text("".join(f"int {name}(void){{return 999;}}\n" for name in symbols))
    by_version = defaultdict(list)
    for name, version in symbols.items():
        by_version[version].append(name)
    parts = [f"{version} {{ global: {'; '.join(names)}; }};\n" for version, names in by_version.items() if version]
    script.write_text("".join(parts))
    versions = [f"-Wl,--version-script={script}"] if parts else []
    command = ["gcc", "-w", "-fno-builtin", "-shared", f"-Wl,-soname,{target.name}", *versions, "-o", str(target)]
    subprocess.run([*command, str(source)], check=True)


def main(site: Path) -> None:
    folder = site / "torch" / "lib"
    needed: dict[str, dict[str, str]] = {each: {} for each in LIBRARIES.values()}
    for path in sorted(each for each in folder.iterdir() if OURS.match(each.name)):
        for library, name, version in undefined(path):
            needed.setdefault(library, {})[name] = version or needed[library].get(name, "")
    with tempfile.TemporaryDirectory() as work:
        for library, symbols in needed.items():
            compile_stub(folder / library, symbols, Path(work))
            print(f"{library:24s} {len(symbols):4d} symbols")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
