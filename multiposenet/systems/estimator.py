"""From a source of images to poses: a model, letterboxing, batching and the way back to pixels.

>>> pose = load("multiposenet-nano")
>>> people = pose("group.jpg")
>>> for item in pose.stream("photos/*.jpg"):
...     frame, people = item
"""

import dataclasses
import functools
import itertools
import math
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np

from multiposenet import keras_start, overlapped, zoo
from multiposenet.errors import InputError
from multiposenet.maths.geometry import Affine, letterbox, letterbox_size, resample
from multiposenet.poses import Poses
from multiposenet.runtimes import export_cache, exported
from multiposenet.skeleton import Skeleton
from multiposenet.sources import Frame, one_frame
from multiposenet.systems import architecture_files, pose_scores, system
from multiposenet.systems import options as inference_options
from multiposenet.systems import pose_nms as rules
from multiposenet.systems.compilation import compiled, fills_processors
from multiposenet.systems.options import InferenceOptions
from multiposenet.systems.system import System

_OF_POSES = ("boxes", "box_scores", "keypoints", "keypoint_scores", "pose_scores", "mask")
STRIDE = 4  # input pixels per cell of the heatmaps and the mask
PANORAMA = 3  # ratio of the sides from which people may be too small for the network to find
WANTED, LARGEST = 256, 8192  # pixels: a shorter side that would do, a longer one that may be had
CANVAS_MULTIPLE = 64  # twice what the network needs, so that photos share fewer shapes


class Estimator(System):
    """Finds people in images with a model of the `MultiPoseNet` kind.

    Images are scaled, up or down, so that their longer side is `image_size`, but to `enlarge` times
    their size at most; padded to one of few canvas sizes, run in batches of equal size, and the
    results mapped back to their own pixels.

    Args:
        model: a `keras.Model` with the outputs of `MultiPoseNet` and an attribute `skeleton`, or an
            `ExportedModel`.
        image_size: longer side of an image as the network sees it, in pixels; by default that of
            the model's `InferenceOptions`. A model built for one fixed input size uses that
            instead.
        score: people whose pose score is lower are left out; by default as the model's options say.
        batch_size: images run at once at most; by default 8, and 1 in an exported file and in
            TensorFlow without a GPU, which use all processors for one image and keep memory for
            every shape they have seen.
        enlarge: by how much an image is enlarged at most; by default as the model's options say.
            More would show nothing more, and people larger than most that a model has learnt from.
        pose_nms: which poses are of one person, a rule of `pose_nms`; None keeps all.
        rescoring: what a pose scores, of `pose_scores.RULES`.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        model,
        image_size: int | None = None,
        score: float | None = None,
        batch_size: int | None = None,
        enlarge: float | None = None,
        pose_nms: rules.Rule = None,
        rescoring: str = "geometric",
    ):
        if batch_size is None:
            batch_size = 1 if fills_processors(model) else 8
        if batch_size < 1:
            raise ValueError(f"batch_size: {batch_size}; give at least 1")
        given = {"image_size": image_size, "score": score, "enlarge": enlarge}
        given = {name: value for name, value in given.items() if value is not None}
        options = InferenceOptions(**{**_options_of(model), **given})
        self.model = model
        self.name = None  # as loaded
        self.image_size = options.image_size
        self.enlarge = options.enlarge
        self.score = options.score
        self.pose_nms = pose_nms
        self.rescoring = pose_scores.check(rescoring)
        self.batch_size = int(batch_size)
        self._fixed_size = getattr(model, "image_size", None)
        self._lanes = getattr(model, "lanes", 1)
        self._find = compiled(model, _OF_POSES)
        self._find_many = compiled(model, _OF_POSES, many=True)
        self._see = compiled(model, ("heatmaps",))
        self._find_and_see = compiled(model, (*_OF_POSES, "heatmaps"))

    def __reduce__(self):
        # As its recipe: what runs the model belongs to this process.
        fields = (self.image_size, self.score, self.batch_size, self.enlarge)
        arguments = (self.model, *fields, self.pose_nms, self.rescoring)
        return type(self), arguments, {"name": self.name}

    @property
    def skeleton(self) -> Skeleton:
        return self.model.skeleton

    def at_scale(self, factor: float) -> "Estimator":
        """The same, with images seen at another size; it shares what is compiled."""
        if self._fixed_size:
            raise ValueError(f"scales: the model sees images of {self._fixed_size} only; give 1")
        return self._seeing(max(32, round(self.image_size * factor)))

    @property
    def options(self) -> dict:
        """The `InferenceOptions` by name, those of the model and its own."""
        own = {name: getattr(self, name) for name in inference_options.OF_IMAGES}
        return {**_options_of(self.model), **own}

    def _about(self) -> list[str | None]:
        runtime = getattr(self.model, "runtime", None)
        if runtime is None:
            import keras

            runtime = f"keras on {keras.backend.backend()}"
        size = self._fixed_size or (self.image_size,)
        return [self.name or self.skeleton.name, runtime, f"{'x'.join(map(str, size))} pixels"]

    def _seeing(self, size: int) -> "Estimator":
        if self._fixed_size:
            raise ValueError(
                f"size: the model sees images of {self._fixed_size} only; leave it out"
            )
        return self._but(image_size=InferenceOptions(image_size=size).image_size)

    def _stream(self, items) -> Iterator[tuple[Frame, Poses] | InputError]:
        count = 4 * self.batch_size if self.batch_size > 1 else 1
        limits = (system.WINDOW_PIXELS,)
        cut = system.windows(items, count, lambda item: (system.pixels(item),), limits)
        one, many = (functools.partial(self._found, f) for f in (self._find, self._find_many))
        with closing(overlapped.in_lanes(one, many, cut, self._lanes)) as found:
            yield from itertools.chain.from_iterable(found)

    def _found(self, find, window) -> list[tuple[Frame, Poses] | InputError]:
        """What `_stream` yields for a window."""
        results = dict(self._run(window, find, self._poses))
        return [
            item if isinstance(item, InputError) else (item, results[index])
            for index, item in enumerate(window)
        ]

    def advice(self, frame: Frame, poses: Poses) -> str | None:
        height, width = frame.image.shape[:2]
        short, long = sorted((height, width))
        seen = self._longest(frame.image, self.image_size)
        if len(poses) or self._fixed_size or long < PANORAMA * short or seen >= long:
            return None
        size = min(32 * math.ceil(WANTED * long / short / 32), LARGEST, long)
        remedy = f"try --size {size} (image_size={size})" if size > seen else "cut it into pieces"
        return (
            f"nobody found: the model saw the {width}x{height} pixels with a shorter side of "
            f"{seen * short / long:.0f}; {remedy}"
        )

    def heatmaps(self, source) -> np.ndarray:
        """Returns the keypoint heatmaps of one image, as the network sees them.

        Args:
            source: the path of an image or an array.

        Returns:
            (h, w, K) float32. The maps cover exactly the whole image, at a quarter of the
            resolution at which the network saw it; `drawing.heatmap` lays them over the image.

        Raises:
            InputError: the image cannot be used.
            ValueError: the source is not one image.
        """
        item = one_frame(source)
        ((_, maps),) = self._run([item], self._see, self._maps)
        return maps

    def poses_and_heatmaps(self, source) -> tuple[Poses, np.ndarray]:
        """What a call and `heatmaps` return of one image, of a single run of the model."""

        def both(*seen):
            return self._poses(*seen), self._maps(*seen)

        ((_, found),) = self._run([one_frame(source)], self._find_and_see, both)
        return found

    def canvases(self, photos: list[Frame], size=None) -> Iterator[np.ndarray]:
        """Yields the batches (B, H, W, 3) in which the model would see the photos.

        Args:
            photos: what to put into them.
            size: (H, W) of the batches instead of those that the photos' shapes ask for.
        """
        for _, images, _ in self.letterboxed(photos, size):
            yield images

    def _run(self, window, predict, finish) -> Iterator[tuple[int, object]]:
        """Runs a function of `compiled` over the frames of a window, equal canvases together.

        Yields (index in the window, `finish(frame, outputs, affine)`) with the outputs of that
        frame alone and the map from its pixels to the canvas.
        """
        for batch, images, affines in self.letterboxed(window):
            outputs = predict(images)
            for row, index in enumerate(batch):
                alone = {name: np.asarray(array[row]) for name, array in outputs.items()}
                yield index, finish(window[index], alone, affines[row])

    def letterboxed(
        self, window, fixed=None
    ) -> Iterator[tuple[list[int], np.ndarray, list[Affine]]]:
        """Yields images in batches of equal canvases, as the model sees them.

        Each is a list of indices into the window, of which what is no frame is left out; the
        canvases (B, H, W, 3) float32, (H, W) being the fixed one if it is given; and a list of
        maps from the images' pixels to the canvases.
        """
        wanted = max(fixed or self._fixed_size or (self.image_size,))
        groups = defaultdict(list)
        for index, frame in enumerate(window):
            if isinstance(frame, Frame):
                groups[fixed or self._canvas_size(frame)].append(index)
        for size, indices in groups.items():
            for batch in system.batches(indices, self.batch_size):
                images = np.empty((len(batch), *size, 3), np.float32)
                affines = []
                for row, index in enumerate(batch):
                    image = window[index].image
                    longest = self._longest(image, wanted)
                    _, affine = letterbox(image, size, longest, images[row])
                    affines.append(affine)
                yield batch, images, affines

    def _canvas_size(self, frame: Frame) -> tuple[int, int]:
        if self._fixed_size:
            return tuple(self._fixed_size)
        longest = self._longest(frame.image, self.image_size)
        return letterbox_size(frame.image.shape[:2], longest, CANVAS_MULTIPLE)

    def _longest(self, image, wanted: int) -> int:
        """The longer side that an image gets, in pixels: the wanted one, or what it may have."""
        return min(wanted, math.ceil(self.enlarge * max(image.shape[:2])))

    def _poses(self, frame: Frame, outputs, affine: Affine) -> Poses:
        back = affine.inverse()
        height, width = frame.image.shape[:2]
        scores = outputs["pose_scores"]
        if self.rescoring != "geometric":  # which is the model's own
            given = (outputs["box_scores"], outputs["keypoint_scores"])
            scores = pose_scores.pose_scores(self.rescoring, *given)
        used = outputs["box_scores"] > 0  # the model has a fixed number of rows
        rows = np.flatnonzero(used & (scores >= self.score))
        rows = rows[np.argsort(-scores[rows], kind="stable")]
        boxes = back.boxes(outputs["boxes"][rows])
        cells = back @ Affine.scaling(STRIDE, STRIDE)
        mask = resample(np.clip(outputs["mask"], 0, 1), cells, (height, width))
        poses = Poses(
            boxes=np.clip(boxes, 0, [width, height, width, height]),
            box_scores=outputs["box_scores"][rows],
            keypoints=back(outputs["keypoints"][rows]),
            keypoint_scores=outputs["keypoint_scores"][rows],
            scores=scores[rows],
            skeleton=self.skeleton,
            image_size=(height, width),
            mask=mask,
            **frame.origin,
        )
        return rules.distinct(poses, self.pose_nms).above(self.score)

    def _maps(self, frame: Frame, outputs, affine: Affine) -> np.ndarray:
        height, width = frame.image.shape[:2]
        right, bottom = affine([width, height]) / STRIDE  # the image's corner, in cells
        size = max(1, round(bottom)), max(1, round(right))
        fit = Affine.scaling(size[1] / right, size[0] / bottom)
        maps = np.moveaxis(outputs["heatmaps"], -1, 0)
        return np.stack([resample(values, fit, size) for values in maps], axis=-1)


def load(
    name: str | os.PathLike = "multiposenet-nano",
    *,
    architecture=None,
    runtime: str | None = None,
    trust_saved_model: bool = False,
    **options,
):
    """Loads a model, ready to be called with images.

    Args:
        name: a model of the zoo (`multiposenet.zoo.names()`), the path of a `.keras` or
            `.weights.h5` file, of a run's folder that has one (`multiposenet train`), or of a file
            written by `multiposenet export`; or `hf://OWNER/NAME` on the Hugging Face Hub. What is
            a name of the zoo is never taken for a path; `./NAME` is one.
        architecture: for a `.weights.h5` file, the keyword arguments of `MultiPoseNet` it was
            made with. By default they are read from the field `architecture` of the JSON file
            beside it, `NAME.json` for `NAME.weights.h5`.
        runtime: "keras" (the default), "openvino", "openvino-bf16", "onnx", or "auto" for the
            fastest that is installed. Another runtime than Keras needs a file that is exported on
            first use and kept in `zoo.cache_dir()`; from then on Keras is not even imported. If
            it cannot be made or kept, "auto" warns and is Keras. An exported file has its own
            runtime.
        trust_saved_model: whether the folder of a SavedModel may be opened. It runs code that is
            in it; no other file does.
        **options: those of `InferenceOptions`, and `batch_size`, `pose_nms` and `rescoring` of
            `Estimator`. A model of the zoo brings its own defaults in the field `options` of its
            manifest entry. In an exported file some are fixed: other ones need an export of their
            own, which `runtime` makes.

    Returns:
        An `Estimator`.

    Raises:
        WeightsError: the name is unknown or the file is missing, damaged or of another model.
        InputError: the runtime is not installed, or cannot run this file; or an option is fixed in
            an exported file, to another value.
        TypeError: there is no such option.
        ValueError: an option is out of its range.
    """
    of_estimator = {
        key: options.pop(key)
        for key in ("batch_size", "pose_nms", "rescoring", *inference_options.OF_IMAGES)
        if key in options
    }
    if unknown := set(options) - set(inference_options.names()):
        raise TypeError(
            f"{min(unknown)}: no such option; there are batch_size, "
            f"{', '.join(inference_options.names())}"
        )
    if str(name).startswith("hf://"):
        with keras_start.without_start_up_notes():
            from multiposenet.systems import model_files

            model = model_files.from_hub(str(name), runtime)
        return _named(Estimator(_with(model, name, options), **of_estimator), name)
    path = Path(name)
    if exported.format_of(name):
        model = exported.load(path, runtime or "auto", trust_saved_model)
        _check_fixed(path, model.options, options)
        return _named(Estimator(model, **of_estimator), name)
    defaults, path = {}, path if zoo.is_name(name) else architecture_files.of_run(path)
    named = not path.name.endswith((".keras", ".h5")) and not path.is_file()
    if named or zoo.is_name(name):
        entry = zoo.entry(os.fspath(name))
        path, architecture = zoo.resolve(entry["name"]), entry["architecture"]
        name, defaults = entry["name"], entry.get("options", {})
    else:
        if architecture is None:  # else the file beside the weights is not read
            architecture_files.warn_of_untrained(path, of_estimator.get("score"))
        architecture = architecture_files.of_file(path, architecture)

    def in_keras():
        with keras_start.without_start_up_notes():
            from multiposenet.systems import model_files

            model = model_files.load(path, architecture, os.fspath(name))
        return Estimator(_with(model, path, {**defaults, **options}))

    made_of = {"architecture": architecture, **defaults, **options}
    model = export_cache.opened(path, made_of, runtime, in_keras) or in_keras().model
    return _named(Estimator(model, **of_estimator), name)


def _with(model, name: str | os.PathLike, options: dict):
    """The model, with these of its options changed."""
    if options:
        if not hasattr(model, "options"):
            raise InputError(f"{name}: {min(options)}: not an option of this model; leave it out")
        model.options = dataclasses.replace(model.options, **options)
    return model


def _named(pose: Estimator, name: str | os.PathLike) -> Estimator:
    pose.name = os.fspath(name)
    return pose


def _options_of(model) -> dict:
    """What is known of a model's `InferenceOptions`, by name."""
    options = getattr(model, "options", None) or {}
    return dataclasses.asdict(options) if dataclasses.is_dataclass(options) else dict(options)


def _check_fixed(path: Path, fixed: dict, wanted: dict) -> None:
    """Raises `InputError` if options that are part of an exported graph would have to change."""
    for name, value in wanted.items():
        if name not in fixed or fixed[name] != value:
            known = f"{fixed[name]} in this file" if name in fixed else "fixed in this file"
            raise InputError(
                f"{path}: {name}: is {known}, {value} is asked for; export it anew with "
                f"`--set {name}={value}`, or name the model that it was made of"
            )
