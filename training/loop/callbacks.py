"""Keras' callbacks, called as by ``keras.Model.fit``, an epoch ending with each validation."""

import keras

from multiposenet.errors import InputError


def check(callbacks):
    """Raises InputError unless all are Keras' callbacks."""
    for callback in callbacks:
        if not isinstance(callback, keras.callbacks.Callback):
            raise InputError(
                f"callbacks: {callback!r:.60}; give instances of keras.callbacks.Callback"
            )


class Callbacks:
    """Calls ``keras.callbacks.Callback``s while a stage is trained.

    ``self.model`` is the stage, a compiled ``keras.Model``, with the weights of training.
    ``self.params`` has ``epochs``, ``steps`` (of an epoch) and ``verbose``. A batch is a step of
    the optimizer, counted from 0 in each epoch; its logs are the step's ``loss``, the parts of the
    loss, ``gradient`` (its norm) and ``learning_rate``. An epoch is ``validate_every`` steps, the
    last one perhaps fewer, and all of them if that is 0; its logs are their means, the learning
    rate of its last step, and the figures of the validation behind ``val_``, such as
    ``val_keypoints/AP``. A run that goes on counts epochs on.

    Args:
        callbacks: instances of ``keras.callbacks.Callback``.
        stage: the ``keras.Model``.
        every: steps between validations; 0 for none but the last.
        steps: of the whole training.

    Raises:
        InputError: something is not a callback.
    """

    def __init__(self, callbacks, stage, every, steps):
        check(callbacks)
        self._stage, self._every = stage, min(every or steps, steps)
        self._params = {"epochs": -(-steps // max(self._every, 1)), "steps": self._every}
        self._given, self._list = list(callbacks), None
        self._sums, self._count = {}, 0

    @property
    def stopped(self):
        """Whether a callback has set ``self.model.stop_training``."""
        return bool(self._given) and self._stage.stop_training

    def begin(self):
        """Before the first step, when the stage has its weights."""
        if self._given:
            self._stage.stop_training = False
            self._list = keras.callbacks.CallbackList(
                self._given, model=self._stage, verbose=0, **self._params
            )
            self._list.on_train_begin()

    def before(self, step):
        """Before a step, from 1 on."""
        if self._list:
            epoch, batch = divmod(step - 1, self._every)
            if batch == 0 or not self._count:
                self._list.on_epoch_begin(epoch)
            self._list.on_train_batch_begin(batch)

    def after(self, step, losses, rate):
        """After a step with these losses, a dict of name to number."""
        if self._list:
            self._list.on_train_batch_end(
                (step - 1) % self._every, losses | {"learning_rate": rate}
            )
            for name, value in losses.items():
                self._sums[name] = self._sums.get(name, 0.0) + value
            self._count += 1

    def epoch(self, step, figures, rate):
        """After the step that ends an epoch, with the figures of its validation."""
        if self._list:
            logs = {name: total / self._count for name, total in self._sums.items()}
            logs |= {"learning_rate": rate}
            logs |= {f"val_{name}": float(value) for name, value in figures.items()}
            self._sums, self._count = {}, 0
            self._list.on_epoch_end((step - 1) // self._every, logs)

    def end(self):
        """After the last step, before the stage gets the weights that it is left with."""
        if self._list:
            self._list.on_train_end()
