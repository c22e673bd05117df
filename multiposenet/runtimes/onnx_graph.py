"""Graphs of ONNX: the converter takes out what is double, ONNX Runtime does the rest itself."""

import contextlib

# Of tf2onnx's optimizers, by its names. All twelve, again and again until nothing changes, take
# more than half of an export; a session of ONNX Runtime then has the same latency, since it
# rearranges the graph anyway when it starts (docs/experiments/suite.md).
OPTIMIZERS = ("merge_duplication", "fold_constants", "remove_identity", "remove_back_to_back")


@contextlib.contextmanager
def quickly():
    """Context in which tf2onnx applies few of its optimizers, each once and to the graph itself."""
    try:
        from tf2onnx import optimizer

        whole, known = optimizer.optimize_graph, optimizer._get_optimizers()
        chosen = [known[name] for name in OPTIMIZERS]
    except (ImportError, AttributeError, KeyError):  # nothing to convert with, or another release
        yield
        return

    def few(graph, *arguments, **options):
        for each in chosen:
            graph = each().optimize(graph, 0)
        graph.topological_sort(graph.get_nodes())
        return graph

    optimizer.optimize_graph = few
    try:
        yield
    finally:
        optimizer.optimize_graph = whole
