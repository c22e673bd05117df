"""pack: data sets into few files, and what it refuses."""

import json

import pytest
from command_line import assert_one_line

from multiposenet.training import datasets

pytest.importorskip("pyarrow", reason="packed data sets need pyarrow")
pytestmark = pytest.mark.one_backend


def test_photos_that_cannot_be_used_are_left_out(multiposenet, clean, tmp_path):
    import shutil

    shutil.copytree(clean, tmp_path / "data")
    bad = sorted((tmp_path / "data" / "photos").iterdir())[1]
    bad.write_bytes(b"")
    out = tmp_path / "out"
    given = [f"coco:{tmp_path / 'data'}", "--out", out, "--shard", "2", "--json", "-"]
    status, text, errors = multiposenet("pack", *given)
    assert status == 1 and json.loads(text)["photos"] == 3
    assert_one_line(errors, bad.name, "is empty")
    names = [sample.path.name for sample in datasets.read(f"packed:{out}")]
    assert len(names) == 3 and bad.name not in names


def test_a_folder_that_is_not_empty_is_refused(multiposenet, clean, tmp_path):
    (tmp_path / "mine").write_text("")
    status, _, errors = multiposenet("pack", f"coco:{clean}", "--out", tmp_path)
    assert status == 2
    assert_one_line(errors, "--out: is not empty")


def test_batches_of_two_processes_are_those_of_one(multiposenet, clean, tmp_path):
    """And a step's batch is known by its number, which is what a resumed training needs."""
    import numpy as np

    from multiposenet.skeleton import COCO_17
    from multiposenet.training import recipes
    from multiposenet.training.stages.keypoints import KeypointBatches

    multiposenet("pack", f"coco:{clean}", "--out", tmp_path / "out", "--shard", "1")
    recipe = recipes.NanoKeypoints(steps=10, batch_size=4, patch_sizes=((0.0, 64),))
    samples = datasets.read(f"packed:{tmp_path / 'out'}")
    one, other = (KeypointBatches(samples, recipe, COCO_17.flip_indices) for _ in range(2))
    for step in (0, 3):
        images, labels = one(step)
        parts = [other.share(step, process, 2) for process in (1, 0)][::-1]
        np.testing.assert_array_equal(images, np.concatenate([part for part, _ in parts]))
        for name, values in labels.items():
            found = np.concatenate([part[name] for _, part in parts])
            np.testing.assert_array_equal(values, found)
