"""Measure frames per second against the number of people in the image.

From an image array to finished poses, pre- and post-processing included. The image shows one photo
of a person (--photo) as often as there are to be people. `network` is the bare backbone with its
pyramids and subnets on the same runtime, `ratio` what finding and grouping people costs on top.
--plot draws both (MultiPoseNet, figure 8).
Everything is timed in turn, round after round, and the figures are medians, per image.

A model with random weights takes everything for a person, so that all its rows are in use whatever
the image shows. The runtime openvino-int8 stands for a file of `multiposenet export --int8`, made
for the occasion and calibrated on the image alone: it is for the speed, the poses may be wrong.

--model may be a file of `multiposenet export`, which cannot be taken apart: it has no `network`.
Neither have systems of several networks (--system).
"""

from functools import partial

from multiposenet.commands import arguments, console, result_files, systems
from multiposenet.errors import InputError
from multiposenet.systems import registry

INT8 = "openvino-int8"


def add_arguments(parser):
    systems.add_system_arguments(
        parser,
        "a model of the zoo, a weights file, an exported file, or an architecture that "
        "`multiposenet summary` knows, with random weights",
    )
    parser.add_argument(
        "--size",
        type=arguments.size,
        default=(448, 576),
        metavar="HxW",
        help="of the image and of the network's input; multiples of 32 (default: 448x576, which a "
        "4:3 photo becomes at 576 pixels)",
    )
    parser.add_argument(
        "--people",
        type=arguments.counts,
        default=[1, 3, 20],
        metavar="LIST",
        help="numbers of people (default: 1,3,20)",
    )
    parser.add_argument(
        "--runtime",
        type=lambda text: text.split(","),
        metavar="LIST",
        help="of keras, openvino, openvino-bf16, openvino-int8, onnx; auto (default: keras, of an "
        "exported file its own)",
    )
    parser.add_argument(
        "--batch",
        type=arguments.counts,
        default=[1],
        metavar="LIST",
        help="images at once (default: 1)",
    )
    parser.add_argument(
        "--rounds",
        type=arguments.count,
        default=20,
        metavar="N",
        help="timed runs (default: %(default)s)",
    )
    parser.add_argument("--photo", metavar="FILE", help="of one person (default: a sample photo)")
    parser.add_argument(
        "--plot", metavar="FILE", help="picture of the curves beside the paper's figure 8"
    )
    arguments.add_json_argument(parser)


def run(args) -> int:
    result_files.writable_json(args.json)
    result_files.writable_json(args.plot, "--plot")
    import tempfile

    from multiposenet.runtimes import exported
    from multiposenet.sources import read_image, sample_photo

    file = exported.format_of(args.model)
    if file and registry.get(args.system).formats:
        names = args.runtime or [file]
    else:
        names = [n if n == INT8 else exported.choose(n) for n in args.runtime or ["keras"]]
    person = read_image(args.photo or sample_photo())
    _check_runtimes(args.system, names)
    size = {"image_size": max(args.size)}
    with tempfile.TemporaryDirectory() as folder:
        if args.system == "multiposenet":
            pose = systems.load_or_untrained(args, **size)
            on = partial(_on_runtime, pose, folder)
        else:  # of several networks

            def on(runtime, images):
                return systems.load(args, runtime, **size), None

        rows = measure(on, person, args.size, args.people, args.rounds, names, args.batch)
    if args.json:
        size = f"{args.size[0]}x{args.size[1]}"
        about = {"system": args.system, "model": args.model, "size": size}
        result_files.write_json(args.json, {**about, "rows": rows})
    if args.json != "-":
        heads = ("runtime", "batch", "people", "found", "fps", "total_ms", "spread_ms")
        heads += ("network_ms", "ratio", "speedup")
        body = [[_cell(row[head]) for head in heads] for row in rows]
        console.print_table([head.replace("_", " ") for head in heads], body)
    if args.plot:
        from multiposenet.training.figures import speed

        speed.save(rows, args.model, args.plot)
    return 0


def _cell(value) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.4g}"


def measure(on, person, size_hw, people, rounds, runtimes=("keras",), batches=(1,)) -> list[dict]:
    """Times a system on composed images.

    Args:
        on: function of a runtime and a batch of images (1, H, W, 3), of which an export may learn
            ranges, to the `System` on that runtime and, or None, its bare network.
        person: (h, w, 3) uint8 photo of one person.
        size_hw: (H, W) of the images.
        people: numbers of people.
        rounds: timed runs of each.
        runtimes: names of `exported.RUNTIMES`, or `INT8`; of an exported file those that run it.
        batches: numbers of images at once.

    Returns:
        For each runtime, batch and number a row: `runtime`, `batch`, `people`, `found` (by this
        model at its threshold), and for each image `fps`, `total_ms`, `spread_ms` (between the
        quartiles), `network_ms`, their `ratio` and `speedup` (over the first runtime); medians
        over rounds. `network_ms` and `ratio` are None but for a `MultiPoseNet`.
    """
    import numpy as np

    from multiposenet.evaluation import speed

    images = {count: speed.crowd(person, count, size_hw) for count in people}
    some = images[people[0]].astype(np.float32)
    functions, found = {}, {}
    for runtime in runtimes:
        found[runtime], bare = on(runtime, some[None])
        for batch in batches:
            if bare:
                functions[runtime, batch] = partial(bare, np.repeat(some[None], batch, axis=0))
            for count, image in images.items():
                functions[runtime, batch, count] = partial(found[runtime], [image] * batch)
    seconds = speed.interleaved(functions, rounds)
    rows = []
    for runtime, batch, count in (key for key in functions if len(key) == 3):
        total = seconds[runtime, batch, count]
        network, first = seconds.get((runtime, batch)), seconds[runtimes[0], batch, count]
        low, high = np.percentile(total, (25, 75))
        rows.append(
            {
                "runtime": runtime,
                "batch": batch,
                "people": count,
                "found": len(found[runtime](images[count])),
                "fps": float(batch / np.median(total)),
                "total_ms": _milliseconds(total) / batch,
                "spread_ms": float(1000 * (high - low) / batch),
                "network_ms": None if network is None else _milliseconds(network) / batch,
                "ratio": None if network is None else float(np.median(total / network)),
                "speedup": float(np.median(first / total)),
            }
        )
    return rows


def _milliseconds(seconds) -> float:
    import numpy as np

    return float(1000 * np.median(seconds))


def _on_runtime(pose, folder, runtime, batch):
    """An `Estimator` on a runtime, and its bare network if it is of no exported file."""
    from pathlib import Path

    from multiposenet.runtimes import exported
    from multiposenet.systems import compilation, estimator

    if isinstance(pose.model, exported.ExportedModel):
        model = exported.load(pose.model.path, runtime, trust_saved_model=True)  # as it was before
        return estimator.Estimator(model, pose.image_size, pose.score), None
    from multiposenet.runtimes import export, quantization

    if runtime == "keras":
        return pose, compilation.compiled(pose.model.network())
    kind = runtime.partition("-")[0]
    ending = ("-int8" if runtime == INT8 else "") + exported.FORMATS[kind]
    whole, bare = (Path(folder) / f"{name}{ending}" for name in ("whole", "bare"))
    if not whole.exists():
        if runtime == INT8:
            quantization.require(whole)
        # Not compared with Keras: random weights make ties, which each runtime breaks in its own
        # way.
        export.write(pose.model, whole, kind)
        with export.arranged(pose.model, kind):
            export.write(pose.model.network(), bare, kind)
        if runtime == INT8:
            quantization.quantize(whole, [batch])
            quantization.quantize(bare, [batch])
    runtime = kind if runtime == INT8 else runtime
    run = exported.open_function(whole, runtime)
    lanes = exported.lanes(runtime)
    model = exported.ExportedModel(run, pose.skeleton, None, pose.options, runtime, lanes=lanes)
    faster = estimator.Estimator(model, pose.image_size, pose.score)
    return faster, exported.open_function(bare, runtime)


def _check_runtimes(system: str, names: list[str]) -> None:
    """Raises `InputError` if a runtime does not run a system."""
    entry = registry.get(system)
    for name in names:
        kind = "openvino" if name == INT8 and system == "multiposenet" else name
        if kind not in (*entry.runtimes, *entry.formats):
            raise InputError(f"--runtime: {name} does not run {entry.title}; leave it out")
