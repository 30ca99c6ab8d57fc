"""A run that can be repeated: a BPMN file that ends with a comment, which lists what is done, one thing in a line."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from blocks import Model
from drawn_models import random_model
from random_run import Run

_Act = Callable[[Run], None]

STEPS = 16
"""Random things done to each process before it is brought to its end."""

_MARK = "<!-- what is done:"


class Case(NamedTuple):
    """`steps` as in `Run.steps`."""

    xml: str
    steps: tuple[str, ...]

    def __str__(self) -> str:
        lines = self.xml.replace("><", ">\n<")
        return "\n".join([lines, _MARK, *(step for step in self.steps if not step.startswith(" ")), "-->"])


def read(text: str) -> Case:
    """The case that was written as `str(case)`."""
    xml, _, comment = text.partition(_MARK)
    steps = (line.strip() for line in comment.partition("-->")[0].splitlines())
    return Case(xml, tuple(step for step in steps if step))


def model_of(seed: int) -> tuple[Model, Random]:
    """The model of a seed, and the chance that goes on with the schedule."""
    chance = Random(seed)
    return random_model(chance), chance


def walk(model: Model, chance: Random, *, chunked: bool = False) -> Run:
    """Walks through the model and brings it to its end. What fails has `.run`, as far as it came."""
    return _guarded(Run(model.xml(), chunked=chunked), lambda run: run.walk(chance, STEPS))


def repeat(case: Case, *, chunked: bool = False) -> Run:
    """Does what the case says and brings it to its end."""
    return _guarded(Run(case.xml, chunked=chunked), lambda run: run.replay(case.steps))


class RunFailed(Exception):
    """What failed is the cause; `run` is as it was then, `steps` what had been done."""

    def __init__(self, run: Run, steps: Sequence[str]) -> None:
        super().__init__("a run failed")
        self.run = run
        self.steps = tuple(steps)

    @property
    def kind(self) -> tuple[str, str]:
        """By which it is known again in another run: the exception and the function that raised it."""
        assert self.__cause__ is not None
        at = self.__cause__.__traceback__
        while at is not None and at.tb_next is not None:
            at = at.tb_next
        return type(self.__cause__).__name__, at.tb_frame.f_code.co_qualname if at is not None else ""


def _guarded(run: Run, act: _Act) -> Run:
    try:
        act(run)
        run.drain()
        run.check_whole()
    except Exception as error:
        # What drains follows from what was done before.
        raise RunFailed(run, run.steps[: run.scheduled]) from error
    return run
