"""Reading model files: .keras and .h5 of Keras 2 and 3, and SavedModel folders, each as one function by names."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bench
from bench_tensorflow.runtime import tf, told
from bench_tensorflow.vetting import vet

HDF5 = b"\x89HDF"
SIGNATURE = "serving_default"


@dataclass(frozen=True)
class Callee:
    """A model as a function: `specs` are its inputs by name, `owner` keeps alive what it computes with."""

    function: Callable[..., Mapping[str, Any]]
    specs: Mapping[str, Any]
    owner: Any
    kind: str

    def traced(self, *, jit: bool = False) -> Any:
        """Return it traced for these inputs, batch free; `jit` compiles by XLA when it is first called."""
        return tf.function(self.function, jit_compile=jit or None).get_concrete_function(**self.specs)


def read_callee(artifact: bench.Artifact) -> Callee:
    """Return the function of an artifact. Raises Unsupported for what is no model or names no inputs."""
    return _saved_model(artifact.path) if artifact.path.is_dir() else keras_callee(read_keras(artifact.path))


def read_keras(path: Path) -> Any:
    """Return the model of a Keras file, by the Keras that wrote it. Raises Unsupported for anything else.

    What the file would do beside making layers is refused before it is loaded.
    """
    major = keras_version(path).partition(".")[0]
    vet(path)
    try:
        return _keras_of(major).load_model(str(path), compile=False)
    except Exception as error:
        raise bench.Unsupported(f"{path.name} does not open as a Keras {major} model: {told(error)}") from error


def read_keras_2(artifact: bench.Artifact, step: str) -> Any:
    """Return a model that the optimisation toolkit can work on. Raises Unsupported for one that Keras 3 wrote."""
    version = keras_version(artifact.path)
    if not version.startswith("2."):
        raise bench.Unsupported(
            f"{step}: TensorFlow's model optimisation toolkit works on Keras 2 models; this one is of Keras {version}",
            cure="build it with TF_USE_LEGACY_KERAS=1 and tf-keras, or quantise it only",
        )
    return read_keras(artifact.path)


def keras_version(path: Path) -> str:
    """Return the version of Keras that wrote a file. Raises Unsupported for a file of another kind."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return str(json.loads(archive.read("metadata.json"))["keras_version"])
        with path.open("rb") as stream:
            known = stream.read(4) == HDF5
        if known:
            return _version_in_hdf5(path)
    except Exception as error:  # zipfile, json and h5py fail in many ways at a file that is damaged on purpose
        raise bench.Unsupported(f"{path.name} is no Keras model: {told(error)}") from error
    raise bench.Unsupported(f"{path.name} is neither a .keras nor an .h5 file")


def keras_callee(model: Any, named_as: Any = None) -> Callee:
    """Return a Keras model as a function of its inputs by name, in inference mode.

    A step that wraps layers changes their names: outputs are named as those of the model it began with, `named_as`.
    """
    given, outputs = getattr(model, "inputs", None), getattr(model, "outputs", None)
    if not given or not outputs:
        raise bench.Unsupported(
            "the model is a class of its own: nothing tells its inputs",
            cure="export it as a SavedModel with a signature",
        )
    names = list(getattr(model, "input_names", None) or [_plain(each.name) for each in given])
    produced = _output_names(named_as or model, len(outputs))

    def forward(**inputs: Any) -> dict[str, Any]:
        arguments = [inputs[name] for name in names]
        found = model(arguments if len(arguments) > 1 else arguments[0], training=False)
        return dict(zip(produced, tf.nest.flatten(found), strict=True))

    specs = {
        n: tf.TensorSpec([None, *each.shape[1:]], each.dtype, name=n) for n, each in zip(names, given, strict=True)
    }
    return Callee(forward, specs, model, "keras")


def _saved_model(folder: Path) -> Callee:
    try:
        loaded = tf.saved_model.load(str(folder))
    except Exception as error:
        raise bench.Unsupported(f"{folder.name} does not open as a SavedModel: {told(error)}") from error
    every = dict(loaded.signatures)
    chosen = every.get(SIGNATURE) or (next(iter(every.values())) if len(every) == 1 else None)
    if chosen is None:
        told_of = ", ".join(sorted(every)) or "none"
        raise bench.Unsupported(f"a SavedModel needs the signature '{SIGNATURE}' or one alone; it has {told_of}")
    return Callee(chosen, dict(chosen.structured_input_signature[1]), loaded, "savedmodel")


def _keras_of(major: str) -> Any:
    if major == "3":
        import keras

        return keras.saving
    return tf.keras.models


def _version_in_hdf5(path: Path) -> str:
    import h5py

    with h5py.File(path) as file:
        version = file.attrs["keras_version"]
    return version.decode() if isinstance(version, bytes) else str(version)


def _output_names(model: Any, count: int) -> list[str]:
    names = list(getattr(model, "output_names", None) or [])
    if len(names) != count or len(set(names)) != count:
        names = ["output"] if count == 1 else [f"output_{index}" for index in range(count)]
    return names


def _plain(name: str) -> str:
    return name.partition(":")[0]
