"""How hard the surfaces are attacked, and the memory that they may take."""

import attacked
import pytest

hypothesis = pytest.importorskip("hypothesis", reason="pip install multiposenet[test]")
QUICK = 60  # cases of each test, in CI


def pytest_configure(config):
    """The same cases every time; what failed is found again by running the test again."""
    hypothesis.settings.register_profile(
        "attack",
        max_examples=config.getoption("--attack-cases") or QUICK,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    hypothesis.settings.load_profile("attack")


@pytest.fixture(autouse=True)
def bounded_memory(request):
    """No test lets the process grow by more than it may, not even for a moment."""
    resource = pytest.importorskip("resource")
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    limits = resource.getrlimit(resource.RLIMIT_AS)
    # Twice as much of addresses: not all are used, and a case that runs into it shows where.
    room = pages * resource.getpagesize() + int(2 * attacked.GIGABYTES * 1e9)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    resource.setrlimit(resource.RLIMIT_AS, (room, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, limits)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / 1e9
    request.node.user_properties.append(("gigabytes", round(grown, 2)))
    assert grown < attacked.GIGABYTES, f"{grown:.2f} GB more at the peak"
