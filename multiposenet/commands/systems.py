"""`--system` and what belongs to it: arguments of the verbs that run a model, and the model."""

import argparse

from multiposenet import keras_start
from multiposenet.commands import arguments, console
from multiposenet.errors import InputError
from multiposenet.systems import registry
from multiposenet.systems.argument import Argument, share


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of `load_system`."""
    add_system_arguments(parser, "a model of the zoo, a weights file or a run's folder")
    runtimes = [name for entry in registry.entries().values() for name in entry.runtimes]
    parser.add_argument(
        "--runtime",
        choices=("auto", *dict.fromkeys(runtimes)),
        default="auto",
        help="what runs the model; auto: the fastest that is installed, which exports the model "
        "on first use (default: %(default)s)",
    )
    parser.add_argument(
        "--size",
        type=arguments.side,
        metavar="PIXELS",
        help="longer side of the network's input; photos are enlarged twofold at most",
    )
    parser.add_argument(
        "--score", type=share, metavar="T", help="drop people scoring below T, from 0 to 1"
    )
    parser.add_argument(
        "--tta",
        metavar="LIST",
        help="see each photo several times: at scales=FACTOR,..., with flip mirrored, with crops "
        "or crops=SIDE in overlapping tiles, too; such as scales=0.75,1,1.25,flip",
    )
    parser.add_argument(
        "--ensemble",
        metavar="LIST",
        help="merge with what these find, too: systems, which then see with --model, and models of "
        "the zoo; such as grmi,rmpe",
    )
    parser.add_argument(
        "--refine",
        metavar="NAME",
        help="estimate each pose again by a network for single persons: an SPPE, a network of "
        "G-RMI or a MultiPoseNet of the zoo, or a run folder",
    )


def add_system_arguments(parser: argparse.ArgumentParser, models: str) -> None:
    """Adds `--system`, `--model` and the arguments that the systems have of their own.

    Args:
        parser: of the verb.
        models: what `--model` may name.
    """
    entries = registry.entries()
    summaries = "; ".join(f"{name}: {entry.summary}" for name, entry in entries.items())
    parser.add_argument(
        "--system",
        choices=tuple(entries),
        default=next(iter(entries)),
        help=f"{summaries} (default: %(default)s)",
    )
    parser.add_argument(
        "--model",
        default="multiposenet-nano",
        metavar="NAME|FILE|RUN",
        help=f"{models} (default: %(default)s)",
    )
    parser.add_argument(
        "--trust-saved-model",
        action="store_true",
        help="--model is the folder of a SavedModel whose writer you trust: it runs code",
    )
    for argument in _arguments():
        help = f"{_owners(argument)}: {argument.help}"
        parser.add_argument(argument.flag, help=help, **argument.options)


def load_system(args, **defaults):
    """The system of `add_model_arguments`; its options go before the defaults.

    Raises:
        InputError: an argument or the runtime belongs to another system, or is wrong.
        WeightsError: a model cannot be had.
    """
    ways = None
    if args.tta:  # what is wrong with it is told before anything is loaded
        from multiposenet.systems.test_time.augmentation import Augmentation

        ways = _named("--tta", Augmentation.parse, args.tta)
    given = {"image_size": args.size, "score": args.score}
    given = {name: value for name, value in given.items() if value is not None}
    options = {**defaults, **given}
    system = load(args, args.runtime, **options)
    with console.notes(), keras_start.without_start_up_notes():
        return _test_time(system, args, options, ways)


def used(args) -> dict:
    """What `--tta`, `--ensemble` and `--refine` say, for results, of those that are given."""
    names = ("tta", "ensemble", "refine")
    return {name: getattr(args, name) for name in names if getattr(args, name)}


def _test_time(system, args, options, ways):
    """The system with what `--ensemble`, `--refine` and `--tta` add."""
    if args.ensemble:
        from multiposenet.systems.test_time.ensemble import Ensemble

        names = [args.system, *args.ensemble.split(",")]
        given = {"model": args.model, "runtime": args.runtime, **options}
        others = [_named("--ensemble", registry.member, name, **given) for name in names[1:]]
        system = _named("--ensemble", Ensemble, [system, *others], names, options.get("score"))
    if args.refine:
        from multiposenet.systems.test_time.refinement import Refined, load_persons

        system = _named("--refine", Refined, system, load_persons(args.refine, args.runtime))
    if ways is not None:
        from multiposenet.systems.test_time.augmentation import Augmented

        system = _named("--tta", Augmented, system, ways)
    return system


def _named(flag, make, *arguments, **options):
    """Calls a function; what is wrong with its arguments is an error of an option."""
    try:
        return make(*arguments, **options)
    except ValueError as error:
        raise InputError(f"{flag}: {error}") from error


def load(args, runtime: str | None = None, **options):
    """The system of `add_system_arguments`.

    Args:
        args: the parsed arguments.
        runtime: what runs it, None for Keras or, for an exported file, its own.
        **options: besides those of the arguments.

    Raises: as `load_system`.
    """
    entry = registry.get(args.system)
    own = {argument: getattr(args, argument.name) for argument in _arguments()}
    own = {argument: value for argument, value in own.items() if value is not None}
    if foreign := [argument for argument in own if argument not in entry.arguments]:
        flags = ", ".join(argument.flag for argument in foreign)
        raise InputError(
            f"{flags}: no option of {entry.title}; leave it out, or add --system "
            f"{_owners(foreign[0])}"
        )
    if runtime not in (None, "auto", *entry.runtimes):
        raise InputError(f"--runtime: {runtime} does not run {entry.title}; leave it out")
    options |= {argument.name: value for argument, value in own.items()}
    if args.trust_saved_model:
        options["trust_saved_model"] = True
    with console.notes(), keras_start.without_start_up_notes():
        return entry.load(args.model, runtime=runtime, **options)


def load_or_untrained(args, **options):
    """As `load`, but of an architecture without weights: for measuring, nobody is found rightly."""
    from multiposenet.systems import catalogue

    if args.system != "multiposenet" or catalogue.has_weights(args.model):
        return load(args, **options)
    with keras_start.without_start_up_notes():
        return catalogue.untrained(args.model, **options)


def _arguments() -> list[Argument]:
    """Those of all systems, each once."""
    arguments = []
    for entry in registry.entries().values():
        arguments += [argument for argument in entry.arguments if argument not in arguments]
    return arguments


def _owners(argument: Argument) -> str:
    """The systems that have an argument."""
    entries = registry.entries().items()
    return ", ".join(name for name, entry in entries if argument in entry.arguments)
