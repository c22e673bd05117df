"""What can be seen of a training: progress bar, JSONL log, TensorBoard and a final plot."""

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from multiposenet.files.writing import atomic_write, plain_disk_errors
from multiposenet.training.loop.events import EventWriter


class Monitor:
    """Follows a training step by step.

    RUN/NAME.jsonl has lines with the means since the line before: ``step``, ``loss`` and its
    components, ``learning_rate``, ``samples/s`` and ``waiting``, the share of the time in which
    the model waited for data. A validation is a line with ``step``, ``validation``, the figures,
    and ``best``, the best first figure so far and its step. The same goes to
    RUN/tensorboard/NAME and at the end into a plot, RUN/NAME.png. On a terminal stderr shows a
    progress bar, elsewhere a line as often as the log. The first step after a start, in which
    functions are compiled and the first batch is made, does not count in speed and waiting; nor
    do validations and checkpoints.

    Args:
        run: the folder.
        name: of the stage.
        steps: of the whole training.
        shown: False in the processes that only help to compute; they write nothing.

    Attributes:
        state: dict that belongs into checkpoints: ``best``, a dict of ``name``, ``value`` and
            ``step`` of the best validation, whose first figure decides, more being better; ``sums``
            and ``count`` of the losses since the last line.
    """

    def __init__(self, run, name, steps, shown=True):
        self.run, self.name, self.steps, self.shown = Path(run), name, steps, shown
        self.path = self.run / f"{name}.jsonl"
        self.state = {"best": None, "sums": {}, "count": 0}
        self._validated = set()
        self._bar = self._events = None
        self._made = 0  # steps since the start
        self._all, self._since_line = _Times(), _Times()

    @contextmanager
    def from_step(self, start):
        """Follows the steps after ``start``.

        What the log has after it is dropped, since these steps are made again.
        """
        if self.shown:
            self._events = EventWriter(
                self.run / "tensorboard" / self.name, map(_figures, self._take_up(start))
            )
            if sys.stderr.isatty():
                self._bar = _Bar(self.name, self.steps, start)
        try:
            yield self
        finally:
            if self._bar is not None:
                self._bar.close()
            if self._events is not None:
                self._events.close()
        if self.shown:
            self._plot()

    @contextmanager
    def waiting(self):
        """Time spent in it goes by without computing, since the batch is not ready."""
        begin = time.perf_counter()
        yield
        self._add(waited=time.perf_counter() - begin)

    @contextmanager
    def working(self):
        """Time spent in it is the model's."""
        begin = time.perf_counter()
        yield
        self._add(worked=time.perf_counter() - begin)

    def step(self, step, losses, rate, samples, log):
        """Takes note of a step.

        Args:
            step: its number, from 1.
            losses: dict of name to number.
            rate: its learning rate.
            samples: in its batch.
            log: whether a line is due.
        """
        sums = self.state["sums"]
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        self.state["count"] += 1
        self._add(samples=samples)
        self._made += 1
        if self._bar is not None:
            self._bar.move(step, self._means(), self._all)
        if log:
            if self.shown:
                self._report(step, rate)
            self.state |= {"sums": {}, "count": 0}
            self._since_line = _Times()

    def validation(self, step, figures):
        """Takes note of a validation, a dict of name to number."""
        figures = {name: float(value) for name, value in figures.items()}
        name, value = next(iter(figures.items()))
        best = self.state["best"]
        better = best is None or value > best["value"]
        if better:
            best = self.state["best"] = {"name": name, "value": value, "step": step}
        if self.shown and step not in self._validated:
            self._validated.add(step)
            self._write({"step": step, "validation": figures, "best": best})
            told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            place = "the best so far" if better else f"the best is of step {best['step']}"
            self._tell(f"{self.name} {step}/{self.steps}: {told} ({place})")

    def speed(self):
        """Of what was followed: ``seconds``, ``samples/s`` and ``waiting``, the share of them."""
        times = self._all
        return {
            "seconds": round(times.seconds, 2),
            "samples/s": round(times.speed, 1),
            "waiting": round(times.waiting, 4),
        }

    def _report(self, step, rate):
        means, times = self._means(), self._since_line
        line = {"step": step, **{name: float(f"{value:.6g}") for name, value in means.items()}}
        line["learning_rate"] = float(f"{rate:.6g}")
        told = _told(means)
        if times.samples:
            line |= {"samples/s": round(times.speed, 1), "waiting": round(times.waiting, 3)}
            told += f", {times.speed:.4g} samples/s, {times.waiting:.0%} waiting"
            told += f", {_clock(self._all.per_step * (self.steps - step))} left"
        self._write(line)
        self._tell(f"{self.name} {step}/{self.steps}: {told}")

    def _add(self, waited=0.0, worked=0.0, samples=0):
        if self._made:
            self._all.add(waited, worked, samples)
            self._since_line.add(waited, worked, samples)

    def _means(self):
        count = self.state["count"]
        names = sorted(self.state["sums"], key=lambda name: name != "loss")  # the whole one first
        return {name: self.state["sums"][name] / count for name in names}

    def _tell(self, text):
        if self._bar is not None:
            self._bar.print(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def _write(self, line):
        with plain_disk_errors(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self._events.write(*_figures(line))

    def _take_up(self, start):
        """Leaves of the log what the checkpoint has seen, and returns it."""
        lines = [line for line in read_log(self.path) if line["step"] <= start]
        self._validated = {line["step"] for line in lines if "validation" in line}
        if self.path.exists():
            with atomic_write(self.path) as partial:
                partial.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return lines

    def _plot(self):
        try:
            from multiposenet.training.loop import run_plot
        except ImportError:  # training also runs where there is no matplotlib
            return
        run_plot.save(read_log(self.path), self.run / f"{self.name}.png", self.name)


def read_log(path):
    """The lines of a JSONL log, as dicts, up to the first that was cut off in writing."""
    path, lines = Path(path), []
    for text in path.read_bytes().splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
            lines.append(dict(line, step=int(line["step"])))
        except (ValueError, KeyError, TypeError):
            break
    return lines


def _figures(line):
    """The step of a log line and its numbers."""
    figures = line.get("validation", line)
    return line["step"], {name: value for name, value in figures.items() if name != "step"}


class _Times:
    """Seconds and samples of some steps."""

    def __init__(self):
        self.waited = self.worked = 0.0
        self.samples = self.steps = 0

    def add(self, waited, worked, samples):
        self.waited += waited
        self.worked += worked
        self.samples += samples
        self.steps += samples > 0

    @property
    def seconds(self):
        return self.waited + self.worked

    @property
    def speed(self):
        return self.samples / self.seconds if self.seconds else 0.0

    @property
    def waiting(self):
        return self.waited / self.seconds if self.seconds else 0.0

    @property
    def per_step(self):
        return self.seconds / max(self.steps, 1)


class _Bar:
    """A progress bar on stderr."""

    def __init__(self, name, steps, start):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self._steps = steps
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[losses]}  {task.fields[speed]}  {task.fields[left]}"),
            console=Console(stderr=True),
        )
        self._progress.start()
        self._task = self._progress.add_task(
            name, total=steps, completed=start, losses="", speed="", left=""
        )

    def move(self, step, means, times):
        speed = f"{times.speed:.4g} samples/s" if times.samples else ""
        left = f"{_clock(times.per_step * (self._steps - step))} left" if times.samples else ""
        self._progress.update(
            self._task, completed=step, losses=_told(means), speed=speed, left=left
        )

    def print(self, text):
        self._progress.console.print(text, markup=False, highlight=False)

    def close(self):
        self._progress.stop()


def _told(means):
    return ", ".join(f"{name} {value:.4g}" for name, value in means.items())


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
