"""The systems and models that visitors choose from, each loaded when it is first asked for."""

import threading
from collections.abc import Callable, Sequence

from multiposenet.systems.system import System


class Choices:
    """Systems by name, loaded once for all visitors.

    Args:
        load: function of the names of a system and a model that returns the `System`.
        systems: names of the systems, the first one the page's own.
        models: names of the models, the first one the page's own.
    """

    def __init__(
        self, load: Callable[[str, str], System], systems: Sequence[str], models: Sequence[str]
    ):
        self.systems, self.models = tuple(systems), tuple(models)
        self._load, self._loaded, self._lock = load, {}, threading.Lock()

    def get(self, system: str | None = None, model: str | None = None) -> System:
        """The system of two names, the page's own ones where none is given.

        Raises:
            MultiPoseNetError: it cannot be loaded.
            ValueError: a name is not one of those to choose from.
        """
        key = system or self.systems[0], model or self.models[0]
        if key[0] not in self.systems or key[1] not in self.models:
            raise ValueError(f"{key[0]}, {key[1]}: not offered")
        with self._lock:
            if key not in self._loaded:
                self._loaded[key] = self._load(*key)
            return self._loaded[key]
