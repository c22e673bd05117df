"""Where a stage is trained and in which precision; how a batch is divided.

    engine = Engine(devices=2, precision=recipe.precision)
    with engine.scope():
        model = MultiPoseNet(...)
        stage = KeypointStage(model, ...)
        loop.fit(stage, batches, recipe, steps=..., run=..., engine=engine)

All devices together compute what one would on the whole batch: batch statistics, losses, clipping.
On JAX ``keras.distribution.DataParallel`` works that way. On TensorFlow, ``MirroredStrategy`` has a
copy of the network on each device, so batch normalizations are synchronized, and losses count by
``replicas.divisor``; only dropout is drawn by each copy for itself.

Several processes, on one machine or many, run the same program with ``TF_CONFIG`` set as
``MultiWorkerMirroredStrategy`` reads it, or on JAX with the variables that
``keras.distribution.initialize`` reads. Every process makes only its own share of a batch, and the
first one writes the files. Make the ``Engine`` before anything else computes.
"""

import contextlib
import functools
import json
import os

import keras
import numpy as np

from multiposenet.errors import InputError
from multiposenet.training.loop.batch_statistics import normalizations
from multiposenet.training.loop.loader import prefetch
from multiposenet.training.loop.optimizer import Adam
from multiposenet.training.loop.workers import Workers

POLICIES = {"float32": "float32", "bfloat16": "mixed_bfloat16", "onednn_bfloat16": "float32"}
SIZES = 8  # sizes of batches that have a function of their own; further ones share one
_ONEDNN = "auto_mixed_precision_onednn_bfloat16"


class Engine:
    """Devices, processes and precision.

    Args:
        devices: how many devices of this process share a batch; accelerators if there are any.
        precision: as in a ``Recipe``.
        workers: processes that make this one's batches; 0 makes them by threads, which keep up
            with CPUs but not with an accelerator.

    Attributes:
        processes: how many processes take part.
        process: which of them this is, from 0.
        writes: whether this process writes the files.

    Raises:
        InputError: there are not that many devices, or the backend cannot share a batch.
    """

    def __init__(self, devices=1, precision="float32", workers=0):
        self.devices, self.precision, self.workers = devices, precision, workers
        self.processes, self.process = 1, 0
        self._strategy = self._distribution = None
        self._functions = {}
        backend = keras.backend.backend()
        if backend == "jax":
            self._join_jax()
        elif backend == "tensorflow":
            self._join_tensorflow()
        elif devices > 1:
            raise InputError(
                f"devices: the {backend} backend trains on one; set KERAS_BACKEND to "
                "tensorflow or jax"
            )
        self.writes = self.process == 0

    def _join_jax(self):
        import jax

        wanted = int(os.environ.get("KERAS_DISTRIBUTION_NUM_PROCESSES", 1))
        if wanted > 1 and not jax.distributed.is_initialized():
            keras.distribution.initialize()
        self.processes, self.process = jax.process_count(), jax.process_index()
        if self.devices * self.processes == 1:
            return
        chosen = []
        for process in range(self.processes):
            own = [device for device in jax.devices() if device.process_index == process]
            self._enough(len(own))
            chosen += [f"{device.platform}:{device.id}" for device in own[: self.devices]]
        self._distribution = keras.distribution.DataParallel(
            devices=chosen, auto_shard_dataset=False
        )

    def _join_tensorflow(self):
        cluster = json.loads(os.environ.get("TF_CONFIG") or "{}").get("cluster", {})
        self.processes = max(sum(len(tasks) for tasks in cluster.values()), 1)
        if self.devices * self.processes == 1:
            return
        import tensorflow as tf

        if self.processes > 1:  # takes all devices of its process
            self._strategy = tf.distribute.MultiWorkerMirroredStrategy()
            self.process = self._strategy.cluster_resolver.task_id
            self._enough(self._strategy.num_replicas_in_sync // self.processes)
            return
        found = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
        self._enough(len(found))
        names = [device.name for device in found[: self.devices]]
        self._strategy = tf.distribute.MirroredStrategy(names)

    def _enough(self, found):
        if found < self.devices:
            raise InputError(f"devices: {self.devices} wanted, {found} found; use fewer")

    @contextlib.contextmanager
    def scope(self):
        """Models made and trained in this context fit the engine. Leaves no trace behind."""
        policy = keras.config.dtype_policy()
        with contextlib.ExitStack() as stack:
            stack.callback(keras.config.set_dtype_policy, policy)
            keras.config.set_dtype_policy(POLICIES[self.precision])
            if self._strategy is not None:
                stack.enter_context(self._strategy.scope())
            if self._distribution is not None:
                stack.enter_context(self._distribution.scope())
            yield self

    @contextlib.contextmanager
    def training(self, stage, recipe):
        """The stage is compiled for the recipe, and its loss for the engine.

        Raises:
            InputError: the recipe cannot be divided between the devices.
            ValueError: the stage was not made within ``scope()``.
        """
        self._check(stage, recipe)
        loss, autocast = stage.compute_loss, stage.autocast
        # Inputs such as boxes need float32; the layers cast for themselves.
        stage.autocast = False
        stage.compute_loss = self._loss(loss)
        try:
            with (
                _onednn_bfloat16(self.precision == "onednn_bfloat16"),
                _synchronized(normalizations(stage) if self._strategy is not None else []),
                self.scope(),
            ):
                stage.compile(
                    Adam(
                        recipe.weight_decay,
                        recipe.clip_norm,
                        recipe.ema,
                        recipe.accumulate,
                        getattr(stage, "rates", ()),
                        getattr(stage, "relative", ()),
                    )
                )
                stage.optimizer.build(stage.trainable_variables)
                self._functions = {}
                yield
        finally:
            del stage.compute_loss
            stage.autocast = autocast

    def _check(self, stage, recipe):
        if self._strategy is not None and recipe.accumulate > 1:
            raise InputError(
                "accumulate: TensorFlow cannot accumulate on several devices; "
                "use 1, one device, or KERAS_BACKEND=jax"
            )
        shares = recipe.accumulate * self.devices * self.processes
        if recipe.batch_size % shares:
            raise InputError(
                f"batch_size: {recipe.batch_size} is not divisible by {shares} "
                "(accumulate x devices x processes); choose a multiple"
            )
        made = stage.compute_dtype
        if made != keras.DTypePolicy(POLICIES[self.precision]).compute_dtype:
            raise ValueError(f"precision: the stage computes in {made}; make it in engine.scope()")
        if self._strategy is not None and stage.distribute_strategy is not self._strategy:
            raise ValueError("devices: the stage is on one device; make it in engine.scope()")

    def _loss(self, function):
        # Keras expects a loss function to divide by the copies, as its own do.
        copies = self._strategy.num_replicas_in_sync if self._strategy is not None else 1

        def compute_loss(x=None, y=None, y_pred=None, sample_weight=None, training=True):
            y_pred = keras.tree.map_structure(_to_float32, y_pred)
            return function(x, y, y_pred, sample_weight, training=training) / copies

        return compute_loss

    @contextlib.contextmanager
    def share(self, batches, accumulate=1):
        """What this process computes of a batch.

        Args:
            batches: function of the step to ``(x, y)``. If it has a method ``share(step, process,
                processes)``, several processes call that instead: it makes only the rows of the
                batch from ``process / processes`` to ``(process + 1) / processes`` of its length.
                Its attribute ``samples``, if any, is whose photos the ``workers`` need.
            accumulate: parts.

        Yields:
            Function of the steps to a generator of lists of ``accumulate`` pairs ``(x, y)``.
        """
        make = functools.partial(self._parts, batches, accumulate, self.process, self.processes)
        if not self.workers:
            yield functools.partial(prefetch, make)
            return
        with Workers(make, self.workers, getattr(batches, "samples", ())) as remote:
            yield functools.partial(
                prefetch, lambda step: self._ahead(remote(step)), workers=self.workers
            )

    def _ahead(self, parts):
        """On JAX, the arrays go to the device before their step begins."""
        if keras.backend.backend() != "jax" or self._distribution is not None:
            return parts
        import jax

        return jax.device_put(parts)

    @staticmethod
    def _parts(batches, accumulate, process, processes, step):
        make_share = getattr(batches, "share", None)
        if processes > 1 and make_share is not None:
            own = make_share(step, process, processes)
        else:
            own = _cut(batches(step), process, processes)
        return [_cut(own, part, accumulate) for part in range(accumulate)]

    def inputs(self, batches, shares, steps, accumulate=1):
        """Yields the inputs of some steps' batches, for calls of the stage outside a step.

        Args:
            batches, accumulate: as for ``share``.
            shares: what ``share`` yields for them.
            steps: iterable of step numbers.
        """
        if self._strategy is not None:  # every process calls the stage with the whole batch
            whole = functools.partial(self._parts, batches, accumulate, 0, 1)
            shares = functools.partial(prefetch, whole)
        for parts in shares(steps):
            yield from (self._spread(x) for x, _ in parts)

    def step(self, stage, parts):
        """One step of the optimizer.

        Args:
            stage: within ``training``.
            parts: a list of ``(x, y)``, from ``share``.

        Returns:
            A dict of means over the parts: ``loss``, the stage's own metrics and ``gradient``, the
            norm of the gradient before clipping.
        """
        logs = []
        for x, y in parts:
            logs.append(self._train(stage, x, y))
            norm = keras.ops.convert_to_numpy(stage.optimizer.gradient_norm)
            logs[-1]["gradient"] = float(norm)
        names = ["loss", *(name for name in logs[0] if name != "loss")]
        return {name: sum(log[name] for log in logs) / len(logs) for name in names}

    def wait_for_all(self):
        """Returns when every process has come here."""
        if self.processes == 1:
            return
        if self._strategy is not None:
            import tensorflow as tf

            run, add = self._strategy.run, tf.distribute.ReduceOp.SUM
            tf.function(lambda: self._strategy.reduce(add, run(tf.ones, args=((),)), axis=None))()
            return
        from jax.experimental import multihost_utils

        multihost_utils.sync_global_devices("multiposenet")

    def _spread(self, x):
        """Puts a share of a batch on the devices as Keras does in a step."""
        if self._distribution is None:
            return x
        import jax

        def spread(values):
            layout = self._distribution.get_data_layout(values.shape).backend_layout
            return jax.make_array_from_process_local_data(layout, values)

        return keras.tree.map_structure(spread, x)

    def _train(self, stage, x, y):
        # TensorFlow would make a function that has seen two sizes work for all sizes, and round
        # otherwise than one that has seen only the second, after resuming.
        key = tuple(tuple(leaf.shape) for leaf in keras.tree.flatten((x, y)))
        if key not in self._functions and len(self._functions) >= SIZES:
            key = "other"
        stage.reset_metrics()
        if self._strategy is not None:
            if key not in self._functions:
                self._functions[key] = self._copies_function(stage)
            logs = self._functions[key](keras.tree.map_structure(self._per_copy, (x, y)))
        else:
            stage.train_function = self._functions.get(key)
            logs = stage.train_on_batch(x, y, return_dict=True)
            self._functions[key] = stage.train_function
        return {name: float(value) for name, value in logs.items()}

    def _copies_function(self, stage):
        """``stage.train_function`` for copies; Keras' own cannot average over several processes."""
        import tensorflow as tf

        def function(data):
            logs = self._strategy.run(stage.train_step, args=(data,))
            return {
                name: self._strategy.reduce("MEAN", value, axis=None)
                for name, value in logs.items()
            }

        return tf.function(function, reduce_retracing=True)

    def _per_copy(self, values):
        import tensorflow as tf

        return self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                _rows(values, context.replica_id_in_sync_group % self.devices, self.devices)
            )
        )


def _to_float32(value):
    if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(value.dtype)):
        return value
    return keras.ops.cast(value, "float32")


def _cut(tree, index, count):
    if count == 1:
        return tree
    return keras.tree.map_structure(lambda values: _rows(values, index, count), tree)


def _rows(values, index, count):
    if len(values) % count:
        raise ValueError(f"batch: {len(values)} samples cannot be divided by {count}")
    size = len(values) // count
    return np.asarray(values[index * size : (index + 1) * size])


@contextlib.contextmanager
def _synchronized(norms):
    """The statistics of batch normalizations are those of all copies' rows."""
    before = [layer.synchronized for layer in norms]
    try:
        for layer in norms:
            layer.synchronized = True
        yield
    finally:
        for layer, was in zip(norms, before, strict=True):
            layer.synchronized = was


@contextlib.contextmanager
def _onednn_bfloat16(wanted):
    """TensorFlow's CPU kernels compute in bfloat16 where that is safe; half as fast again."""
    if not wanted or keras.backend.backend() != "tensorflow":
        yield
        return
    import tensorflow as tf

    before = tf.config.optimizer.get_experimental_options().get(_ONEDNN, False)
    tf.config.optimizer.set_experimental_options({_ONEDNN: True})
    try:
        yield
    finally:
        tf.config.optimizer.set_experimental_options({_ONEDNN: before})
