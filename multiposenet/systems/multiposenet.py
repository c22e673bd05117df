"""MultiPoseNet as one Keras model: images in, finished poses out (Kocabas et al., ECCV 2018).

Everything is wired as in the paper (MultiPoseNet, section 3.5, figure 1).
"""

import contextlib
import dataclasses

import keras
import numpy as np
from keras import ops

from multiposenet import skeleton as skeletons
from multiposenet import zoo
from multiposenet.errors import WeightsError
from multiposenet.maths import boxes as box_ops
from multiposenet.maths.anchors import anchors_at, anchors_for_levels
from multiposenet.maths.heatmaps import GaussianHeatmaps, last_apart
from multiposenet.maths.top_k import highest_of_runs, pick
from multiposenet.networks import backbones, grouping
from multiposenet.networks import person_subnet as person_heads
from multiposenet.networks.layers import register
from multiposenet.networks.octaves import Halved, fused
from multiposenet.networks.pose_residual_network import PoseResidualNetwork
from multiposenet.networks.public_weights.movenet_weights import is_movenet, load_movenet
from multiposenet.networks.public_weights.weight_files import load_completely
from multiposenet.networks.pyramid import person_pyramid
from multiposenet.networks.separate_levels import separated
from multiposenet.runtimes import forks
from multiposenet.systems import options as inference_options
from multiposenet.systems.architecture import Architecture, architecture_for
from multiposenet.systems.options import InferenceOptions

CANDIDATES = 150  # boxes, one of a cell, that take part in the suppression of doubles
_MOST_SIDE = 8192  # pixels of an input
MULTIPLE = 32  # sides of the input must be multiples of the coarsest feature's stride


@register
class MultiPoseNet(keras.Model):
    """Shared backbone, two pyramids, keypoint and person subnets, PRN; all in one graph.

    Args:
        backbone: ``"resnet50"``, ``"resnet50_torchvision"``, ``"resnet101"``,
            ``"resnet101_dilated"``, ``"efficientnet_lite0"``, ``"nano"``, ``"movenet_lightning"``,
            ``"movenet_multipose"``, ``"movenet_thunder"``, or a ``keras.Model`` from images to a
            dict of C2...C5. MoveNet's bring their own keypoint pyramid.
        skeleton: a ``Skeleton``, the name of one, or a dict of its fields.
        image_size: ``(H, W)`` to fix the input size, or None for any multiples of 32.
        weights: None, ``"imagenet"`` for the backbone, the name of a model of the zoo, or
            ``"movenet"``, the released MoveNet of the backbone (downloaded once; or the path of its
            ``.json`` or SavedModel, see ``movenet_weights``), for backbone, pyramid and, if the
            keypoints are COCO's, heatmaps.
        architecture: an ``Architecture`` (or a dict of its fields); by default the paper's, and
            a compact one for the backbones that are for CPUs.
        options: an ``InferenceOptions``, or a dict of some of its fields; the others, and by
            default all, are the paper's or the compact model's, as for the architecture.
        name: name of the model.

    ``model(images)`` takes ``(B, H, W, 3)`` RGB 0-255 and returns a dict, in input pixels:
    ``boxes (B, N, 4)`` xyxy, ``box_scores (B, N)``, ``keypoints (B, N, K, 2)`` xy,
    ``keypoint_scores (B, N, K)``, ``pose_scores (B, N)``, ``heatmaps (B, H/4, W/4, K)``,
    ``mask (B, H/4, W/4)``. Unused rows have score 0. A pose's score is the geometric mean of its
    box's score and the mean of its keypoints' scores.

    Raises:
        ValueError: an argument is unknown or does not fit; later, images of a wrong size.
        WeightsError: the weights could not be had or do not fit.
    """

    def __init__(
        self,
        backbone="resnet50",
        skeleton=skeletons.COCO_17,
        image_size=None,
        weights=None,
        architecture=None,
        options=None,
        name="multiposenet",
    ):
        forks.check(forks.KERAS)
        super().__init__(name=name)
        _check_size(image_size)
        if isinstance(skeleton, str):
            skeleton = skeletons.get(skeleton)
        if isinstance(skeleton, dict):
            skeleton = skeletons.Skeleton(**skeleton)
        if not isinstance(skeleton, skeletons.Skeleton):
            raise TypeError(f"skeleton: {skeleton!r:.60}; give a Skeleton or the name of one")
        if isinstance(architecture, dict):
            architecture = Architecture(**architecture)
        if not isinstance(architecture, Architecture | None):
            raise TypeError(f"architecture: {architecture!r:.60}; give an Architecture or a dict")
        if not isinstance(options, InferenceOptions | dict | None):
            raise TypeError(f"options: {options!r:.60}; give InferenceOptions or a dict")
        if not isinstance(backbone, str | keras.Model):
            raise TypeError(f"backbone: {backbone!r:.60}; give a name or a keras.Model")
        compact = backbone in backbones.COMPACT
        self.architecture = architecture or architecture_for(backbone)
        if not isinstance(options, InferenceOptions):
            defaults = inference_options.NANO if compact else inference_options.PAPER
            options = dataclasses.replace(defaults, **(options or {}))
        self.options = options
        self.skeleton = skeleton
        self.image_size = tuple(image_size) if image_size else None
        self._separated = None
        self._backbone_name = backbone if isinstance(backbone, str) else None
        self._add_parts(backbone, "imagenet" if weights == "imagenet" else None)
        self.built = True
        if is_movenet(weights):
            self._load_movenet(weights)
        elif weights not in (None, "imagenet"):
            self._load_released(weights)

    def fit(self, *args, **kwargs):
        """A model is trained stage by stage, each with targets and losses of its own."""
        raise NotImplementedError(
            "MultiPoseNet: fit: its parts are trained one after the other; use multiposenet.fit or "
            "`multiposenet train STAGE --data FORMAT:FOLDER --run DIR`, see docs/training.md"
        )

    def _load_movenet(self, path):
        if self._backbone_name not in backbones.MOVENETS:
            raise WeightsError(
                f"{path}: weights: are a MoveNet's, the backbone is {self.backbone.name}; use one "
                f"of {', '.join(backbones.MOVENETS)}"
            )
        same_keypoints = self.skeleton.keypoints == skeletons.COCO_17.keypoints
        subnet = self.keypoint_subnet if same_keypoints else None
        load_movenet(path, self.backbone, self.keypoint_pyramid, subnet)

    def _load_released(self, name):
        path = zoo.resolve(name)
        try:
            load_completely(self, path)
        except Exception as error:  # depends on what does not fit
            raise WeightsError(
                f"{name}: weights: do not fit these arguments; give those of its manifest entry, "
                "or use multiposenet.load"
            ) from error

    def _add_parts(self, backbone, weights):
        size, keypoints = self.architecture, self.skeleton.num_keypoints
        self.backbone = backbones.build(backbone, weights)
        levels = backbones.levels(self.backbone)
        self.keypoint_strides = {f"K{key[1]}": levels[key][1] for key in backbones.LEVELS}
        self.codec = GaussianHeatmaps()
        if self.keypoint_strides["K2"] != self.codec.stride:
            raise ValueError(f"backbone: C2 has stride {self.keypoint_strides['K2']}; it must be 4")
        movenet = self._backbone_name in backbones.MOVENETS
        self.keypoint_pyramid, self.keypoint_subnet = size.keypoint_parts(
            levels, self.keypoint_strides, keypoints, movenet
        )
        coarsest = levels["C5"][1]
        self.anchors = size.anchors(
            (levels["C3"][1], levels["C4"][1], coarsest, 2 * coarsest, 4 * coarsest)
        )
        made = {name: getattr(size, name) for name in ("norm", "p6_from", "strided_padding")}
        self.person_pyramid = person_pyramid(levels, size.pyramid_channels, **made)
        self.person_subnet = person_heads.person_subnet(
            num_anchors=self.anchors.per_cell,
            channels=size.pyramid_channels,
            depth=size.person_depth,
            norm=size.norm,
        )
        self.prn = PoseResidualNetwork(
            keypoints, nodes=size.prn_nodes, dropout=size.prn_dropout, stride=size.prn_stride
        )

    @property
    def options(self):
        """The ``InferenceOptions``; others may be assigned at any time.

        >>> model.options = dataclasses.replace(model.options, nms_iou=0.5)
        """
        return self._options

    @options.setter
    def options(self, options):
        self._options = options
        self.predict_function = None  # of the options before

    @property
    def blocks(self):
        """The parts by name, in the order in which data flows through them."""
        return {
            "backbone": self.backbone,
            "keypoint pyramid": self.keypoint_pyramid,
            "keypoint subnet": self.keypoint_subnet,
            "person pyramid": self.person_pyramid,
            "person subnet": self.person_subnet,
            "PRN": self.prn,
        }

    def features(self, images, training=None):
        """The backbone's C2...C5 of the images, and of every further octave; a list of dicts."""
        seen = [self.backbone(images, training=training)]
        for _ in range(1, self.architecture.octaves):
            images = Halved(MULTIPLE)(images)
            seen.append(self.backbone(images, training=training))
        return seen

    def keypoint_maps(self, features, training=None):
        """The keypoint subnet's dict of maps from ``features``; ``"maps"`` are of all octaves."""
        subnet = self._separated() if self._separated else self.keypoint_subnet
        octaves = []
        for levels in features:
            levels = {key: levels[key] for key in self.keypoint_pyramid.input}
            levels = self.keypoint_pyramid(levels, training=training)
            octaves.append(subnet(levels, training=training))
        return {**octaves[0], "maps": fused(octaves)}

    def final_maps(self, features):
        """What the codec decodes ``(B, H/4, W/4, K + 1)`` float32, the mask last, at inference.

        Linear maps, the paper's, are not confined to 0 and 1.
        """
        maps = self.keypoint_maps(features, training=False)["maps"]
        maps = ops.sigmoid(maps) if self.architecture.sigmoid else maps
        return ops.cast(maps, "float32")

    @contextlib.contextmanager
    def levels_apart(self):
        """Within, ``keypoint_maps`` are computed with fewer operations; see ``separate_levels``."""
        subnet = separated(self.keypoint_subnet)
        self._separated = lambda: subnet  # Keras would take the model itself for a part of this one
        try:
            yield
        finally:
            self._separated = None

    def person_predictions(self, features, training=None):
        """``(logits (B, A), deltas (B, A, 4), anchors (A, 4))`` from the backbone's C3...C5."""
        logits, deltas, shapes = self._person_levels(features, training)
        return logits, deltas, anchors_for_levels(shapes, self.anchors)

    def _person_levels(self, features, training):
        """Logits, deltas, and the (rows, columns) of the levels that they are of."""
        features = {key: features[key] for key in ("C3", "C4", "C5")}
        levels = self.person_pyramid(features, training=training)
        outputs = self.person_subnet(levels, training=training)
        shapes = [ops.shape(levels[key])[1:3] for key in person_heads.LEVELS]
        return outputs["logits"], outputs["deltas"], shapes

    def network(self):
        """The bare network, a ``keras.Model`` that shares the weights: backbone, pyramids, subnets.

        From images to a dict: ``"maps"`` of the keypoint subnet, ``"logits"`` and ``"deltas"`` of
        the person subnet; nobody is found or grouped.
        """
        features = self.features(self.backbone.input)
        person = {key: features[0][key] for key in ("C3", "C4", "C5")}
        outputs = self.person_subnet(self.person_pyramid(person))
        return keras.Model(
            self.backbone.input, {"maps": self.keypoint_maps(features)["maps"], **outputs}
        )

    def call(self, images):
        self._check_size(images.shape)
        found = self.detect(images)
        maps, boxes, box_scores = found["maps"], found["boxes"], found["box_scores"]
        keypoints, keypoint_scores = grouping.group(
            self.prn,
            boxes,
            found["points"],
            found["point_scores"],
            self.options.score_exponent,
            self.options.candidates_per_box,
            box_scores if self.options.exclusive else None,
        )
        keypoint_scores = keypoint_scores * ops.cast(box_scores > 0, "float32")[..., None]
        if not self.architecture.sigmoid:
            maps = ops.clip(maps, 0.0, 1.0)
        keypoint_maps, mask = last_apart(maps)
        return {
            "boxes": boxes,
            "box_scores": box_scores,
            "keypoints": keypoints,
            "keypoint_scores": keypoint_scores,
            "pose_scores": ops.sqrt(box_scores * ops.mean(keypoint_scores, axis=-1)),
            "heatmaps": keypoint_maps,
            "mask": mask,
        }

    def detect(self, images):
        """People and keypoints that are not grouped yet, at inference.

        Args:
            images: as of the call.

        Returns:
            A dict, in input pixels: ``boxes (B, N, 4)`` xyxy and ``box_scores (B, N)``; the
            candidates of every keypoint, ``points (B, K, P, 2)`` xy and ``point_scores
            (B, K, P)``; ``maps``, see ``final_maps``. Unused rows have score 0.
        """
        features = self.features(images, training=False)
        maps = self.final_maps(features)
        boxes, box_scores = self._persons(images, features[0])
        # The peaks of the mask are not used, but taking it out before costs more than finding them.
        peaks = self.codec.decode({"heatmaps": maps}, self.options.max_peaks)
        points, point_scores = (x[:, :-1] for x in peaks)
        return {
            "boxes": boxes,
            "box_scores": box_scores,
            "points": points,
            "point_scores": point_scores,
            "maps": maps,
        }

    def _check_size(self, shape):
        height, width = shape[1:3]
        if self.image_size and (height, width) != self.image_size:
            raise ValueError(
                f"images: {height}x{width} pixels, but image_size fixes {self.image_size}"
            )
        # In a graph, sides may be unknown.
        if any(isinstance(side, int) and side % MULTIPLE for side in (height, width)):
            raise ValueError(f"images: {height}x{width} pixels; sides must be multiples of 32")

    def export(
        self, filepath, format="tf_saved_model", verbose=None, input_signature=None, **kwargs
    ):
        """As ``keras.Model.export``; by default for any batch and, if not fixed, any size."""
        if input_signature is None:
            shape = (None, *(self.image_size or (None, None)), 3)
            input_signature = [keras.InputSpec(shape=shape, dtype="float32", name="images")]
        super().export(
            filepath, format=format, verbose=verbose, input_signature=input_signature, **kwargs
        )

    def _persons(self, images, features):
        """Non-overlapping person boxes ``(B, N, 4)`` and their scores ``(B, N)``."""
        logits, deltas, shapes = self._person_levels(features, training=False)
        height, width = ops.shape(images)[1:3]
        limits = ops.cast(ops.stack([width, height, width, height]), "float32")
        # Boxes are made of the best anchors only, not of all tens of thousands. Those of one cell
        # are of the same person.
        logits, best = highest_of_runs(logits, self.anchors.per_cell, CANDIDATES)
        anchors = anchors_at(best, shapes, self.anchors)
        boxes = box_ops.decode(anchors, pick(deltas, best), self.architecture.box_coding)
        boxes = ops.clip(boxes, 0.0, limits)
        # Corners are predicted one by one: they may be crossed, or all outside the image.
        sound = ops.all(boxes[..., 2:] > boxes[..., :2], axis=-1)
        # Ranked by logits: the sigmoids of large ones are all 1, and ties are broken by chance.
        logits = ops.cast(logits, "float32")
        share = np.clip(self.options.box_score, 1e-45, 1 - 1e-16)
        indices, valid = box_ops.nms(
            boxes,
            ops.where(sound, logits, -1e9),
            self.options.nms_iou,
            self.options.max_people,
            score_threshold=float(np.log(share / (1 - share))),
        )
        valid = ops.cast(valid, "float32")
        return pick(boxes, indices) * valid[..., None], ops.sigmoid(pick(logits, indices)) * valid

    def get_config(self):
        backbone = self._backbone_name or keras.saving.serialize_keras_object(self.backbone)
        return {
            "backbone": backbone,
            "skeleton": dataclasses.asdict(self.skeleton),
            "image_size": self.image_size,
            "architecture": dataclasses.asdict(self.architecture),
            "options": dataclasses.asdict(self.options),
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = inference_options.current(config)
        if isinstance(config.get("backbone"), dict):
            config["backbone"] = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**config)


def _check_size(image_size):
    if image_size is None:
        return
    pair = isinstance(image_size, list | tuple) and len(image_size) == 2
    whole = pair and all(isinstance(side, int | np.integer) for side in image_size)
    if not whole or any(not MULTIPLE <= s <= _MOST_SIDE or s % MULTIPLE for s in image_size):
        raise ValueError(
            f"image_size: {image_size!r:.60}; give height and width, multiples of 32 up to "
            f"{_MOST_SIDE}"
        )
