"""The newest of what comes faster than it is used."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator


def newest(items: Iterable) -> Iterator:
    """Yields the newest of some items whenever one is asked for; older ones are let go.

    A thread takes the items as they come, so that a slow caller sees what is and not what was.

    Args:
        items: endless or not; closed in the end if that is possible. The last one is always
            yielded, and what is raised comes out behind it.
    """
    there, waiting, problems = threading.Condition(), deque(maxlen=1), []
    ended = False

    def take():
        nonlocal ended
        iterator = iter(items)
        try:
            for item in iterator:
                with there:
                    if ended:
                        return
                    waiting.append(item)
                    there.notify()
        except Exception as problem:
            problems.append(problem)
        finally:
            if hasattr(iterator, "close"):
                iterator.close()
            with there:
                ended = True
                there.notify()

    thread = threading.Thread(target=take, name="newest", daemon=True)
    thread.start()
    try:
        while True:
            with there:
                there.wait_for(lambda: waiting or ended)
                if not waiting:
                    break
                item = waiting.popleft()
            yield item
        if problems:
            raise problems[0]
    finally:
        with there:
            ended = True
        thread.join(timeout=5)
