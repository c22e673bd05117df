"""A file of OpenVINO as a function: for the soonest answer, or for the most answers a second."""

import threading
from pathlib import Path

from multiposenet.runtimes import openvino_graph


def opened(path: Path, precision: str, threads: int, lanes: int):
    """The function of a model's file.

    Args:
        path: of the `.xml` file.
        precision: "f32" or "bf16", of the arithmetic.
        threads: processors that it may use.
        lanes: callers that share them where it is called for many images.

    Returns:
        Function of a batch, the names of the outputs that are wanted, None for all, and whether it
        is one of many: an answer then takes the fewest processor time instead of the fewest
        milliseconds. It returns the outputs by name; threads may call it at the same time.
    """
    import openvino

    one = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # By default it would compute in bfloat16 wherever the processor can.
        "INFERENCE_PRECISION_HINT": precision,
        # What it would keep for every shape it has seen: memory that grows with the photos.
        "CPU_RUNTIME_CACHE_CAPACITY": 0,
    }
    of_many = {**one, "PERFORMANCE_HINT": "THROUGHPUT", "NUM_STREAMS": lanes}
    model, lock, kinds = openvino.Core().read_model(path), threading.Lock(), {}
    if not model.is_dynamic():  # see `_OfMany`
        of_many, lanes = one, 1

    def run(batch, names=None, many=False):
        names = names if names is None else tuple(names)
        with lock:
            if (names, many) not in kinds:
                compile_ = _compiler(model, names, of_many if many else one)
                kinds[names, many] = _OfMany(compile_, lanes) if many else _OfOne(compile_)
            requests = kinds[names, many].requests(batch.shape)
        return {output.any_name: values for output, values in requests.infer(batch).items()}

    return run


def _compiler(model, names, options):
    """Function of a shape, None for any, that compiles a model for some outputs."""
    import openvino

    def compiled(shape):
        return openvino.compile_model(openvino_graph.narrowed(model, names, shape), "CPU", options)

    return compiled


class _OfOne:
    """Graphs that use all processors for an image: of the first shape, and of any other.

    Knowing the shape saves a tenth of the time, but costs memory and a second: only the first one
    gets a graph of its own.
    """

    def __init__(self, compile_):
        self._compile, self._first, self._made = compile_, None, {}

    def requests(self, shape):
        self._first = self._first or shape
        known = shape if shape == self._first else None
        if known not in self._made:
            # Two, so that a thread brings its images while another one's are seen.
            self._made[known] = _Requests(self._compile(known), most=2)
        return self._made[known]


class _OfMany:
    """A graph of any shape that several images share, each with its part of the processors.

    Knowing the shape would save time here, too, but OpenVINO (2026.4) compiles a graph of a known
    shape for several at once so that half of the times it finds wrong boxes.
    """

    def __init__(self, compile_, lanes):
        self._compile, self._lanes, self._made = compile_, lanes, None

    def requests(self, shape):
        self._made = self._made or _Requests(self._compile(None), self._lanes)
        return self._made


class _Requests:
    """Infer requests of a compiled graph of OpenVINO, of which each serves a thread at a time."""

    def __init__(self, compiled, most):
        self._compiled, self._idle = compiled, []
        self._free = threading.BoundedSemaphore(most)

    def infer(self, batch):
        with self._free:
            try:
                request = self._idle.pop()
            except IndexError:
                request = self._compiled.create_infer_request()
            try:
                return request.infer([batch], share_inputs=True)  # its outputs are copies
            finally:
                self._idle.append(request)
