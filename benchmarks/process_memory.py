"""Memory of a process, as Linux tells it."""

import re
from pathlib import Path


def megabytes(field: str, process: int | str = "self") -> float:
    """A size that `/proc/PROCESS/status` has: `VmRSS` is what is resident, `VmHWM` its peak.

    The peak of the module `resource` is inherited from the process that starts another one.
    """
    text = Path(f"/proc/{process}/status").read_text()
    return int(re.search(rf"^{field}:\s*(\d+) kB", text, re.MULTILINE)[1]) / 1024
