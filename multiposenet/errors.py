"""The errors a user can cause.

Every message is one line, `<file or name>: <field>: <what is wrong>; <remedy>`, so that the command
line can print `str(error)` as it stands. Each class is also the built-in it resembles: code that
catches `ValueError` keeps working.
"""


class MultiPoseNetError(Exception):
    """Base of all errors raised on purpose by this package."""


class InputError(MultiPoseNetError, ValueError):
    """A source (image, folder, glob, array) that cannot be read or used."""


class AnnotationError(MultiPoseNetError, ValueError):
    """An annotation file with a missing, malformed or contradictory field."""


class WeightsError(MultiPoseNetError, ValueError):
    """An unknown model name, or a weight file that is missing, damaged or of another shape."""


class TrainingError(MultiPoseNetError, FloatingPointError):
    """A training whose loss, gradient or weights are not finite."""


class ForkError(MultiPoseNetError, RuntimeError):
    """A runtime that is used in a process forked from one that has used it."""


class Interrupted(KeyboardInterrupt):
    """Work that was asked to stop, by a signal.

    Args:
        message: one line, as of the errors.
        signal: the signal's number.
    """

    def __init__(self, message, signal):
        super().__init__(message)
        self.signal = signal


class MultiPoseNetWarning(UserWarning):
    """What a user should know of a result that is right all the same."""
