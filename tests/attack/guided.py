"""Damages files in ways that reach new code, as libFuzzer finds them; `pip install atheris`.

    python tests/attack/guided.py images annotations skeletons exports sets [--seconds 60]

Begins with the whole files of the other tests. What breaks a promise ends it with a traceback, and
the input is left in `crash-...` of the current folder; so does a case of more than 5 s, or memory
above 4 GB.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "helpers")]
MEGABYTES = 4000


def images(folder):
    import test_images
    from attacked import answer

    def one(data):
        path = folder / "photo"
        path.write_bytes(data)
        for read in test_images.WAYS:
            answer(read, path)

    return test_images.originals(), one


def annotations(folder):
    import test_json
    from attacked import answer

    def one(data):
        path = folder / "annotations.json"
        path.write_bytes(data)
        test_json.check(path, answer(test_json.use, path))

    return test_json.TEXTS, one


def skeletons(folder):
    import test_yaml
    from attacked import answer

    from multiposenet.skeleton import Skeleton

    def one(data):
        path = folder / "skeleton.yaml"
        path.write_bytes(data)
        test_yaml.check(path, answer(Skeleton.from_yaml, path))

    return [text.encode() for text in test_yaml.TEXTS], one


def exports(folder):
    import json

    from attacked import answer, is_error
    from test_files_of_models import SIDECAR

    from multiposenet.runtimes import exported

    path = folder / "a.onnx"
    path.write_bytes(b"graph")

    def one(data):
        exported.sidecar(path).write_bytes(data)
        assert is_error(answer(exported.load, path))

    return [json.dumps(SIDECAR).encode()], one


def sets(folder):
    import json

    import test_data_sets

    test_data_sets.write_photos(folder)
    kinds = {b"[": "mpii", b"<": "voc", b"M": "waf"}
    places = {"voc": "Annotations/a.xml", "mpii": "mpii.json", "waf": "labels.mat"}

    def one(data):
        kind = kinds.get(data[:1])
        place = places.get(kind, "labels.txt")
        test_data_sets.check(folder, kind or "waf", place, data)

    whole = [json.dumps(test_data_sets.MPII), test_data_sets.WAF, test_data_sets.VOC]
    return [*(text.encode() for text in whole), *test_data_sets.MATLAB["waf"]], one


TARGETS = {each.__name__: each for each in (images, annotations, skeletons, exports, sets)}


def fuzz(name, limit, folder):
    """Ends the process."""
    import atheris

    corpus, work = folder / "corpus", folder / "work"
    corpus.mkdir()
    work.mkdir()
    with atheris.instrument_imports(include=["multiposenet"]):
        whole, one = TARGETS[name](work)
    for number, data in enumerate(whole):
        one(data)
        (corpus / str(number)).write_bytes(data)
    bounds = [limit, "-timeout=5", f"-rss_limit_mb={MEGABYTES}", "-max_len=20000", "-seed=1"]
    atheris.Setup([name, *bounds, "-verbosity=0", str(corpus)], one)
    atheris.Fuzz()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("targets", nargs="*", choices=[*TARGETS, []])
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--runs", type=int, help="cases of each target, in place of seconds")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)  # of a process that fuzzes
    args = parser.parse_args()
    limit = f"-runs={args.runs}" if args.runs else f"-max_total_time={args.seconds}"
    if args.folder:
        fuzz(*args.targets, limit, args.folder)
    given = ["--seconds", str(args.seconds), *(["--runs", str(args.runs)] if args.runs else [])]
    for name in args.targets or TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            command = [sys.executable, __file__, name, *given, "--folder", folder]
            subprocess.run(command, check=True)
        print(f"{name}: nothing found", flush=True)


if __name__ == "__main__":
    main()
