"""Lets Keras load saved models of this package, though neither has imported the other yet.

`keras.models.load_model("poses.keras")` knows a class by its registered name, which a module
registers when it is imported. Importing all of them, and with them Keras, whenever the package is
imported would cost seconds. So stand-ins are registered as soon as Keras is imported; what they are
asked for is done by the class, whose module registers itself in their place.
"""

import importlib.util
import sys
from importlib import import_module

MODULES = {
    "multiposenet.maths.heatmaps": ("GaussianHeatmaps",),
    "multiposenet.maths.hough": ("DiskOffsets",),
    "multiposenet.networks.grmi": ("PlaceBias",),
    "multiposenet.networks.joint_assigner": ("JointAssigner",),
    "multiposenet.networks.layers": (
        "BilinearDoubling",
        "FrozenCopy",
        "ImageNormalization",
        "UpsampleLike",
    ),
    "multiposenet.networks.octaves": ("Halved", "MeanOfOctaves"),
    "multiposenet.networks.pose_residual_network": (
        "Max",
        "NearestCentre",
        "PoseResidualNetwork",
        "UnaryConditionalRelationship",
    ),
    "multiposenet.networks.proposal_network": ("ProposalNetwork",),
    "multiposenet.networks.spatial_transformer": ("BoundedAffine", "SpatialTransformer"),
    "multiposenet.systems.keypoint_model": ("KeypointDecoder",),
    "multiposenet.systems.multiposenet": ("MultiPoseNet",),
}
"""What is registered, by the module that does it."""


def install() -> None:
    """Registers the stand-ins now, or as soon as Keras has been imported."""
    if hasattr(sys.modules.get("keras"), "saving"):
        register()
    elif not any(isinstance(finder, _AfterKeras) for finder in sys.meta_path):
        sys.meta_path.insert(0, _AfterKeras())


def register() -> None:
    """Registers a stand-in for each class that has not registered itself."""
    registered = sys.modules["keras"].saving.get_custom_objects()
    for module, names in MODULES.items():
        for name in names:
            registered.setdefault(f"multiposenet>{name}", _stand_in(module, name))


def _stand_in(module: str, name: str) -> type:
    def from_config(cls, config, **options):
        return getattr(import_module(module), name).from_config(config, **options)

    return type(name, (), {"from_config": classmethod(from_config), "__module__": module})


class _AfterKeras:
    """Finds Keras as it would be found without, and registers behind its import."""

    def __init__(self):
        self._looking = False

    def find_spec(self, name, path=None, target=None):
        if name != "keras" or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            self._wrap(spec.loader)
        return spec

    def _wrap(self, loader):
        execute = loader.exec_module

        def exec_module(module):
            execute(module)
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            register()

        loader.exec_module = exec_module
