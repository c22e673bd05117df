"""Labels of SLEAP and DeepLabCut, written and read by their own library."""

import numpy as np
import pytest
from PIL import Image

from multiposenet import cli, label_formats
from multiposenet.annotations import CocoAnnotations
from multiposenet.errors import AnnotationError, InputError
from multiposenet.label_formats import sleap
from multiposenet.skeleton import Skeleton

sleap_io = pytest.importorskip("sleap_io", reason="pip install 'multiposenet[sleap]'")

MOUSE = Skeleton("mouse", ("nose", "left_ear", "right_ear"), ((0, 1), (0, 2)), (0.03, 0.04, 0.04))
POINTS = [(10.5, 12.0, 2), (8.25, 9.0, 1), (0, 0, 0)]


def annotations(tmp_path):
    flat = [value for point in POINTS for value in point]
    own = {"image_id": 1, "category_id": 1, "bbox": [5, 5, 30, 20], "keypoints": flat}
    crowd = {"image_id": 1, "category_id": 1, "bbox": [1, 1, 9, 9], "keypoints": [0] * 9}
    content = {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 64, "height": 48},
            {"id": 2, "file_name": "more/b.png", "width": 30, "height": 20},
        ],
        "annotations": [{**own, "id": 1}, {**crowd, "id": 2, "iscrowd": 1}],
        "categories": [{"id": 1, "name": "mouse", "keypoints": list(MOUSE.keypoints)}],
    }
    return CocoAnnotations.from_content(content, tmp_path / "a.json", MOUSE)


def test_round_trip(tmp_path):
    written = label_formats.write(annotations(tmp_path), str(tmp_path / "out/labels.slp"))
    assert (tmp_path / "out/labels.skeleton.yaml") in written.files
    again = label_formats.load(f"sleap:{tmp_path / 'out/labels.slp'}")
    assert again.skeleton == MOUSE
    assert [(r.file_name, r.width, r.height) for r in again.images] == [
        ("a.png", 64, 48),
        ("more/b.png", 30, 20),
    ]
    np.testing.assert_allclose(again.persons.keypoints, [POINTS], atol=1e-6)
    np.testing.assert_allclose(again.persons.xywh, [[8.25, 9, 2.25, 3]])  # around the keypoints
    label_formats.write(annotations(tmp_path), f"sleap:{tmp_path / 'folder'}")
    there = label_formats.read(f"sleap:{tmp_path / 'folder'}")
    assert there.annotations.persons.keypoints.tolist() == again.persons.keypoints.tolist()
    assert label_formats.place_of_photos(f"sleap:{tmp_path}") == tmp_path
    lost = {what: count for what, count in written.lost.items() if count}
    assert lost == {
        "crowds, and people without keypoints": 1,
        "boxes, which are drawn around keypoints when they are read": 2,
    }


def test_the_file_is_sleaps_own(tmp_path):
    label_formats.write(annotations(tmp_path), str(tmp_path / "labels.slp"))
    labels = sleap_io.load_slp(str(tmp_path / "labels.slp"), open_videos=False)
    (skeleton,) = labels.skeletons
    assert skeleton.edge_names == [("nose", "left_ear"), ("nose", "right_ear")]
    assert [{n.name for n in s.nodes} for s in skeleton.symmetries] == [{"left_ear", "right_ear"}]
    points = labels.labeled_frames[0].instances[0].points
    # The centre of the first pixel is SLEAP's origin.
    np.testing.assert_allclose(points["xy"][:2], [(10, 11.5), (7.75, 8.5)])
    assert points["visible"].tolist() == [True, False, False]


def test_frames_of_a_video_and_guesses(tmp_path):
    skeleton = sleap_io.Skeleton(["nose", "tail"])
    metadata = {"type": "MediaVideo", "shape": [9, 48, 64, 3], "filename": "C:\\data\\run 1.mp4"}
    metadata |= {"grayscale": False}
    video = sleap_io.Video(metadata["filename"], open_backend=False, backend_metadata=metadata)
    points = np.array([[4.0, 5.0], [np.nan, np.nan]])
    instances = [
        sleap_io.Instance.from_numpy(points, skeleton=skeleton),
        sleap_io.PredictedInstance.from_numpy(points, skeleton=skeleton),
    ]
    frame = sleap_io.LabeledFrame(video=video, frame_idx=7, instances=instances)
    labels = sleap_io.Labels([frame], videos=[video], skeletons=[skeleton])
    sleap_io.save_slp(labels, str(tmp_path / "v.slp"), verbose=False)
    found = label_formats.read(str(tmp_path / "v.slp"))
    (record,) = found.annotations.images
    assert (record.file_name, record.height, record.width) == ("run 1/000007.png", 48, 64)
    np.testing.assert_allclose(record.keypoints, [[(4.5, 5.5, 2), (0, 0, 0)]])
    assert found.lost[sleap.FRAMES] == found.lost[sleap.GUESSES] == 1


def test_deeplabcut(tmp_path):
    folder = tmp_path / "labeled-data" / "clip"
    folder.mkdir(parents=True)
    for name in ("img01.png", "img02.png"):
        Image.new("RGB", (64, 48)).save(folder / name)
    (folder / "CollectedData_me.csv").write_text(
        "scorer,,,me,me,me,me\nbodyparts,,,nose,nose,tail,tail\ncoords,,,x,y,x,y\n"
        "labeled-data,clip,img01.png,1.5,2.5,30,40\nlabeled-data,clip,img02.png,,,3,4\n"
    )
    found = label_formats.read(f"sleap:{folder / 'CollectedData_me.csv'}").annotations
    assert [record.file_name for record in found.images] == ["img01.png", "img02.png"]
    np.testing.assert_allclose(
        found.persons.keypoints, [[(2, 3, 2), (30.5, 40.5, 2)], [(0, 0, 0), (3.5, 4.5, 2)]]
    )


def test_what_cannot_be_read_or_written(tmp_path, monkeypatch, capsys):
    damaged = tmp_path / "labels.slp"
    damaged.write_bytes(b"\x89HDF\r\n\x1a\n" + b"no" * 99)
    with pytest.raises(AnnotationError, match="labels.slp: file: not read by sleap-io"):
        label_formats.read(str(damaged))
    with pytest.raises(AnnotationError, match="gone.slp: file: No such file"):
        label_formats.read(str(tmp_path / "gone.slp"))
    (tmp_path / "a.txt").touch()
    with pytest.raises(AnnotationError, match=r"a.txt: file: .txt is not known; name a .slp"):
        label_formats.read(f"sleap:{tmp_path / 'a.txt'}")
    with pytest.raises(InputError, match=r"a.nwb: file: is written as .slp alone"):
        label_formats.write(annotations(tmp_path), str(tmp_path / "a.nwb"))
    monkeypatch.setitem(__import__("sys").modules, "sleap_io", None)
    assert cli.main(["convert", str(damaged), str(tmp_path / "a.json")]) == 2
    assert "multiposenet[sleap]" in capsys.readouterr().err
