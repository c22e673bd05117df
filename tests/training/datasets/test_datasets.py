"""Datasets: a tiny handmade one of each layout, and the real ones where they are at hand."""

import json

import numpy as np
import pytest
from PIL import Image

from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError
from multiposenet.skeleton import COCO_17, LSP_14, MPII_16
from multiposenet.training.datasets import ccp, coco, lsp
from multiposenet.training.datasets.sample import to_skeleton

SHARED = {"shoulder", "elbow", "wrist", "hip", "knee", "ankle"}


def save(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)


def write(folder, images, annotations, skeleton):
    category = {"id": 1, "name": "person", "keypoints": list(skeleton.keypoints)}
    content = {"images": images, "annotations": annotations, "categories": [category]}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "annotations.json").write_text(json.dumps(content))


def annotation(identity, image, box, keypoints, **fields):
    flat = np.asarray(keypoints, float).ravel().tolist()
    bbox = [box[0], box[1], box[2] - box[0], box[3] - box[1]]
    return {
        "id": identity,
        "image_id": image,
        "category_id": 1,
        "bbox": bbox,
        "keypoints": flat,
    } | fields


@pytest.fixture
def coco_folder(tmp_path):
    """Photo 1: a labelled and an unlabelled person and a crowd; photo 2: polygons; 3: nobody."""
    keypoints = np.zeros((17, 3))
    keypoints[5] = (4.5, 6.25, 2)
    keypoints[0] = (3, 3, 0)  # a position that does not count
    images = [
        {"id": 1, "file_name": "one.png", "width": 20, "height": 12, "mask": True},
        {"id": 2, "file_name": "two.png", "width": 16, "height": 10},
        {"id": 3, "file_name": "three.png", "width": 8, "height": 8, "mask": False},
    ]
    square = [[2, 2, 8, 2, 8, 6, 2, 6]]
    crowd = {"counts": [0, 10 * 4, 10 * 12], "size": [10, 16]}  # the four left columns
    annotations = [
        annotation(1, 1, (2, 3, 10, 11), keypoints, area=50),
        annotation(2, 1, (12, 3, 14, 5), np.zeros((17, 3))),
        annotation(3, 1, (14, 0, 20, 12), np.zeros((17, 3)), iscrowd=1),
        annotation(4, 2, (0, 0, 4, 10), np.zeros((17, 3)), iscrowd=1, segmentation=crowd),
        annotation(5, 2, (2, 2, 8, 6), keypoints, segmentation=square),
    ]
    write(tmp_path, images, annotations, COCO_17)
    for image in images:
        colour = np.full((image["height"], image["width"], 3), 40 * image["id"], np.uint8)
        save(tmp_path / "photos" / image["file_name"], colour)
    mask = np.zeros((12, 20), np.uint8)
    mask[3:11, 2:10], mask[:, 14:] = 1, 2
    save(tmp_path / "masks/one.png", mask)
    save(tmp_path / "masks/three.png", np.ones((8, 8), np.uint8))
    return tmp_path


def test_a_box_around_a_group_is_a_crowd_and_persons_may_be_missing(tmp_path):
    standing = np.zeros((17, 3))
    standing[5] = (4, 4, 2)
    small = [(x, 4, x + 6, 20) for x in (2, 12, 22, 32)]
    annotations = [
        annotation(1 + index, 1, box, np.zeros((17, 3))) for index, box in enumerate(small)
    ]
    annotations += [
        annotation(5, 1, (0, 0, 40, 24), np.zeros((17, 3))),  # around four
        annotation(6, 1, (0, 0, 40, 23), standing),  # one in front of the others, with keypoints
        annotation(7, 1, (0, 0, 20, 24), np.zeros((17, 3))),  # around two
    ]
    image = {"id": 1, "file_name": "one.png", "width": 48, "height": 24}
    write(tmp_path, [{**image, "persons_complete": False}], annotations, COCO_17)
    (sample,) = coco.read(tmp_path)
    np.testing.assert_array_equal(sample.crowd_boxes, [[0, 0, 40, 24]])
    assert len(sample) == 6 and not sample.complete


def test_coco_persons_and_crowds(coco_folder):
    one, two, three = coco.read(coco_folder)
    assert (one.path, one.image_size) == (coco_folder / "photos/one.png", (12, 20))
    np.testing.assert_array_equal(one.boxes, [[2, 3, 10, 11], [12, 3, 14, 5]])
    np.testing.assert_array_equal(one.crowd_boxes, [[14, 0, 20, 12]])
    np.testing.assert_array_equal(one.areas, [50, 4])
    assert one.labelled.tolist() == [[True] * 17, [False] * 17]
    np.testing.assert_array_equal(one.keypoints[0, 5], [4.5, 6.25, 2])
    assert np.count_nonzero(one.keypoints) == 3
    assert all(sample.complete and not sample.single for sample in (one, two, three))
    assert len(two) == 1 and len(three) == 0
    assert three.boxes.shape == (0, 4) and three.keypoints.shape == (0, 17, 3)


def test_coco_masks_from_files_and_polygons(coco_folder):
    one, two, three = coco.read(coco_folder)
    assert one.mask_path == coco_folder / "masks/one.png" and one.has_mask
    assert np.unique(one.read_mask()).tolist() == [0, 1, 2]
    expected = np.zeros((10, 16), np.uint8)
    expected[:, :4] = 2
    expected[2:6, 2:8] = 1
    np.testing.assert_array_equal(two.read_mask(), expected)
    # "mask": false wins over a stray file; without persons all is background.
    assert three.mask_path is None
    np.testing.assert_array_equal(three.read_mask(), np.zeros((8, 8)))


def test_coco_without_all_segmentations_has_no_mask(coco_folder):
    (coco_folder / "masks/one.png").unlink()
    one, _, _ = coco.read(coco_folder)
    assert not one.has_mask and one.read_mask() is None


def test_coco_photos_are_read_late_and_checked(coco_folder):
    one, two, three = coco.read(coco_folder)
    assert (one.read_image() == 40).all() and one.read_image().shape == (12, 20, 3)
    two.path.unlink()
    with pytest.raises(InputError, match="two.png"):
        two.read_image()
    save(three.path, np.zeros((9, 8, 3), np.uint8))
    with pytest.raises(InputError, match="8x9 pixels, but the labels are for 8x8"):
        three.read_image()
    save(one.mask_path, np.zeros((12, 20, 3), np.uint8))
    with pytest.raises(InputError, match="one 8-bit channel"):
        one.read_mask()
    one.mask_path.write_bytes(b"no image")
    with pytest.raises(InputError, match="one.png"):
        one.read_mask()


def test_coco_of_any_layout_and_skeleton(coco_folder):
    annotations = CocoAnnotations.load(coco_folder / "annotations.json")
    one, *_ = coco.from_annotations(annotations, coco_folder / "elsewhere", skeleton=LSP_14)
    assert one.path == coco_folder / "elsewhere/one.png"
    assert one.keypoints.shape == (2, 14, 3) and one.mask_path is None
    unknown = [LSP_14.index("neck"), LSP_14.index("head_top")]
    assert not one.labelled[:, unknown].any() and one.labelled[0].sum() == 12
    keypoint = LSP_14.index("left_shoulder")
    np.testing.assert_array_equal(one.keypoints[0, keypoint], [4.5, 6.25, 2])


@pytest.fixture
def lsp_folder(tmp_path):
    # Keypoint j lies at (j, 10 + j), so that every keypoint can be told by its position.
    keypoints = np.array([(j, 10 + j, 2) for j in range(14)])
    keypoints[LSP_14.index("left_knee")] = 0
    images = [{"id": 3, "file_name": "3.png", "width": 30, "height": 40}]
    write(tmp_path, images, [annotation(1, 3, (0, 10, 14, 24), keypoints)], LSP_14)
    save(tmp_path / "photos/3.png", np.zeros((40, 30, 3), np.uint8))
    return tmp_path


def test_lsp_keypoints_go_by_name_and_the_face_stays_unknown(lsp_folder):
    (sample,) = lsp.read(lsp_folder)
    assert sample.single and not sample.complete and not sample.has_mask
    for k, name in enumerate(COCO_17.keypoints):
        known = name.split("_")[-1] in SHARED
        assert sample.labelled[0, k] == known
        if known and name != "left_knee":
            j = LSP_14.index(name)
            np.testing.assert_array_equal(sample.keypoints[0, k], [j, 10 + j, 2])
        else:
            assert not sample.keypoints[0, k].any()
    assert sample.read_image().shape == (40, 30, 3)


def test_lsp_wants_one_person_per_photo(lsp_folder):
    content = json.loads((lsp_folder / "annotations.json").read_text())
    content["annotations"] = []
    (lsp_folder / "annotations.json").write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=r"images\[id 3\]: 0 persons"):
        lsp.read(lsp_folder)


def test_ccp_box_encloses_the_mask(tmp_path):
    mask = np.zeros((20, 16), np.uint8)
    mask[4:18, 3:9] = 1
    for stem, labels in (("b", mask), ("a", mask.T.copy()), ("unmarked", 0 * mask)):
        save(tmp_path / f"masks/{stem}.png", labels)
        save(tmp_path / f"photos/{stem}.webp", np.zeros((*labels.shape, 3), np.uint8))
    a, b = ccp.read(tmp_path)
    assert a.path == tmp_path / "photos/a.webp"
    np.testing.assert_array_equal(a.boxes, [[4, 3, 18, 9]])
    np.testing.assert_array_equal(b.boxes, [[3, 4, 9, 18]])
    np.testing.assert_array_equal(b.areas, [6 * 14])
    np.testing.assert_array_equal(b.read_mask(), mask)
    assert b.single and not b.complete and not b.labelled.any() and not b.keypoints.any()


def test_ccp_defects(tmp_path):
    with pytest.raises(InputError, match="no PNG mask"):
        ccp.read(tmp_path)
    save(tmp_path / "masks/a.png", np.ones((9, 9), np.uint8))
    with pytest.raises(InputError, match="a.png: photo: missing"):
        ccp.read(tmp_path)


def test_to_skeleton_there_and_back():
    rng = np.random.default_rng(0)
    original = rng.uniform(1, 9, (5, 16, 3)).astype(np.float32)
    mapped, shared = to_skeleton(original, MPII_16, LSP_14)
    assert shared.sum() == 13 and mapped.dtype == np.float32
    back, shared_back = to_skeleton(mapped, LSP_14, MPII_16)
    np.testing.assert_array_equal(back[:, shared_back], original[:, shared_back])
    assert not back[:, ~shared_back].any()


REAL = {
    # folder: (reader, photos, persons with crowds, persons with keypoints, mask files)
    "coco_photos/train": (coco, 2049, 8138, 5423, 948),
    "coco_photos/test": (coco, 250, 1080, 746, 250),
    "coco_photos/no_keypoints": (coco, 375, 1558, 0, 197),
    "coco_photos/no_person": (coco, 300, 0, 0, 0),
    "lsp_extended/train": (lsp, 8491, 8491, 8491, 0),
    "lsp_extended/test": (lsp, 500, 500, 500, 0),
    # One of the 1,004 masks is empty.
    "ccp_person_masks": (ccp, 1003, 1003, 0, 1003),
}


@pytest.mark.parametrize("folder", REAL)
def test_real_data(data_dir, folder):
    reader, photos, persons, with_keypoints, masks = REAL[folder]
    samples = reader.read(data_dir / folder)
    assert len(samples) == photos
    assert sum(len(s) + len(s.crowd_boxes) for s in samples) == persons
    assert sum((s.keypoints[:, :, 2] > 0).any(axis=1).sum() for s in samples) == with_keypoints
    assert sum(s.mask_path is not None for s in samples) == masks
    for sample in samples:
        n = len(sample)
        assert sample.path.is_file()
        assert sample.boxes.shape == (n, 4) and sample.areas.shape == (n,)
        assert sample.keypoints.shape == (n, 17, 3) and sample.labelled.shape == (n, 17)
        assert (sample.labelled | (sample.keypoints[:, :, 2] == 0)).all()
        assert (sample.boxes[:, 2:] >= sample.boxes[:, :2]).all()
    for sample in samples[:: max(1, photos // 20)]:
        assert sample.read_image().shape == (*sample.image_size, 3)
        mask = sample.read_mask()
        if mask is not None:
            assert set(np.unique(mask)) <= {0, 1, 2}
            # A person's mask is where its box is, give or take the rounding of the labels.
            allowed = np.zeros(sample.image_size, bool)
            for x1, y1, x2, y2 in np.concatenate([sample.boxes, sample.crowd_boxes]):
                allowed[max(int(y1) - 2, 0) : int(y2) + 3, max(int(x1) - 2, 0) : int(x2) + 3] = True
            assert not mask[~allowed].any()
