"""Processes that make batches, for accelerators that threads cannot feed.

Threads share one interpreter, which lets a few hundred patches through a second. Processes have one
each. Photos are decoded once, into a file that all of them map; every process answers through a
file of its own, which on Linux lies in memory.
"""

import contextlib
import multiprocessing
import os
import pickle
import queue
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor

from multiposenet.errors import InputError, TrainingError
from multiposenet.files.scratch_folders import scratch_folder
from multiposenet.training.patches import photo_cache

_MEMORY = "/dev/shm"


class Workers:
    """A function whose calls are answered by processes, within ``with Workers(...) as make``.

    Calls come from any number of threads and wait for a process that is free. The processes are
    started anew, not forked: importing the program's main module must not train by itself.

    Args:
        make: function of a step to arrays, in any nesting; it and all it refers to are pickled.
        count: processes.
        samples: whose photos and masks ``make`` looks at; they are decoded before.

    Raises:
        InputError: the system cannot do it, or a photo cannot be read.
        TrainingError: a process ended before it had answered.
    """

    def __init__(self, make, count, samples=()):
        self.make, self.count, self.samples = make, count, samples
        self._idle = queue.SimpleQueue()

    def __enter__(self):
        if not hasattr(os, "preadv"):
            raise InputError("workers: not on this system, which lacks preadv; use 0")
        with contextlib.ExitStack() as stack:
            memory = _MEMORY if os.access(_MEMORY, os.W_OK) else tempfile.gettempdir()
            folder = stack.enter_context(scratch_folder(memory, "multiposenet-"))
            packed = photo_cache.pack(self.samples, folder)
            # Starting waits until the process has read what it needs, so all start at once.
            with _plain_keras(), ThreadPoolExecutor(self.count) as pool:
                paths = [folder / f"batch{index}" for index in range(self.count)]
                for worker in pool.map(lambda path: _Worker(path, self.make, packed), paths):
                    self._idle.put(stack.enter_context(worker))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception):
        self._stack.close()

    def __call__(self, step):
        worker = self._idle.get()
        try:
            return worker(step)
        finally:
            self._idle.put(worker)


class _Worker:
    """One process, and the file through which its batches come."""

    def __init__(self, path, make, packed):
        context = multiprocessing.get_context("spawn")
        self._pipe, far_end = context.Pipe()
        self._file = os.open(path, os.O_RDONLY | os.O_CREAT, 0o600)
        self._process = context.Process(
            target=_answer, args=(far_end, path, make, packed), daemon=True
        )
        self._process.start()
        far_end.close()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join(timeout=10)
        if self._process.is_alive():
            self._process.terminate()
        self._pipe.close()
        os.close(self._file)

    def __call__(self, step):
        try:
            self._pipe.send(step)
            pickled, lengths = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise TrainingError(
                f"workers: process {self._process.pid}: ended while it made batch {step}; "
                "if memory has run out, use fewer"
            ) from error
        buffers = [bytearray(length) for length in lengths]
        if buffers and os.preadv(self._file, buffers, 0) != sum(lengths):
            raise TrainingError(f"workers: batch {step}: incomplete; use smaller batches")
        answer = pickle.loads(pickled, buffers=buffers)
        if isinstance(answer, Exception):
            raise answer
        return answer


def _answer(pipe, path, make, packed):
    """What a process does: answers steps until there are no more."""
    import cv2

    cv2.setNumThreads(1)
    # Ctrl-C reaches all processes of a terminal; the one that asks for batches decides.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    photo_cache.use(packed)
    file = os.open(path, os.O_WRONLY)
    with contextlib.suppress(EOFError):
        while (step := pipe.recv()) is not None:
            try:
                answer = make(step)
            except Exception as error:  # is raised where the batch was asked for
                answer = error
            buffers = []
            pickled = pickle.dumps(answer, protocol=5, buffer_callback=buffers.append)
            arrays = [buffer.raw() for buffer in buffers]
            lengths = [array.nbytes for array in arrays]
            # What the file held before must not pass for the rest of a batch.
            if arrays and os.pwritev(file, arrays, 0) != sum(lengths):
                raise OSError(f"{path}: batch {step} does not fit")
            pipe.send((pickled, lengths))


@contextlib.contextmanager
def _plain_keras():
    """Processes started within load Keras without a backend that would take the accelerator."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "numpy"
    try:
        yield
    finally:
        del os.environ["KERAS_BACKEND"]
        if before is not None:
            os.environ["KERAS_BACKEND"] = before
