"""Graphs of OpenVINO, for speed: mended in the file, and narrowed to what is asked of them."""

import contextlib
import sys
from pathlib import Path


@contextlib.contextmanager
def convertible():
    """Context in which OpenVINO converts TensorFlow's functions on every Python.

    To learn TensorFlow's version it imports and deletes a name by `exec`, which from Python 3.13
    on keeps no names within a function (PEP 667): a `NameError`. Here it is told the version.
    """
    try:
        from openvino.frontend.tensorflow import utils

        ask = utils.get_environment_setup
    except (ImportError, AttributeError):  # nothing to convert with, or asked in another way
        yield
        return

    def told(framework):
        import tensorflow

        return {"python_version": sys.version.split()[0], "tensorflow": tensorflow.__version__}

    utils.get_environment_setup = told
    try:
        yield
    finally:
        utils.get_environment_setup = ask


def narrowed(model, names, shape):
    """A copy of an `openvino.Model` that does less.

    Args:
        model: of one input.
        names: of the outputs that it computes, None for all.
        shape: of the only input that it takes, None for any that the model takes.
    """
    import openvino

    model = model.clone()
    if names is not None:
        named = ((each, each.input_value(0).get_names()) for each in model.get_results())
        results = [each for each, its_names in named if its_names & {*names}]
        model = openvino.Model(results, model.get_parameters())
    if shape is not None:
        model.reshape(shape)
    return model


def mend(path: Path) -> None:
    """Writes a file anew that Keras has exported, with a graph that gives the same in less time.

    Args:
        path: of the `.xml` file of a model.
    """
    import openvino

    model = openvino.Core().read_model(path, config={"ENABLE_MMAP": False})
    for node in model.get_ops():
        if node.get_type_name() == "TopK":
            _sort_unstably(node)
        if node.get_type_name() == "Transpose":
            _leave_out(node)
    openvino.save_model(model, path, compress_to_fp16=False)


def _sort_unstably(node):
    """Lets equal scores come in any order: the stable TopK takes half of the time."""
    from openvino import opset11

    options = {k: v for k, v in node.get_attributes().items() if k != "stable"}
    axis, mode, sort = (options[name] for name in ("axis", "mode", "sort"))
    kind = options["index_element_type"]
    new = opset11.topk(node.input_value(0), node.input_value(1), axis, mode, sort, kind)
    for index in (0, 1):
        node.output(index).replace(new.output(index))


def _leave_out(node):
    """Takes a transposition out of the way that only undoes the one before it."""
    before = node.input_value(0).get_node()
    if before.get_type_name() != "Transpose":
        return
    orders = [_constant(each.input_value(1)) for each in (before, node)]
    if None not in orders and [orders[0][axis] for axis in orders[1]] == sorted(orders[0]):
        node.output(0).replace(before.input_value(0))


def _constant(output):
    """The values of a constant as a list, None of anything else."""
    node = output.get_node()
    return node.data.tolist() if node.get_type_name() == "Constant" else None
