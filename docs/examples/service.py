"""A service that finds people in posted photos: batches, health, metrics, several processes.

    python -m pip install "multiposenet[openvino]" litserve prometheus-client \
        python-multipart
    python docs/examples/service.py --port 8000 --workers 2
    curl -F request=@group.jpg http://127.0.0.1:8000/predict
    curl http://127.0.0.1:8000/health
    curl http://127.0.0.1:8000/metrics/

A photo is answered by what `Poses.to_coco` returns; one that cannot be read by status 422
and one line that says why, and costs the others of its batch nothing.
"""

import argparse
import os
import tempfile
import time

os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp())  # before it is imported

import litserve
from fastapi import UploadFile
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry, Counter, Histogram, make_asgi_app, multiprocess

import multiposenet
from multiposenet.errors import InputError

LARGEST = 20 << 20  # bytes of a photo
PHOTOS = Counter("photos", "Photos that were answered", ["result"])
SECONDS = Histogram("batch_seconds", "Time of a batch in the network, decoding included")
SIZES = Histogram("batch_photos", "Photos of a batch", buckets=(1, 2, 4, 8, 16, 32))


class PoseAPI(litserve.LitAPI):
    """People in photos.

    Args:
        threads: processors of each process.
        **options: of `litserve.LitAPI`, such as `max_batch_size`.
    """

    def __init__(self, threads: int, **options):
        super().__init__(**options)
        self.threads = threads

    def setup(self, device):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: self.threads])
        self.pose = multiposenet.load(runtime="auto")

    def decode_request(self, request: UploadFile):
        """Name and bytes of the posted file; photos are decoded with the batch."""
        return request.filename, request.file.read()

    def batch(self, inputs):
        return inputs

    def predict(self, photos):
        begin = time.perf_counter()
        names, contents = zip(*photos, strict=True)
        found = self.pose.stream(contents)
        found = [_answer(*pair) for pair in zip(names, found, strict=True)]
        SECONDS.observe(time.perf_counter() - begin)
        SIZES.observe(len(photos))
        return found

    def unbatch(self, output):
        return output

    def encode_response(self, output):
        PHOTOS.labels("error" if isinstance(output, str) else "answered").inc()
        if isinstance(output, str):
            return JSONResponse({"error": output}, status_code=422)
        return {"people": output}


def _answer(name, item):
    """COCO results of one photo, or what is wrong with it."""
    if isinstance(item, InputError):
        _, _, problem = str(item).partition(": ")  # bytes have no name of their own
        return f"{name}: {problem}"
    return item[1].to_coco(image_id=0)


class Metrics(litserve.Logger):
    """The counters of all processes at /metrics."""

    def __init__(self):
        super().__init__()
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        self.mount("/metrics", make_asgi_app(registry))

    def process(self, key, value):
        """Nothing is sent by `log`: counters are shared files."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--workers", type=int, default=1, help="processes, each with a model")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each process")
    parser.add_argument("--batch", type=int, default=8, help="photos of a batch at most")
    args = parser.parse_args()
    api = PoseAPI(args.threads, max_batch_size=args.batch, batch_timeout=0.01)
    server = litserve.LitServer(
        api,
        accelerator="cpu",
        workers_per_device=args.workers,
        timeout=60,
        max_payload_size=LARGEST,
        loggers=Metrics(),
    )
    server.run(host=args.host, port=args.port, generate_client_file=False)


if __name__ == "__main__":
    main()
