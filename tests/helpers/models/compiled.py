"""Less compiling on JAX, which compiles every operation that is not part of a compiled function."""

import functools

# For XLA_FLAGS: optimizing what tests compute takes longer than computing it.
QUICK = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
    " --xla_cpu_use_fusion_emitters=false"
)


def compiled(function):
    """``function`` or a model's way to its outputs; on JAX one program, made for each shape of
    arguments. Weights of models may change in between; all else that a function knows may not."""
    import keras

    if keras.backend.backend() != "jax":
        return function
    if isinstance(function, keras.Model):
        return function.predict_on_batch
    import jax
    import numpy as np

    programs = {}

    def whole(given):
        return function(*given[0], **given[1])

    def run(*arguments, **named):
        given = arguments, named
        leaves, names = jax.tree.flatten(given)
        kinds = (getattr(leaf, "dtype", type(leaf)) for leaf in leaves)
        shapes = names, *zip(map(np.shape, leaves), kinds, strict=True)
        if shapes not in programs:
            traced, outputs = jax.make_jaxpr(whole, return_shape=True)(given)
            # What the function knows is an argument, too: what JAX 0.10 compiles for CPUs reads
            # constants from wherever.
            program = jax.jit(functools.partial(jax.core.eval_jaxpr, traced.jaxpr))
            programs[shapes] = program, traced.consts, jax.tree.structure(outputs)
        program, known, structure = programs[shapes]
        return jax.tree.unflatten(structure, program(known, *leaves))

    return run
