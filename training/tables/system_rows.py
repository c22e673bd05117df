"""Tables whose rows are systems as they come, used in different ways; nothing is trained."""

import time
from dataclasses import dataclass, field, replace

from multiposenet import overlapped
from multiposenet.annotations import CocoAnnotations, photo_path
from multiposenet.errors import InputError
from multiposenet.evaluation import coco
from multiposenet.maths.suppression import box_nms
from multiposenet.sources import Frame, read_labelled
from multiposenet.systems import pose_nms as rules
from multiposenet.systems import pose_scores, registry
from multiposenet.systems.test_time.augmentation import Augmentation, Augmented
from multiposenet.systems.test_time.ensemble import Ensemble
from multiposenet.systems.test_time.refinement import Refined, load_persons

FIGURES = ("AP", "AP50", "AP75", "APM", "APL")


@dataclass(frozen=True)
class SystemRow:
    """A row of the table.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        system: of ``registry.SYSTEMS``.
        options: of its ``load``.
        ensemble: names that look at the photos, too, as for ``registry.member``.
        refine: what estimates each pose once more, as for ``refinement.load_persons``.
        tta: as for ``Augmentation.parse``.
        than: name of the row whose figures this one's are compared with; None: with nothing.
    """

    name: str
    title: str
    system: str
    options: dict = field(default_factory=dict)
    ensemble: tuple[str, ...] = ()
    refine: str | None = None
    tta: str | None = None
    than: str | None = None


@dataclass(frozen=True)
class DecidedRow:
    """A row that looks at no photo: what another row has found is scored and kept otherwise.

    Attributes:
        name, title, than: as of ``SystemRow``.
        of: name of the row whose poses these are, of a top-down system that keeps all of them.
        box_overlap, rescoring, pose_nms: as of ``TopDown``.
    """

    name: str
    title: str
    of: str
    box_overlap: float | None
    rescoring: str
    pose_nms: rules.Rule
    than: str | None = None


class SystemTable:
    """Measures rows on the same photos.

    Args:
        annotations: ``CocoAnnotations``.
        images: folder of their photos.
        model: detector of all systems, as for ``multiposenet.load``.
        runtime: as for ``multiposenet.load``.
        rows: among which ``DecidedRow.of`` is looked up.
        box_score: boxes that score less are not looked at; None: what each system has.

    Raises:
        InputError: a photo is missing, or not of the size that its labels are for.
    """

    def __init__(self, annotations, images, model, runtime="auto", rows=(), box_score=None):
        self.annotations: CocoAnnotations = annotations
        self.model, self.runtime = model, runtime
        self._rows = {row.name: row for row in rows}
        self._options = {} if box_score is None else {"box_score": box_score}
        self._photos = [
            (photo_path(images, record.file_name), (record.height, record.width))
            for record in annotations.images
        ]
        self._found, self._seconds, self._measured = {}, {}, {}

    def measure(self, row: SystemRow | DecidedRow) -> dict:
        """The figures of a row.

        Returns:
            Dict: name and title; ``FIGURES`` of the keypoints, 0 to 100; of a row that looks at
            photos ``ms``, processor time a photo, decoding included; of a row that is compared, if
            the other one was measured before, ``gain`` in AP, and ``cost``, how many times its
            time.
        """
        measured = {"name": row.name, "title": row.title}
        figures = coco.evaluate_keypoints(self.annotations, self.results(row))
        measured |= {name: 100 * figures[f"keypoints/{name}"] for name in FIGURES}
        if row.name in self._seconds:
            measured["ms"] = 1000 * self._seconds[row.name] / len(self._photos)
        if other := self._measured.get(row.than):
            measured["gain"] = measured["AP"] - other["AP"]
            if "ms" in measured and "ms" in other:
                measured["cost"] = measured["ms"] / other["ms"]
        self._measured[row.name] = measured
        return measured

    def results(self, row: SystemRow | DecidedRow) -> list[dict]:
        """What a row finds, as COCO's results."""
        category = self.annotations.category_id
        found = zip(self.annotations.images, self.poses(row), strict=True)
        return [
            result
            for record, poses in found
            for result in poses.to_coco(record.id, category, guesses=True)
        ]

    def poses(self, row: SystemRow | DecidedRow) -> list:
        """What a row finds: the ``Poses`` of each photo, without masks."""
        if row.name not in self._found:
            if isinstance(row, DecidedRow):
                every = self.poses(self._rows[row.of])
                self._found[row.name] = [decided(poses, row) for poses in every]
            else:
                self._found[row.name] = self._run(row)
        return self._found[row.name]

    def _run(self, row):
        system = self._system(row)
        list(system.stream(self.frames(1)))  # what is done once: graphs are traced
        begin, poses = time.process_time(), []
        for item in system.stream(overlapped.ahead(self.frames())):
            if isinstance(item, InputError):
                raise item
            poses.append(replace(item[1], mask=None))  # as large as the photo
        self._seconds[row.name] = time.process_time() - begin
        return poses

    def _system(self, row):
        system = self._load(row.system, row.options)
        if row.ensemble:
            members = [system, *(self._load(name, {}) for name in row.ensemble)]
            system = Ensemble(members, [row.system, *row.ensemble], 0.0)
        if row.refine:
            system = Refined(system, load_persons(row.refine, self.runtime))
        return Augmented(system, Augmentation.parse(row.tta)) if row.tta else system

    def _load(self, name, options):
        # Average precision ranks all detections: a threshold would only cut its tail off.
        options = {"score": 0.0, **self._options, **options}
        return registry.member(name, self.model, self.runtime, **options)

    def frames(self, count=None):
        """The photos one after the other, all or so many.

        Raises:
            InputError: one is missing, or not of the size that its labels are for.
        """
        for path, size in self._photos[:count]:
            yield Frame(read_labelled(path, size), str(path), path)


def decided(poses, row: DecidedRow):
    """The poses of a row, of all poses of a photo."""
    if row.box_overlap is not None:
        poses = poses[box_nms(poses.boxes, poses.box_scores, row.box_overlap)]
    scores = pose_scores.pose_scores(row.rescoring, poses.box_scores, poses.keypoint_scores)
    return rules.distinct(replace(poses, scores=scores), row.pose_nms)
