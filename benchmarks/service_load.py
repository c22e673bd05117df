"""Load on docs/examples/service.py: good and bad photos by many clients at once.

    python benchmarks/service_load.py --clients 8 --posts 25

Every good photo has to be answered by what the same model says of it here, every bad one by status
422 and one line that names it. Printed are photos a second, beside those of one process that has
the photos in a list, and the time that half and 95 % of the answers took at most.
"""

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

import numpy as np
from web_load import write_uploads

import multiposenet

SERVICE = Path(__file__).resolve().parent.parent / "docs" / "examples" / "service.py"
START = 300  # seconds that the service may take to start


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--posts", type=int, default=25, help="of each client")
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("options", nargs="*", help="of the service, behind --")
    args = parser.parse_args()
    url = f"http://127.0.0.1:{args.port}"
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):
        raise SystemExit(f"--port: {args.port} is taken; choose another")
    with tempfile.TemporaryDirectory() as folder:
        good, bad = write_uploads(Path(folder), 8)
        expected, alone = _alone(good, args.clients * args.posts)
        command = [sys.executable, SERVICE, "--port", str(args.port), *args.options]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, **quiet, start_new_session=True) as run:
            try:
                _wait(url, run)
                figures = load(url, good, bad, expected, args.clients, args.posts)
            finally:
                os.killpg(run.pid, signal.SIGKILL)  # its workers, too
    rate = figures["photos"] / figures["seconds"]
    print(f"{figures['right']} of {figures['posts']} answers right")
    print(f"{rate:.1f} good photos a second, {rate / alone:.2f} of one process' {alone:.1f}")
    half, most = np.percentile(figures["times"], [50, 95])
    print(f"answers took {1000 * half:.0f} ms, 95 % at most {1000 * most:.0f} ms")
    return 0 if figures["right"] == figures["posts"] else 1


def load(url, good, bad, expected, clients, posts) -> dict:
    """Posts good and bad photos by turns."""
    times, right, photos, lock = [], [], [], threading.Lock()

    def work(number):
        for turn in range(posts):
            is_good = turn % 4 > 0
            path = (good if is_good else bad)[(number + turn) % len(good)]
            begin = time.perf_counter()
            status, answer = post(f"{url}/predict", path)
            seconds = time.perf_counter() - begin
            if is_good:
                fine = status == 200 and answer["people"] == expected[path]
            else:
                fine = status == 422 and answer["error"].startswith(f"{path.name}: ")
            with lock:
                times.append(seconds)
                right.append(fine)
                photos.append(is_good)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    begin = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "posts": len(right),
        "right": sum(right),
        "photos": sum(photos),
        "seconds": time.perf_counter() - begin,
        "times": times,
    }


def post(url, path):
    """Status and JSON of a file posted as a form's field."""
    boundary = uuid.uuid4().hex
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="request"; '
    head += f'filename="{path.name}"\r\nContent-Type: image/png\r\n\r\n'
    body = head.encode() + path.read_bytes() + f"\r\n--{boundary}--\r\n".encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(url, body, kind)
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def _alone(good, count):
    """What the model says of the photos, and how many it does a second from a list."""
    pose = multiposenet.load(runtime="auto")
    contents = [path.read_bytes() for path in good]
    expected = {
        path: json.loads(json.dumps(people.to_coco(image_id=0)))
        for path, (_, people) in zip(good, pose.stream(contents), strict=True)
    }
    begin = time.perf_counter()
    list(pose.stream([contents[index % len(contents)] for index in range(count)]))
    return expected, count / (time.perf_counter() - begin)


def _wait(url, run):
    begin = time.monotonic()
    while run.poll() is None and time.monotonic() - begin < START:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):
                return
        except OSError:
            time.sleep(1)
    raise SystemExit("the service did not start")


if __name__ == "__main__":
    raise SystemExit(main())
