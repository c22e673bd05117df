"""Less compiling on JAX, which compiles every operation that is not part of a compiled function."""

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

    return jax.jit(function)
