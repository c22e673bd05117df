"""Many visitors at once: good and bad uploads to the page of `serve`, and its memory.

    python benchmarks/web_load.py
    python benchmarks/web_load.py --clients 4 --uploads 6 --url http://127.0.0.1:7860

Half of the uploads are good: cuts of the sample photo, and pictures of nobody. Their answers have
to be what the same model says of the file here. The other half, a text file and a photo that was
cut off, have to be answered with one line that names the file. Without --url the server is started
as a process of its own, and its resident memory is printed at each quarter of the uploads.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image
from process_memory import megabytes

from multiposenet.sources import read_image, sample_photo

_START = 300  # seconds that the server may take to start


def write_uploads(folder: Path, count: int) -> tuple[list[Path], list[Path]]:
    """Good and bad files, so many of each."""
    image, rng = read_image(sample_photo()), np.random.default_rng(0)
    height, width = image.shape[:2]
    good, bad = [], []
    for number in range(count):
        path = folder / f"good-{number}.png"
        rows, columns = rng.integers((height // 2, width // 2), (height, width))
        photo = image[:rows, :columns] if number % 4 else np.full((rows, columns, 3), 128, np.uint8)
        Image.fromarray(photo).save(path)
        good.append(path)
        content = path.read_bytes()
        path = folder / f"bad-{number}.png"
        path.write_bytes(b"no image" if number % 2 else content[: len(content) // 3])
        bad.append(path)
    return good, bad


def load(url, good, bad, expected, clients, uploads, memory=lambda: None) -> dict:
    """Lets clients upload, each the good and the bad files by turns.

    Args:
        url: of the page.
        good, bad: files.
        expected: what the API says of each good file.
        clients: how many at once.
        uploads: of each.
        memory: function that gives the server's memory in MB.

    Returns:
        Numbers of uploads, of right and wrong answers, seconds, and the memory at each quarter.
    """
    from gradio_client import Client, handle_file
    from gradio_client.exceptions import AppError

    right, wrong, seen, lock = [], [], [memory()], threading.Lock()
    total = clients * uploads

    def answer(client, path):
        """Whether the answer is the right one."""
        try:
            people, _ = client.predict(
                photo=handle_file(path), layers=["skeleton"], api_name="/photo"
            )
        except AppError as error:
            told = str(error.args[0])
            return path in bad and told.startswith(path.name) and "\n" not in told
        return path in expected and people == expected[path]

    def work(number):
        client = Client(url, verbose=False, download_files=False)
        for turn in range(uploads):
            files = (good, bad)[(number + turn) % 2]
            path = files[(number + turn // 2) % len(files)]
            try:
                is_right = answer(client, path)
            except Exception as error:
                is_right = False
                print(f"{path.name}: {type(error).__name__}: {error}", file=sys.stderr)
            with lock:
                (right if is_right else wrong).append(path)
                done = len(right) + len(wrong)
                if done * 4 // total > (done - 1) * 4 // total:
                    seen.append(memory())

    begin = time.monotonic()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {"uploads": total, "right": len(right), "wrong": len(wrong)}
    return {**found, "seconds": round(time.monotonic() - begin, 1), "memory": seen}


@contextlib.contextmanager
def server(options):
    """The address of a server of its own, and its process."""
    command = [sys.executable, "-m", "multiposenet", "serve", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        watch = threading.Timer(_START, process.kill)
        watch.start()
        try:
            line = process.stdout.readline()
            watch.cancel()
            yield re.search(r"http://[^;]*", line)[0], process.pid
        finally:
            watch.cancel()
            process.terminate()


def resident(pid: int) -> int:
    """MB of memory that a process has now."""
    return round(megabytes("VmRSS", pid))


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--uploads", type=int, default=25, help="of each client")
    parser.add_argument("--files", type=int, default=8, help="good ones, and as many bad ones")
    parser.add_argument("--model", default="multiposenet-nano")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--url", help="of a page of the same model that is served already")
    args = parser.parse_args(argv)
    os.environ["no_proxy"] = ",".join([os.environ.get("no_proxy", ""), "127.0.0.1"])
    import multiposenet

    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        good, bad = write_uploads(Path(folder), args.files)
        pose = multiposenet.load(args.model, runtime=args.runtime)
        expected = {path: pose(path).to_coco(1, file_name=path.name) for path in good}
        url, memory = args.url, lambda: None
        if not url:
            waiting = ["--max-waiting", str(2 * args.clients)]
            options = ["--model", args.model, "--runtime", args.runtime, *waiting]
            url, pid = stack.enter_context(server(options))
            memory = lambda: resident(pid)  # noqa: E731
        found = load(url, good, bad, expected, args.clients, args.uploads, memory)
    seen = found.pop("memory")
    print(", ".join(f"{name}: {value}" for name, value in found.items()))
    if not args.url:
        print("memory, MB:", ", ".join(map(str, seen)))
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
