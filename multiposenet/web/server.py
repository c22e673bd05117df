"""Serves the page: on one address, from one folder, with no request to anybody else."""

import os
import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from multiposenet.errors import InputError
from multiposenet.files.scratch_folders import scratch_folder
from multiposenet.web.choices import Choices
from multiposenet.web.limits import Limits

_LOOPBACK = "127.0.0.1,localhost"
_SESSIONS = 100  # visitors whose results are kept; the one who was silent for longest goes first


@contextmanager
def serving(
    choices: Choices, limits: Limits, host: str = "127.0.0.1", port: int = 0, waiting: int = 32
) -> Iterator[str]:
    """Serves the page within the block; what was uploaded is removed behind it.

    Args:
        choices: the systems.
        limits: of uploads.
        host: address to listen on.
        port: to listen on; 0 takes one that is free.
        waiting: uploads that may wait for their turn.

    Yields:
        The page's address.

    Raises:
        InputError: Gradio is not installed, or the address cannot be used.
    """
    port = _free(host, port)
    with scratch_folder(tempfile.gettempdir(), "multiposenet-web-") as folder, _environment(folder):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                import gradio  # noqa: F401
        except ImportError as error:
            raise InputError(
                "serve: gradio: is not installed; pip install multiposenet[web]"
            ) from error
        from starlette.middleware import Middleware

        from multiposenet.web import page

        blocks = page.build(page.Page(choices, limits, folder))
        blocks.queue(max_size=waiting)
        _, url, _ = blocks.launch(
            server_name=host,
            server_port=port,
            prevent_thread_lock=True,
            quiet=True,
            share=False,
            inbrowser=False,
            max_file_size=limits.megabytes << 20,
            state_session_capacity=_SESSIONS,
            enable_monitoring=False,
            run_history=False,
            ssr_mode=False,
            pwa=False,
            mcp_server=False,
            footer_links=[],
            css=page.CSS,
            app_kwargs={"middleware": [Middleware(FilesOnly)]},
        )
        try:
            yield url.rstrip("/")
        finally:
            blocks.close(verbose=False)


class FilesOnly:
    """Refuses what would have the server fetch an address for a visitor.

    Args:
        app: the ASGI application behind it.
    """

    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        path = scope.get("path", "").lower()
        if scope["type"] == "http" and ("/proxy=" in path or _names_address(path)):
            await send({"type": "http.response.start", "status": 403, "headers": []})
            await send({"type": "http.response.body", "body": b"addresses are not fetched"})
            return
        await self.app(scope, receive, send)


def _names_address(path: str) -> bool:
    _, found, name = path.partition("/file")
    return bool(found) and ":/" in name


def _free(host: str, port: int) -> int:
    """The port, or a free one for 0."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return probe.getsockname()[1]
    except OSError as error:
        raise InputError(
            f"{host}:{port}: address: {error.strerror or error}; give another --port or --host"
        ) from error


@contextmanager
def _environment(folder):
    """Variables that Gradio reads: where files lie, and that nothing is told to anybody."""
    direct = ",".join(filter(None, [os.environ.get("no_proxy"), _LOOPBACK]))
    wanted = {
        "GRADIO_TEMP_DIR": str(folder),
        "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_ANALYTICS_CACHE_FREQUENCY": str(10**9),  # no table of events after each of them
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "no_proxy": direct,
        "NO_PROXY": direct,
    }
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
