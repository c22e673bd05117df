"""Show a web page on which people try it: photos, clips, the webcam.

Visitors choose a system and a model, a score and what is drawn, and get pictures, videos and the
results as predict writes them. Uploads are worked on one after the other; what they may cost is
bounded by the options. Only this machine can reach the page, unless --host says otherwise; there is
no password. Programs call it, too: docs/web.md.
"""

import argparse
import sys
import threading

from multiposenet import keras_start
from multiposenet.commands import arguments, console, systems
from multiposenet.systems import registry

_MODELS = ("multiposenet-nano", "multiposenet-lite0")


def add_arguments(parser):
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="to listen on; 0.0.0.0 lets in everybody who reaches this machine (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--port",
        type=arguments.port,
        default=7860,
        metavar="N",
        help="to listen on; 0 takes a free one (default: %(default)s)",
    )
    limits = {
        "megabytes": (64, "of a file that is uploaded"),
        "megapixels": (50, "of a photo, or of a frame of a clip"),
        "photos": (20, "at once"),
        "clip": (60, "seconds that a clip may be long"),
        "seconds": (120, "that the work on an upload may take"),
        "waiting": (32, "uploads that may wait for their turn"),
    }
    for name, (default, what) in limits.items():
        parser.add_argument(
            f"--max-{name}",
            type=arguments.count,
            default=default,
            metavar="N",
            help=f"{what} (default: %(default)s)",
        )
    systems.add_model_arguments(parser)


def run(args) -> int:
    with opened(args) as url:
        console.say(f"serving at {url}; stop with Ctrl-C")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


def opened(args):
    """The page of the arguments, as `server.serving`."""
    with keras_start.without_start_up_notes():
        from multiposenet.web import choices, limits, server

    def load(system, model):
        return systems.load_system(_chosen(args, system, model))

    names = [args.system, *(name for name in registry.SYSTEMS if name != args.system)]
    models = [args.model, *(name for name in _MODELS if name != args.model)]
    offered = choices.Choices(load, names, models)
    offered.get()  # what is wrong with it is told now
    bounds = limits.Limits(
        args.max_megabytes, args.max_photos, args.max_megapixels, args.max_clip, args.max_seconds
    )
    return server.serving(offered, bounds, args.host, args.port, args.max_waiting)


def _chosen(args, system: str, model: str) -> argparse.Namespace:
    """The arguments with a visitor's choice; options that another system has not are left out."""
    chosen = {**vars(args), "system": system, "model": model}
    if system != args.system:
        known = {argument.name for argument in registry.get(system).arguments}
        own = {argument.name for argument in registry.get(args.system).arguments}
        chosen |= dict.fromkeys(own - known)
        if args.runtime not in ("auto", *registry.get(system).runtimes):
            chosen["runtime"] = "auto"
    return argparse.Namespace(**chosen)
