"""Symmetric STN: pose of the person in an inexact proposal (RMPE, section 3.2.1).

    proposal -> STN -> SPPE -> SDTN -> heatmaps            inference
                  `--> frozen SPPE  -> heatmaps            training only

The STN turns the proposal so that the single-person pose estimator (SPPE) sees the person as it
likes to; the SDTN turns the heatmaps back. In training, a frozen copy of the SPPE looks at the
same picture and its heatmaps shall show the person in the centre, which only the STN can bring
about.
"""

from keras import Input, Model, layers

from multiposenet.maths.heatmaps import STRIDE
from multiposenet.networks.layers import FrozenCopy
from multiposenet.networks.spatial_transformer import SpatialTransformer


def symmetric_stn(sppe, localisation, *, oversampling=1, name="symmetric_stn"):
    """The network for inference (RMPE, figure 5); it shares its layers with ``with_parallel_sppe``.

    Args:
        sppe: ``keras.Model`` from images ``(B, H', W', 3)`` to a dict of heatmaps
            ``(B, h, w, K)``: ``"heatmaps"``, the prediction, and any intermediate ones, such as
            an ``hourglass``.
        localisation: ``keras.Model`` from proposals ``(B, H, W, 3)`` to theta ``(B, 2, 3)``, such
            as ``localisation_network`` or ``pose_localisation``. Proposals may be larger than the
            SPPE's images, to show more around the person.
        oversampling: how many times as many pixels per side the proposals of this network have, so
            that what the STN enlarges stays sharp. The localisation network sees their averages,
            and the weights are the same for any number.
        name: name of the model.

    Returns:
        A ``keras.Model`` from proposals ``(B, H, W, 3)``, RGB 0-255, to a dict: ``heatmaps``
        ``(B, h, w, K)`` in the proposal's frame and ``theta`` ``(B, 2, 3)``, by which
        ``spatial_transformer.transform`` brings places of the STN's result to the proposal.
    """
    size = localisation.input_shape[1:3]
    proposals = Input((*(oversampling * side for side in size), 3), name="proposals")
    theta, person = _stn(localisation, proposals, sppe, oversampling)
    maps = {"heatmaps": sppe(person)["heatmaps"]}
    return Model(proposals, {**_sdtn(maps, theta, size), "theta": theta}, name=name)


def with_parallel_sppe(sppe, localisation, *, name="symmetric_stn_training"):
    """The network for training: ``symmetric_stn``, the parallel SPPE beside it (RMPE, figure 6).

    The parallel SPPE is a copy of ``sppe`` as it is now, so train that one first. Its weights
    and statistics never change. To save what was learnt, save the ``symmetric_stn`` of the same
    ``sppe`` and ``localisation``.

    Args:
        sppe: as for ``symmetric_stn``.
        localisation: as for ``symmetric_stn``.
        name: name of the model.

    Returns:
        A ``keras.Model`` from proposals ``(B, H, W, 3)`` to a dict: ``own``, the dict of all maps
        of ``sppe`` in the proposal's frame; ``centred``, the dict of all maps of the parallel SPPE
        in the frame of the STN's result, whose target is the pose of
        ``training.patches.targets.centre_pose``; and ``theta``.
    """
    proposals = Input(localisation.input_shape[1:], name="proposals")
    theta, person = _stn(localisation, proposals, sppe)
    own = _sdtn(sppe(person), theta, proposals.shape[1:3])
    centred = FrozenCopy(sppe, name="parallel_sppe")(person)
    return Model(proposals, {"own": own, "centred": centred, "theta": theta}, name=name)


def _stn(localisation, proposals, sppe, oversampling=1):
    seen = proposals
    if oversampling > 1:
        seen = layers.AveragePooling2D(oversampling, name="averaged")(proposals)
    theta = localisation(seen)
    return theta, SpatialTransformer(sppe.input_shape[1:3], name="stn")([proposals, theta])


def _sdtn(maps, theta, size):
    size = [side // STRIDE for side in size]
    sdtn = SpatialTransformer(size, inverse=True, name="sdtn", dtype="float32")
    return {key: sdtn([x, theta]) for key, x in maps.items()}
