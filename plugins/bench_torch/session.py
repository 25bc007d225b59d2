"""Sessions: a program opened on a device, its calls made as cheap as calling the module."""

from __future__ import annotations

import contextlib
import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

import bench
from bench_torch.compiler import check_compiler
from bench_torch.devices import Cpu, Device, device_of
from bench_torch.flat import bind_directly, flatten, rooted
from bench_torch.program import Input, inputs_of, load_program, quiet

# Loading a program imports these. Done with this module, they count as the runtime's, not as the artifact's memory and
# load time; a release of torch that has them elsewhere only loses that.
LOADED_WITH_PROGRAMS = (
    "torch._dynamo.utils",
    "torch._export.passes.collect_tracepoints_pass",
    "torch._export.serde.serialize",
    "torch._inductor.codegen.common",
    "torch._inductor.sizevars",
    "torch.export._trace",
    "torch.export.pt2_archive",
    "torch.fx.experimental.symbolic_shapes",
    "torch.fx.experimental.validator",
    "networkx",
)
for _name in LOADED_WITH_PROGRAMS:
    with contextlib.suppress(ImportError):
        importlib.import_module(_name)


def open_session(artifact: bench.Artifact, *, device: str, threads: int, compiled: bool) -> TorchSession:
    """Open a .pt2 artifact. Raises Unsupported when the device or, for `compiled`, a C++ compiler is missing."""
    place = device_of(device)
    if compiled and device == "cpu":
        check_compiler()
    torch.set_num_threads(threads)
    program = place.move(load_program(artifact.path))
    inputs = inputs_of(program)
    graph, state = flatten(program)
    facts = {
        "precision": precision_of(state),
        "inputs": {each.name: str(each.dtype).removeprefix("torch.") for each in inputs},
    }
    del program
    if compiled:
        return CompiledSession(graph, state, inputs, facts, freeze=has_integer_weights(state), device=place)
    return EagerSession(graph, state, inputs, facts, device=place)


class TorchSession:
    """What all sessions share: tensors made once, results in the device's memory when a call returns."""

    mode = "eager"

    def __init__(self, inputs: Sequence[Input], facts: Mapping[str, Any], device: Device | None = None) -> None:
        self._inputs = tuple(inputs)
        self._facts = dict(facts)
        self._device = device or Cpu()
        self._submit: Callable[[], Any] | None = None

    def bind(self, inputs: bench.Arrays) -> Callable[[], Any]:
        """Copy the inputs into tensors once and return the call on them: it returns the outputs as a tuple of tensors.

        On a card the inputs lie in its memory and so do the outputs; the call returns when they are there. Operators of
        the processor are done when they return.
        """
        submit = self._call(self._tensors(inputs))
        self._submit = None if isinstance(self._device, Cpu) else submit
        return self._device.waiting(submit)

    def run(self, inputs: bench.Arrays) -> dict[str, np.ndarray[Any, Any]]:
        """Run one batch; floating-point outputs come back as float32, whatever the model computes in."""
        outputs = self.bind(inputs)()
        names = ["output"] if len(outputs) == 1 else [f"output_{index}" for index in range(len(outputs))]
        return {name: to_numpy(each) for name, each in zip(names, outputs, strict=True)}

    def synchronize(self) -> None:
        """Wait for the device; work on the CPU is done when the call returns."""
        self._device.wait()

    def facts(self) -> dict[str, Any]:
        """Return the version, mode, threads and precisions in use, and the card with its time for the bound call."""
        own = {"runtime": "torch", "version": torch.__version__, "mode": self.mode, "threads": torch.get_num_threads()}
        return {**own, **self._facts, **self._device.facts(self._submit)}

    def profile(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Return what is executed for a batch, as torch's profiler sees it."""
        from bench_torch.profile import profiled

        return profiled(self.bind(inputs), on_card=not isinstance(self._device, Cpu))

    def close(self) -> None:
        """Drop the program; the tensors go with the last reference."""
        self._inputs, self._submit = (), None

    def _call(self, tensors: dict[str, Any]) -> Callable[[], Any]:
        raise NotImplementedError

    def _tensors(self, inputs: bench.Arrays) -> dict[str, Any]:
        """Return the inputs by placeholder, in the dtype the program takes (a float never becomes an integer)."""
        wanted = {each.name for each in self._inputs}
        if wanted != set(inputs):
            got = ", ".join(sorted(inputs))
            raise bench.BenchError(f"the program takes the inputs {', '.join(sorted(wanted))}; it was given {got}")
        return {each.placeholder: self._device.place(_tensor(inputs[each.name], each)) for each in self._inputs}


class EagerSession(TorchSession):
    """Operator by operator, as calling the module would."""

    def __init__(
        self,
        graph: Any,
        state: Mapping[str, Any],
        inputs: Sequence[Input],
        facts: Mapping[str, Any],
        device: Device | None = None,
    ) -> None:
        super().__init__(inputs, facts, device)
        bind_directly(graph)
        self._forward = graph.forward
        names = [node.target for node in graph.graph.nodes if node.op == "placeholder"]
        self._order = [(name, state.get(name)) for name in names]

    def _call(self, tensors: dict[str, Any]) -> Callable[[], Any]:
        forward, inference_mode = self._forward, torch.inference_mode
        arguments = tuple(tensors.get(name, value) for name, value in self._order)

        def call() -> Any:
            with inference_mode():
                return forward(*arguments)

        return call


class CompiledSession(TorchSession):
    """Through torch.compile, one shape, the whole graph or nothing."""

    mode = "compiled"

    def __init__(
        self,
        graph: Any,
        state: Mapping[str, Any],
        inputs: Sequence[Input],
        facts: Mapping[str, Any],
        *,
        freeze: bool,
        device: Device | None = None,
    ) -> None:
        super().__init__(inputs, {**facts, "frozen": freeze}, device)
        module = rooted(graph, state)
        self._order = [node.target for node in module.graph.nodes if node.op == "placeholder"]
        self._freeze = freeze
        self._shapes: set[Any] = set()
        # The bound method: calling the module itself costs 8 microseconds more.
        self._compiled = torch.compile(module.forward, fullgraph=True, dynamic=False)

    def _call(self, tensors: dict[str, Any]) -> Callable[[], Any]:
        arguments = tuple(tensors[name] for name in self._order)
        self._compile_for(arguments)
        return self._copying(arguments) if self._freeze else self._plain(arguments)

    def _compile_for(self, arguments: tuple[Any, ...]) -> None:
        """Run once for each new shape, so that compiling is over before anything is timed."""
        from torch._inductor import config

        shapes = tuple(each.shape for each in arguments)
        if shapes in self._shapes:
            return
        began = time.perf_counter()
        try:
            with quiet(), config.patch(freezing=self._freeze), torch.no_grad():
                self._compiled(*(each.clone() for each in arguments))
                self._device.wait()
        except Exception as error:
            message = f"torch.compile failed: {' '.join(str(error).split())[:300]}"
            cure = "install g++ and Python's headers, or use the eager backend"
            raise bench.Unsupported(message, cure=cure) from error
        self._shapes.add(shapes)
        self._facts.setdefault("compile_s", round(time.perf_counter() - began, 3))

    def _plain(self, arguments: tuple[Any, ...]) -> Callable[[], Any]:
        compiled, no_grad = self._compiled, torch.no_grad

        def call() -> Any:
            with no_grad():
                return compiled(*arguments)

        return call

    def _copying(self, arguments: tuple[Any, ...]) -> Callable[[], Any]:
        """Give each call its own inputs: a frozen quantised program may write into them (seen on an encoder)."""
        compiled, no_grad = self._compiled, torch.no_grad

        def call() -> Any:
            with no_grad():
                return compiled(*[each.clone() for each in arguments])

        return call


def _tensor(array: Any, wanted: Input) -> Any:
    tensor = torch.tensor(np.asarray(array))
    if tensor.is_floating_point() and not wanted.dtype.is_floating_point:
        kind = str(wanted.dtype).removeprefix("torch.")
        raise bench.BenchError(f"input '{wanted.name}' is {kind} in the program; it was given {tensor.dtype}")
    if len(tensor.shape) != len(wanted.shape) or any(
        size not in (None, mine) for size, mine in zip(wanted.shape, tensor.shape, strict=True)
    ):
        shape = ", ".join("any" if size is None else str(size) for size in wanted.shape)
        raise bench.BenchError(
            f"input '{wanted.name}' is of shape [{shape}] in the program; it was given {list(tensor.shape)}"
        )
    return tensor.to(wanted.dtype)


def to_numpy(output: Any) -> np.ndarray[Any, Any]:
    """Return a tensor as an array of its own; floating-point values as float32."""
    output = output.detach().cpu()
    result: np.ndarray[Any, Any] = (output.float() if output.is_floating_point() else output).numpy().copy()
    return result


def precision_of(state: Mapping[str, Any]) -> dict[str, int]:
    """Return how many bytes of state are of each dtype."""
    sizes: dict[str, int] = {}
    for value in state.values():
        if isinstance(value, torch.Tensor):
            name = str(value.dtype).removeprefix("torch.")
            sizes[name] = sizes.get(name, 0) + value.numel() * value.element_size()
    return sizes


def has_integer_weights(state: Mapping[str, Any]) -> bool:
    """Whether some of the state is 8-bit integers: only frozen do their products run in integers."""
    return bool({"int8", "uint8"} & set(precision_of(state)))
