"""A bus that changes what it carries, to see that nobody knows anything else."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from hmesh.environment.message_bus import MessageBus
from hmesh.environment.messages import Message

ENVELOPE = {field.name for field in dataclasses.fields(Message)}


class LyingBus(MessageBus):
    """Changes all that some messages hold; who sent them to whom stays.

    Attributes
    ----------
    kind, sender : str
        Kind of the messages that it changes, and how the address of their sender begins; every
        kind, where the first is empty.
    """

    kind = sender = ""
    changed = 0

    def in_flight[M: Message](self, message: M) -> M:
        if self.kind not in ("", message.kind) or not message.sender.startswith(self.sender):
            return message
        held = {
            field.name: garbled(getattr(message, field.name))
            for field in dataclasses.fields(message)
            if field.name not in ENVELOPE
        }
        self.changed += 1
        return dataclasses.replace(message, **held)


def garbled(value: Any) -> Any:
    """Return something else: less of each energy and price, in another order."""
    if isinstance(value, float):
        return 0.05 * value
    if isinstance(value, np.ndarray) and value.dtype == np.bool_:
        return ~value
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return 0.05 * value[::-1]
    return value


def outcome(simulation: Any, steps: int) -> list[Any]:
    """Let a simulation go on; return what is decided in each step, and the state at its end."""
    found: list[Any] = []
    for _ in range(steps):
        simulation.step()
        found += [energy.copy() for energy in simulation.hour_kwh.values()]
        found.append(np.array(simulation.market.decision.community_price))
        found.append(simulation.market.decision.utility_price)
        for each in simulation.schemes.values():
            found += _arrays(list(vars(each).values()))
    for each in simulation.schemes.values():
        found += _arrays(each.state())
    return found


def same(one: list[Any], other: list[Any]) -> bool:
    """Return whether two outcomes are equal to the last bit."""
    return len(one) == len(other) and all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(one, other, strict=True)
    )


def _arrays(state: Any) -> list[Any]:
    if isinstance(state, Mapping):
        return [array for value in state.values() for array in _arrays(value)]
    if isinstance(state, list):
        return [array for value in state for array in _arrays(value)]
    return [state.copy()] if isinstance(state, np.ndarray) and state.dtype.kind in "fb" else []
