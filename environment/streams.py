"""Random streams by name, so that what one part draws never moves what another draws."""

import hashlib
import struct
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


class Streams:
    """The random streams of one run, all made from one seed.

    A stream is named by its purpose, the agent type it serves and the day. It depends on the seed
    and its name alone: asked for again it starts again, whatever was drawn elsewhere in between,
    so an interrupted run needs no generator saved. Draw once for each row, in the order of the
    rows, and the first rows draw the same when rows are added.

    Parameters
    ----------
    seed : int
        Seed of the run, at least 0.

    Raises
    ------
    ValueError
        If the seed is negative.
    """

    def __init__(self, seed: int) -> None:
        if seed < 0:
            raise ValueError(f"a seed is a whole number of at least 0, got {seed}")
        self.seed = seed

    def generator(self, purpose: str, agent_type: str = "", day: int = 0) -> np.random.Generator:
        """Return the stream of a name, at its start.

        Parameters
        ----------
        purpose : str
            What is drawn, for instance ``"trip departure"``.
        agent_type : str, optional
            For whom it is drawn.
        day : int, optional
            Day or step of the run, 0 <= day < 2**32.

        Returns
        -------
        numpy.random.Generator
            A new generator.
        """
        if not 0 <= day < 2**32:
            raise ValueError(f"a day is a whole number from 0 to 2**32 - 1, got {day}")
        words = _entropy(self.seed, purpose, agent_type).copy()
        words[-1] = day
        return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


@lru_cache(maxsize=4096)
def _entropy(seed: int, purpose: str, agent_type: str) -> NDArray[np.uint32]:
    """Return what a stream is made from, but for its day, the last word.

    It is what `numpy.random.SeedSequence` puts together from the seed and the name as its
    ``spawn_key``: as one array it is read ten times as fast.
    """
    words = [seed >> shift & 0xFFFFFFFF for shift in range(0, max(seed.bit_length(), 1), 32)]
    words += [0] * (np.random.SeedSequence(0).pool_size - len(words))
    return np.array([*words, *_words(purpose), *_words(agent_type), 0], dtype=np.uint32)


@lru_cache(maxsize=4096)
def _words(text: str) -> tuple[int, ...]:
    """Return four 32-bit words that stand for a text, on every machine and in every process."""
    digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
    return struct.unpack("<4I", digest)
