"""A Ray of two CPUs within this machine, for all tests of this folder."""

import pytest


@pytest.fixture(scope="session")
def local_ray():
    """The module `ray`, started; its workers get this folder's fakes by value."""
    ray = pytest.importorskip("ray", reason='needs Ray: pip install "multiposenet[ray]"')
    pytest.importorskip("ray.data", reason='needs Ray Data: pip install "multiposenet[ray]"')
    import fake_finder

    from multiposenet.commands.prediction import engines

    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        ray.cloudpickle.register_pickle_by_value(fake_finder)
        yield engines.started(cpus=2)
        ray.shutdown()
