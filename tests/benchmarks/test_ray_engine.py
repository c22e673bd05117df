"""How the benchmark of Ray tells rows that are lost, doubled or other."""

import ray_engine


def row(image, x=0.0):
    return {"image_id": image, "file_name": f"{image}.jpg", "keypoints": [x, 0, 1], "bbox": [0] * 4}


def test_rows_are_compared():
    one = [row(1), row(1), row(2)]
    assert "0 lost, 0 doubled, largest difference 0 px, 0 rows" in ray_engine.compared(one, one)
    assert "1 lost, 0 doubled" in ray_engine.compared(one, one[1:])
    assert "0 lost, 2 doubled" in ray_engine.compared(one, [*one, one[2], one[2]])
    moved = [*one[:2], row(2, 0.02)]
    assert "largest difference 0.02 px, 1 rows differ" in ray_engine.compared(one, moved)
