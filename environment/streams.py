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
        self._shared = np.random.Generator(np.random.Philox(0))

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

    def shared(self, purpose: str, agent_type: str = "", day: int = 0) -> np.random.Generator:
        """Return the stream of a name as `generator` does, until the next call of this.

        It is one generator that is set to the start of one stream after another, for few numbers of
        very many streams.
        """
        if not 0 <= day < 2**32:
            raise ValueError(f"a day is a whole number from 0 to 2**32 - 1, got {day}")
        self._shared.bit_generator.state = {
            "bit_generator": "Philox",
            "state": {
                "counter": _NOTHING,
                "key": _key(_pool(self.seed, purpose, agent_type), day),
            },
            "buffer": _NOTHING,
            "buffer_pos": 4,
            "has_uint32": 0,
            "uinteger": 0,
        }
        return self._shared


# Numbers of Python, which NumPy reads in a third of the time of an array of four.
_NOTHING = (0, 0, 0, 0)
_BITS = 0xFFFFFFFF
# Constants of `numpy.random.SeedSequence`, whose results are part of its promise of stability
# (NEP 19). Source: O'Neill, Developing a seed_seq alternative (2015).
_FIRST_A, _NEXT_A = 0x43B0D7E5, 0x931E8875
_FIRST_B, _NEXT_B = 0x8B51F9DD, 0x58F38DED
_LEFT, _RIGHT = 0xCA01F9DD, 0x4973F715


def _hashed(word: int, constant: int) -> tuple[int, int]:
    """Return a word hashed with a constant, and the constant of the next one."""
    following = constant * _NEXT_A & _BITS
    word = (word ^ constant) * following & _BITS
    return word ^ word >> 16, following


def _mixed(one: int, other: int) -> int:
    """Return two words as one."""
    word = one * _LEFT - other * _RIGHT & _BITS
    return word ^ word >> 16


@lru_cache(maxsize=4096)
def _pool(seed: int, purpose: str, agent_type: str) -> tuple[tuple[int, int, int, int, int], ...]:
    """Return what `SeedSequence` makes of all words but the day.

    They are, for each of the four words of a key: the constants with which the day is hashed, what
    the result is subtracted from, and the constants that make the word of it.
    """
    words = _entropy(seed, purpose, agent_type)[:-1].tolist()
    pool, constant = [0] * 4, _FIRST_A
    for k in range(4):
        pool[k], constant = _hashed(words[k], constant)
    for source in range(4):
        for into in range(4):
            if source != into:
                hashed, constant = _hashed(pool[source], constant)
                pool[into] = _mixed(pool[into], hashed)
    for word in words[4:]:
        for into in range(4):
            hashed, constant = _hashed(word, constant)
            pool[into] = _mixed(pool[into], hashed)
    rows, first = [], _FIRST_B
    for word in pool:
        following = constant * _NEXT_A & _BITS
        after = first * _NEXT_B & _BITS
        rows.append((constant, following, word * _LEFT, first, after))
        constant, first = following, after
    return tuple(rows)


def _key(pool: tuple[tuple[int, int, int, int, int], ...], day: int) -> tuple[int, int]:
    """Return the key of the generator of a day, as `SeedSequence` would."""
    words = []
    for constant, following, left, first, after in pool:
        hashed = (day ^ constant) * following & _BITS
        word = left - (hashed ^ hashed >> 16) * _RIGHT & _BITS
        word = (word ^ word >> 16 ^ first) * after & _BITS
        words.append(word ^ word >> 16)
    return words[0] | words[1] << 32, words[2] | words[3] << 32


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
