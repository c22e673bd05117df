"""DeepPose (Toshev & Szegedy 2014, arXiv 1312.4659): joints as numbers, no maps."""

from keras import Input, Model, layers

from multiposenet.networks import backbones


def direct_regression(
    num_keypoints,
    *,
    backbone="nano",
    image_size=(256, 256),
    channels=64,
    nodes=(512,),
    dropout=0.1,
    name="direct_regression",
):
    """All joints of one person from one vector of features, without heatmaps.

    The backbone's C5 is reduced by a 1x1 convolution and flattened, as DeepPose does with
    AlexNet's features: an average over the image would forget places.

    Args:
        num_keypoints: K.
        backbone: see ``networks.backbones.build``.
        image_size: height and width of the images.
        channels: of the reduced C5.
        nodes: of each dense layer behind it (DeepPose: two of 4096).
        dropout: rate behind each of them.
        name: name of the model.

    Returns:
        A ``keras.Model`` from images ``(B, H, W, 3)``, RGB 0-255, to points ``(B, K, 2)`` xy
        relative to the box that the image shows: 0 is its centre, -0.5 and 0.5 are its borders
        (DeepPose, equation 1). See ``to_box`` and ``from_box``.

    Raises:
        ValueError: the backbone is unknown.
    """
    images = Input((*image_size, 3), name="images")
    x = backbones.build(backbone)(images)["C5"]
    x = layers.Conv2D(channels, 1, activation="relu", name="reduced")(x)
    x = layers.Flatten(name="features")(x)
    for index, count in enumerate(nodes, start=1):
        x = layers.Dense(count, activation="relu", name=f"dense{index}")(x)
        x = layers.Dropout(dropout, name=f"dropout{index}")(x)
    x = layers.Dense(2 * num_keypoints, dtype="float32", name="numbers")(x)
    return Model(images, layers.Reshape((num_keypoints, 2), name="points")(x), name=name)


def to_box(points, boxes):
    """Pixels relative to boxes: centre 0, borders -0.5 and 0.5 (DeepPose, equation 1).

    Args:
        points: ``(B, K, 2)`` xy, array or tensor.
        boxes: ``(B, 4)`` xyxy in the same frame, of the same kind.
    """
    corner, far = boxes[:, None, :2], boxes[:, None, 2:]
    return (points - corner) / (far - corner) - 0.5


def from_box(points, boxes):
    """The inverse of ``to_box``: a prediction ``(B, K, 2)`` in pixels of the boxes' frame."""
    corner, far = boxes[:, None, :2], boxes[:, None, 2:]
    return corner + (points + 0.5) * (far - corner)
