"""Makes keras_retinanet.npz: values computed by the real keras-retinanet 1.0.0.

keras-retinanet does not run on Keras 3, so it needs an environment of its own (Python 3.11):

    python3.11 -m venv /tmp/retinanet && . /tmp/retinanet/bin/activate
    pip install "tensorflow-cpu==2.15.*" "numpy<2" cython "setuptools<70" wheel h5py pillow \
        opencv-python-headless progressbar2
    pip install --no-deps keras-resnet==0.2.0
    pip install --no-deps --no-build-isolation keras-retinanet==1.0.0
    python tests/reference/make_keras_retinanet.py

The packages of the project need not be there. Everything random is seeded.
"""

import itertools
import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import snapshot
from keras_retinanet import backend, losses, models
from keras_retinanet.layers.filter_detections import filter_detections
from keras_retinanet.utils import anchors as kr
from keras_retinanet.utils.image import preprocess_image

FILE = Path(__file__).with_name("keras_retinanet.npz")


def anchors():
    own = kr.AnchorParameters(
        sizes=[20, 50], strides=[4, 10], ratios=np.array([1.0, 2.5]), scales=np.array([1.0, 1.3])
    )
    default = kr.AnchorParameters.default
    yield "anchors_64x96", kr.anchors_for_shape((64, 96), anchor_params=default)
    yield "anchors_101x75", kr.anchors_for_shape((101, 75), anchor_params=default)
    large = kr.anchors_for_shape((500, 333), anchor_params=default)
    yield "anchors_500x333_every_97th", large[::97]

    def shapes(shape, levels):
        # keras-retinanet assumes strides 2**level unless told.
        return [np.ceil(np.array(shape) / stride).astype(int) for stride in own.strides]

    yield "anchors_own_33x47", kr.anchors_for_shape((33, 47), [3, 4], own, shapes)


def random_boxes(rng, count, size):
    corner = rng.random_sample((count, 2)) * size
    boxes = np.concatenate([corner, corner + 2 + rng.random_sample((count, 2)) * size], axis=1)
    return boxes.astype("float32")


def coding(rng):
    anchor, boxes = random_boxes(rng, 50, 100), random_boxes(rng, 50, 100)
    deltas = rng.standard_normal((50, 4)).astype("float32")
    yield "coding_anchors", anchor
    yield "coding_boxes", boxes
    yield "coding_deltas", kr.bbox_transform(anchor, boxes)
    yield "decoding_deltas", deltas
    yield "decoding_boxes", backend.bbox_transform_inv(anchor[None], deltas[None]).numpy()[0]


def loss_values(rng):
    for case, shares in {"mixed": (0.2, 0.3), "no_positive": (0.2, 0), "all": (0, 1)}.items():
        draw = rng.random_sample((2, 40))
        labels = np.where(draw < shares[0], -1, np.where(draw > 1 - shares[1], 1, 0))
        logits = (3 * rng.standard_normal((2, 40))).astype("float32")
        targets, predictions = (0.3 * rng.standard_normal((2, 2, 40, 4))).astype("float32")
        yield f"loss_{case}_labels", labels.astype("int32")
        yield f"loss_{case}_logits", logits
        yield f"loss_{case}_targets", targets
        yield f"loss_{case}_predictions", predictions
        state = labels[..., None].astype("float32")
        y_true = np.concatenate([(state == 1).astype("float32"), state], axis=-1)
        probability = 1 / (1 + np.exp(-logits[..., None]))
        for alpha, gamma in ((0.25, 2.0), (0.6, 1.5)):
            value = losses.focal(alpha, gamma)(y_true, probability)
            yield f"loss_{case}_focal_{alpha}_{gamma}", value.numpy()
        y_true = np.concatenate([targets, state], axis=-1)
        for sigma in (3.0, 1.5):
            value = losses.smooth_l1(sigma)(y_true, predictions)
            yield f"loss_{case}_smooth_l1_{sigma}", value.numpy()


def matching(rng):
    all_anchors = kr.anchors_for_shape((256, 320), anchor_params=kr.AnchorParameters.default)
    boxes = random_boxes(rng, 12, 150)
    boxes[3] = boxes[2]  # of equal boxes the first wins
    boxes[4] = all_anchors[5000]
    boxes[5] += 200  # partly outside
    annotations = {"bboxes": boxes, "labels": np.zeros(len(boxes))}
    image = np.zeros((240, 300, 3))  # smaller than the padded batch the anchors are for
    _, labels = kr.anchor_targets_bbox(all_anchors, [image], [annotations], num_classes=1)
    yield "matching_anchors_size", np.array([256, 320])
    yield "matching_image_size", np.array(image.shape[:2])
    yield "matching_boxes", boxes
    yield "matching_labels", labels[0, :, -1].astype("int8")
    yield "matching_index", kr.compute_gt_annotations(all_anchors, boxes)[2].astype("int8")


def filtering(rng):
    boxes, scores = random_boxes(rng, 200, 60), rng.random_sample(200).astype("float32")
    yield "filter_boxes", boxes
    yield "filter_scores", scores
    kept = filter_detections(
        boxes, scores[:, None], score_threshold=0.3, max_detections=120, nms_threshold=0.4
    )
    yield "filter_kept_boxes", kept[0].numpy()
    yield "filter_kept_scores", kept[1].numpy()


def datasets(file):
    found = {}
    with h5py.File(file) as f:
        f.visititems(
            lambda path, item: found.update({path: item.shape} if hasattr(item, "shape") else {})
        )
    return found


def network():
    """Outputs of a snapshot with `snapshot.weight`'s weights, and what its files contain."""
    model = models.backbone("resnet50").retinanet(num_classes=80)
    for variable in model.weights:
        layer, name = variable.name.removesuffix(":0").split("/")
        variable.assign(snapshot.weight(layer, name, tuple(variable.shape)))
    for size in snapshot.IMAGE_SIZES:
        bgr = snapshot.image(size)[..., ::-1]
        deltas, probability = model.predict(preprocess_image(bgr), verbose=0)
        key = "network_{}x{}".format(*size)
        yield f"{key}_deltas", deltas[0]
        yield f"{key}_person", probability[0, :, 0]
        yield f"{key}_class_17", probability[0, ::7, 17]
    with tempfile.TemporaryDirectory() as folder:
        layouts = {}
        for kind, saved in (("training", model), ("inference", models.convert_model(model))):
            for form in ("model", "weights"):
                file = f"{folder}/{kind}_{form}.h5"
                getattr(saved, "save" if form == "model" else "save_weights")(file)
                layouts[f"{kind}_{form}"] = datasets(file)
    yield "layouts", compressed(layouts)
    deeper = models.backbone("resnet101").retinanet(num_classes=80)
    shapes = {weight.name: weight.shape.as_list() for weight in deeper.weights}
    yield "resnet101_weights", np.array(json.dumps(shapes))


def compressed(layouts):
    """JSON: the datasets of one layout and, per layout, the prefix by which its paths differ."""
    base = layouts["training_weights"]
    prefixes = {}
    for name, layout in layouts.items():
        prefixes[name] = "model_weights/" if name.endswith("model") else ""
        assert layout == {prefixes[name] + path: shape for path, shape in base.items()}, name
    return np.array(json.dumps({"prefixes": prefixes, "datasets": base}))


def main():
    rng = np.random.RandomState(0)
    parts = (anchors(), coding(rng), loss_values(rng), matching(rng), filtering(rng), network())
    arrays = {}
    for name, value in itertools.chain(*parts):
        arrays[name] = value.astype("float32") if value.dtype == "float64" else value
    np.savez_compressed(FILE, **arrays)
    print(f"{FILE.name}: {len(arrays)} arrays, {FILE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
