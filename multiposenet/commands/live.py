"""Show a camera with the people in it, as it is seen.

In a window, which q or Escape closes, where OpenCV has one, which its headless build has not; else
as a page for a browser. Frames that come while the network works are let go, so that the picture is
of now. The frames a second are in its corner.
"""

import contextlib
import sys
from pathlib import Path

from multiposenet.commands import arguments, console, systems
from multiposenet.errors import InputError

_LAYERS = ("mask", "boxes", "skeleton", "ids")


def add_arguments(parser):
    parser.add_argument(
        "camera",
        nargs="?",
        default="0",
        metavar="CAMERA",
        help="number of a camera, or address of a stream (rtsp://) (default: %(default)s)",
    )
    parser.add_argument(
        "--draw",
        type=arguments.layers((*_LAYERS, "scores")),
        default=_LAYERS,
        metavar="LIST",
        help="what is drawn, of mask,boxes,skeleton,scores,ids (default: mask,boxes,skeleton,ids)",
    )
    parser.add_argument("--smooth", action="store_true", help="smooth the keypoints of people")
    parser.add_argument(
        "--page", action="store_true", help="serve a page even where there could be a window"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="of the page; 0.0.0.0 lets in everybody who reaches this machine (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--port",
        type=arguments.port,
        default=7861,
        metavar="N",
        help="of the page; 0 takes a free one (default: %(default)s)",
    )
    systems.add_model_arguments(parser)


def run(args) -> int:
    from multiposenet import sources
    from multiposenet.live.newest import newest
    from multiposenet.sources import video

    camera = int(args.camera) if args.camera.isdecimal() else args.camera
    if not video.is_live(camera):
        what = "is a file; predict draws it" if Path(camera).exists() else "is no camera"
        raise InputError(f"{camera}: camera: {what}; give a number, such as 0, or rtsp://...")
    with contextlib.ExitStack() as stack:
        frames = stack.enter_context(contextlib.closing(newest(sources.frames(camera))))
        first = next(frames)  # before the model, since it is there or not at once
        if isinstance(first, InputError):
            raise first
        pose = systems.load_system(args)
        from multiposenet.live import watching

        show = _screen(args, stack)
        try:
            watching.watch(pose, frames, show, args.draw, args.smooth)
        except InputError as error:
            console.report(error)
            return 1
    return 0


def _screen(args, stack):
    """The function that shows a drawing, in a window or on a page."""
    from multiposenet.live import stream_page, window

    against = "--page" if args.page else window.reason_against()
    if against is None:
        stack.callback(window.close)
        return window.show
    page, url = stack.enter_context(stream_page.serving(args.host, args.port))
    console.say(f"no window ({against}): look at {url}; stop with Ctrl-C")
    sys.stdout.flush()
    return page.show
