"""Tables whose rows are systems as they come, used in different ways; nothing is trained."""

import time
from dataclasses import dataclass, field

from multiposenet import overlapped
from multiposenet.annotations import CocoAnnotations, photo_path
from multiposenet.errors import InputError
from multiposenet.evaluation import coco
from multiposenet.sources import Frame, read_labelled
from multiposenet.systems import registry
from multiposenet.systems.test_time.augmentation import Augmentation, Augmented
from multiposenet.systems.test_time.ensemble import Ensemble
from multiposenet.systems.test_time.refinement import Refined, load_persons


@dataclass(frozen=True)
class SystemRow:
    """A row of the table.

    Attributes:
        name: as ``--rows`` takes it.
        title: as the table prints it.
        system: of ``registry.SYSTEMS``.
        options: of its ``load``.
        ensemble: systems of ``registry.SYSTEMS`` that look at the photos, too.
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


class SystemTable:
    """Measures rows on the same photos.

    Args:
        annotations: ``CocoAnnotations``.
        images: folder of their photos.
        model: detector of all systems, as for ``multiposenet.load``.
        runtime: as for ``multiposenet.load``.

    Raises:
        InputError: a photo is missing, or not of the size that its labels are for.
    """

    def __init__(self, annotations: CocoAnnotations, images, model, runtime="auto"):
        self.annotations, self.model, self.runtime = annotations, model, runtime
        self._photos = [
            (photo_path(images, record.file_name), (record.height, record.width))
            for record in annotations.images
        ]
        self._done = {}

    def measure(self, row: SystemRow) -> dict:
        """The figures of a row.

        Returns:
            Dict: name and title; ``AP`` and ``AP50`` of the keypoints, 0 to 100; ``ms``, wall time
            a photo, decoding included; of a row that is compared, if the other one was measured
            before, ``gain`` in AP, and ``cost``, how many times its time.
        """
        system = self._system(row)
        list(system.stream(self._frames(1)))  # what is done once: graphs are traced
        begin, results = time.monotonic(), []
        found = system.stream(overlapped.ahead(self._frames()))
        for record, item in zip(self.annotations.images, found, strict=True):
            if isinstance(item, InputError):
                raise item
            category = self.annotations.category_id
            results += item[1].to_coco(record.id, category, guesses=True)
        seconds = time.monotonic() - begin
        figures = coco.evaluate_keypoints(self.annotations, results)
        measured = {
            "name": row.name,
            "title": row.title,
            "AP": 100 * figures["keypoints/AP"],
            "AP50": 100 * figures["keypoints/AP50"],
            "ms": 1000 * seconds / len(self._photos),
        }
        if other := self._done.get(row.than):
            measured |= {"gain": measured["AP"] - other["AP"], "cost": seconds / other["seconds"]}
        self._done[row.name] = {**measured, "seconds": seconds}
        return measured

    def _system(self, row):
        system = self._load(row.system, row.options)
        if row.ensemble:
            members = [system, *(self._load(name, {}) for name in row.ensemble)]
            system = Ensemble(members, [row.system, *row.ensemble], 0.0)
        if row.refine:
            system = Refined(system, load_persons(row.refine))
        return Augmented(system, Augmentation.parse(row.tta)) if row.tta else system

    def _load(self, name, options):
        entry = registry.get(name)
        runtime = entry.nearest_runtime(self.runtime)
        # Average precision ranks all detections: a threshold would only cut its tail off.
        return entry.load(self.model, runtime=runtime, score=0.0, **options)

    def _frames(self, count=None):
        for path, size in self._photos[:count]:
            yield Frame(read_labelled(path, size), str(path), path)
