"""What an SPPE reaches on persons whose boxes are given: PCK in units of their torsos."""

import numpy as np

from multiposenet.errors import AnnotationError
from multiposenet.evaluation import pck
from multiposenet.maths import geometry
from multiposenet.networks.crop_margins import SPPE as MARGIN
from multiposenet.systems.compilation import compiled
from multiposenet.systems.keypoint_model import keypoint_model
from multiposenet.systems.single_person import SinglePersonEstimator
from multiposenet.training.patches import patch, photo_cache
from multiposenet.training.patches.person_crops import people

BATCH = 32  # crops in a call


class PoseValidation:
    """PCK@0.2 of an inference network while its parts are trained.

    Args:
        network: of ``networks.sppe.inference_model``.
        samples: list of ``datasets.Sample``.
        skeleton: of the network and the samples.
        proposals: generator of boxes that are no better than a detector's; None leaves them out.
        margin: of the network's proposals.
        codec: of the network's maps; None for Gaussians.
    """

    def __init__(self, network, samples, skeleton, proposals=None, margin=MARGIN, codec=None):
        self.estimate = estimator(network, skeleton, margin, codec)
        self.persons, self.skeleton = measured(samples, skeleton), skeleton
        self.boxes = {"true": boxes_of(self.persons)}
        if proposals is not None:  # the first figure is the one that decides
            self.boxes = {"proposals": boxes_of(self.persons, proposals)} | self.boxes

    def __call__(self):
        """``{"pck/proposals": ..., "pck/true": ...}``."""
        figures = {}
        for name, boxes in self.boxes.items():
            points = self.estimate(self.persons, boxes)
            figures[f"pck/{name}"] = torso_pck(points, self.persons, self.skeleton)[1]
        return figures


def measured(samples, skeleton):
    """The persons of ``person_crops.people`` whose torsos are labelled.

    Raises:
        AnnotationError: there is none.
    """
    found = people(samples)
    sizes = pck.torso_sizes(_labels(found, skeleton), skeleton)
    if not (sizes > 0).any():
        raise AnnotationError(
            f"validation: keypoints: nobody has {' and '.join(pck.TORSO)}, the unit of PCK; "
            "give annotations with them"
        )
    return [person for person, size in zip(found, sizes, strict=True) if size > 0]


def boxes_of(persons, proposals=None, seed=0):
    """``(P, 4)`` xyxy in pixels of the photos: true boxes, or a generator's, the same every time.

    Args:
        persons: P ``Person``.
        proposals: the generator; None for true boxes.
        seed: another one gives other boxes.
    """
    if proposals is None:
        return np.concatenate([person.labels.boxes for person in persons])
    drawn = []
    for row, person in enumerate(persons):
        own, rng = person.labels, np.random.default_rng((seed, row))
        drawn.append(proposals.sample(own.keypoints, own.boxes, rng, image_size=own.image_size)[0])
    return np.concatenate(drawn)


def estimator(network, skeleton, margin=MARGIN, codec=None):
    """A function from P persons and their boxes ``(P, 4)`` to keypoints ``(P, K, 2)``.

    All in pixels of the photos. The network has the weights that it has when the function is
    called.
    """
    find = SinglePersonEstimator(keypoint_model(network, codec), skeleton, margin)

    def estimate(persons, boxes):
        found = []
        for start in range(0, len(persons), find.batch_size):
            part = slice(start, start + find.batch_size)
            images = [photo_cache.image(person.photo) for person in persons[part]]
            found += [keypoints for keypoints, _ in find(images, boxes[part, None])]
        return np.concatenate(found)

    return estimate


def behind_exact_stn(network, persons, boxes, proposal_size, margin):
    """Keypoints ``(P, K, 2)`` in pixels of the photos, of an SPPE behind a perfect STN.

    The STN moves what the proposal shows so that the true box fits, as ``cropping`` would have cut
    it out; what the proposal does not show is black, as in ``spatial_transformer.sample``.

    Args:
        network: of ``networks.sppe.inference_model``, without an STN.
        persons: P ``Person``.
        boxes: ``(P, 4)`` xyxy in pixels of the photos.
        proposal_size: height and width of the proposals that the STN takes its picture from.
        margin: by which share these are longer and wider than boxes.
    """
    model = keypoint_model(network)
    find, size = compiled(model), model.input_shape[1:3]
    found = []
    for start in range(0, len(persons), BATCH):
        part = slice(start, start + BATCH)
        images, moves = [], []
        for person, box in zip(persons[part], boxes[part], strict=True):
            proposal = geometry.crop_map(box, proposal_size, margin)
            exact = geometry.crop_map(person.labels.boxes[0], size, MARGIN)
            shown = patch.warp(photo_cache.image(person.photo), proposal, proposal_size)
            images.append((exact @ proposal.inverse()).warp(shown, size, border=0))
            moves.append(exact)
        keypoints = np.asarray(find(np.stack(images).astype(np.float32))["keypoints"])
        found += [move.inverse()(own) for move, own in zip(moves, keypoints, strict=True)]
    return np.stack(found)


def torso_pck(points, persons, skeleton):
    """PCK@0.2 of keypoints ``(P, K, 2)`` in pixels of the photos, see ``evaluation.pck``."""
    return pck.torso_pck(points, _labels(persons, skeleton), skeleton)


def _labels(persons, skeleton):
    empty = np.zeros((0, skeleton.num_keypoints, 3))
    return np.concatenate([empty, *(person.labels.keypoints for person in persons)])
