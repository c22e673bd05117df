"""What can be seen of a training: progress bar, JSONL log, TensorBoard and a final plot."""

import json
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from multiposenet.training.checkpoint import whole
from multiposenet.training.events import EventWriter


class Monitor:
    """Follows a training step by step; a context manager.

    RUN/NAME.jsonl has a line every ``log_every`` steps with the means since the line before:
    ``step``, ``loss`` and its components, ``learning_rate``, ``samples/s`` and ``waiting``, the
    share of the time in which the model waited for data. A validation is a line with ``step``,
    ``validation``, the figures, and ``best``, the best first figure so far and its step. The same
    goes to RUN/tensorboard/NAME and at the end into a plot, RUN/NAME.png. On a terminal stderr
    shows a progress bar, elsewhere a line as often as the log.

    Args:
        run: the folder.
        name: of the stage.
        steps: of the whole training.
        start: steps that were made before; what the log has after them is dropped, since they
            are made again.
        log_every: steps between lines.
        writes: False for the processes that only help to compute; they write nothing.
        best: what ``best`` was at ``start``.

    Attributes:
        best: ``{"name", "value", "step"}`` of the best validation, ``None`` before the first. The
            first figure of a validation decides; more is better.
        totals: dict of ``steps``, ``seconds`` and ``waiting`` since the monitor's beginning, pauses
            left out.
    """

    def __init__(self, run, name, *, steps, start=0, log_every=50, writes=True, best=None):
        self.run, self.name, self.steps, self.start = Path(run), name, steps, start
        self.log_every, self.writes, self.best = log_every, writes, best
        self.path = self.run / f"{name}.jsonl"
        self._validated = set()
        self._bar = self._events = None

    def __enter__(self):
        if self.writes:
            self._take_up()
            self._events = EventWriter(self.run / "tensorboard" / self.name)
            if sys.stderr.isatty():
                self._bar = _Bar(self.name, self.steps, self.start)
        self._begin = self._since = time.perf_counter()
        self._made = 0
        self._waited_in_all = 0.0
        self._clear()
        return self

    def __exit__(self, kind, error, trace):
        if self._bar is not None:
            self._bar.close()
        if self._events is not None:
            self._events.close()
        if kind is None and self.writes:
            self._plot()

    def step(self, step, losses, *, samples, waited, rate):
        """Takes note of a step.

        Args:
            step: its number, from 1.
            losses: dict of name to number.
            samples: in its batch.
            waited: seconds for which its batch was waited for.
            rate: its learning rate.
        """
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        self._samples += samples
        self._waited += waited
        self._made += 1
        self._waited_in_all += waited
        report = step % self.log_every == 0 or step == self.steps
        if self._bar is not None:
            self._bar.move(step, self._means(), self._speed())
        if report and self.writes:
            self._report(step, rate)
        if report:
            self._clear()

    def validated(self, step, figures):
        """Takes note of a validation.

        Returns:
            Whether it is the best so far.
        """
        name, value = next(iter(figures.items()))
        better = self.best is None or value > self.best["value"]
        if better:
            self.best = {"name": name, "value": value, "step": step}
        if self.writes and step not in self._validated:
            self._validated.add(step)
            self._write({"step": step, "validation": figures, "best": self.best})
            self._events.write(step, figures)
            told = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
            best = "the best so far" if better else f"the best is of step {self.best['step']}"
            self._tell(f"{self.name} {step}/{self.steps}: {told} ({best})")
        return better

    @contextmanager
    def paused(self):
        """What is done in it, such as a validation, does not count as time of the training."""
        begin = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - begin
            self._since += seconds
            self._begin += seconds

    @property
    def totals(self):
        seconds = time.perf_counter() - self._begin
        return {
            "steps": self._made,
            "seconds": round(seconds, 2),
            "waiting": round(self._waited_in_all / seconds, 4) if seconds else 0.0,
        }

    def _report(self, step, rate):
        line = {
            "step": step,
            **{name: float(f"{value:.6g}") for name, value in self._means().items()},
            "learning_rate": float(f"{rate:.6g}"),
            "samples/s": round(self._speed(), 1),
            "waiting": round(self._waited / self._seconds(), 3),
        }
        self._write(line)
        self._events.write(step, {key: value for key, value in line.items() if key != "step"})
        left = self._seconds() / self._count * (self.steps - step)
        self._tell(
            f"{self.name} {step}/{self.steps}: {_losses(self._means())}, "
            f"{line['samples/s']:.4g} samples/s, {line['waiting']:.0%} waiting, "
            f"{_time(left)} left"
        )

    def _means(self):
        return {name: value / self._count for name, value in self._sums.items()}

    def _seconds(self):
        return max(time.perf_counter() - self._since, 1e-9)

    def _speed(self):
        return self._samples / self._seconds()

    def _clear(self):
        self._sums, self._count, self._samples, self._waited = {}, 0, 0, 0.0
        self._since = time.perf_counter()

    def _tell(self, text):
        if self._bar is not None:
            self._bar.print(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def _write(self, line):
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def _take_up(self):
        """Leaves of the log what the checkpoint has seen."""
        lines = [line for line in read_log(self.path) if line["step"] <= self.start]
        self._validated = {line["step"] for line in lines if "validation" in line}
        if self.path.exists():
            with whole(self.path) as partial:
                partial.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def _plot(self):
        try:
            from multiposenet.training import run_plot
        except ImportError:  # training also runs where there is no matplotlib
            return
        run_plot.save(read_log(self.path), self.run / f"{self.name}.png", self.name)


def read_log(path):
    """The lines of a JSONL log, as dicts; without the last one, if it was cut off in writing."""
    path, lines = Path(path), []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    return lines


class _Bar:
    """A progress bar on stderr."""

    def __init__(self, name, steps, start):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

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
        self._steps, self._first, self._begin = steps, None, None

    def move(self, step, means, speed):
        now = time.perf_counter()
        if self._first is None:  # after the first step, which compiles
            self._first, self._begin = step, now
        done = step - self._first
        left = (now - self._begin) / done * (self._steps - step) if done else None
        self._progress.update(
            self._task,
            completed=step,
            losses=_losses(means),
            speed=f"{speed:.4g} samples/s",
            left="" if left is None else f"{_time(left)} left",
        )

    def print(self, text):
        self._progress.console.print(text, markup=False, highlight=False)

    def close(self):
        self._progress.stop()


def _losses(means):
    return ", ".join(f"{name} {value:.4g}" for name, value in means.items())


def _time(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"
