"""Photos that may have ended a worker, remembered where no worker's end reaches.

A photo on which a decoder or a runtime crashes takes its process along, and Ray gives the batch to
the worker that it starts instead, without end. So each photo is noted before a worker begins with
it and struck out when it is finished; what is still noted when the worker is started anew is
charged.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

LIMIT = 3  # workers that a photo may cost; when the first of them died, others were in work, too


class Suspects:
    """How many workers each photo was left unfinished by. One object serves all of a run."""

    def __init__(self):
        self._at_work, self._deaths = defaultdict(set), Counter()

    def arrive(self, worker) -> None:
        """A worker is started; if not for the first time, it has died."""
        self._deaths.update(self._at_work.pop(worker, ()))

    def begin(self, worker, photo) -> None:
        """It is about to read a photo. Both are known by anything hashable."""
        self._at_work[worker].add(photo)

    def finish(self, worker, photo) -> None:
        """It has done so, and lives."""
        self._at_work[worker].discard(photo)
        self._deaths.pop(photo, None)

    def deaths(self, photos: Sequence) -> list[int]:
        """How many workers died while each of some photos was in work, and never got finished."""
        return [self._deaths[photo] for photo in photos]


class Shared:
    """`Suspects` in an actor of Ray that needs no CPU; for workers, which get it pickled.

    Args:
        ray: the module.
    """

    def __init__(self, ray):
        always = {"max_restarts": -1, "max_task_retries": -1}
        self._actor = ray.remote(Suspects).options(num_cpus=0, **always).remote()

    def arrive(self) -> None:
        """As of `Suspects`, for the worker that calls it, as are the others."""
        import ray

        self._wait = ray.get
        self._worker = ray.get_runtime_context().get_actor_id()  # also of the next in its place
        self._wait(self._actor.arrive.remote(self._worker))

    def begin(self, photo) -> None:
        """It is noted when this returns."""
        self._wait(self._actor.begin.remote(self._worker, photo))

    def finish(self, photo) -> None:
        """It will be struck out soon."""
        self._actor.finish.remote(self._worker, photo)

    def deaths(self, photos: Sequence) -> list[int]:
        """As of `Suspects`."""
        return self._wait(self._actor.deaths.remote(photos))
