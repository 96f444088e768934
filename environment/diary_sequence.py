"""Whether the trips of diaries can be driven one after another, day after day."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.table_file import TableFile

_DAY_H = 24.0
# Two times nearer than this are the same: hours such as 16.1 + 0.2 are no exact numbers.
_SAME_H = 1e-9


@dataclass(slots=True, eq=False)
class DiaryRows:
    """The rows of a file of diaries, each a trip or a day without any; all shapes are (rows,).

    Attributes
    ----------
    person, day : array of int
        Whose row it is, and its day as a number.
    dates : array of int
        Its date as `date.toordinal`, 0 where it names none.
    departs_h, arrives_h : array
        Clock hours of the first day of its diary, NaN on a day without trips [h].
    origin, destination : array of int
        Communities.
    dropped : array of bool
        Whether it says nothing that other rows do not say.
    """

    person: NDArray[np.int64]
    day: NDArray[np.int64]
    dates: NDArray[np.int64]
    departs_h: FloatArray
    arrives_h: FloatArray
    origin: NDArray[np.int64]
    destination: NDArray[np.int64]
    dropped: NDArray[np.bool_]

    def in_order(self) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Return the rows by diary and departure, and which of these begin a diary."""
        order = np.lexsort((self.departs_h, self.day, self.person))
        order = order[~self.dropped[order]]
        new = np.ones(len(order), dtype=np.bool_)
        new[1:] = (np.diff(self.person[order]) != 0) | (np.diff(self.day[order]) != 0)
        return order, new

    def heads(self) -> NDArray[np.intp]:
        """Return the first row of the diary of each row; of one that is dropped, itself."""
        order, new = self.in_order()
        heads = np.arange(len(self.person))
        heads[order] = order[new][np.cumsum(new) - 1]
        return heads

    def join_days_away(self, stays: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Join dates over whose nights a person is away into one diary.

        Parameters
        ----------
        stays : array of bool, shape (rows,)
            Rows of days without trips.

        Returns
        -------
        array of int, shape (rows,)
            How many days the diary takes that begins with each row; 1 for all other rows.
        """
        days = np.ones(len(self.person), dtype=np.int64)
        order, new = self.in_order()
        bounds = np.append(np.flatnonzero(new), len(order))
        first, last = order[bounds[:-1]], order[bounds[1:] - 1]
        away = (self.destination[last] != self.origin[first]) & (self.dates[first] > 0)
        if not away.any():
            return days
        members = [order[a:b] for a, b in pairwise(bounds.tolist())]
        travellers = np.isin(self.person[first], self.person[first[away]])
        mine = np.flatnonzero(travellers & (self.dates[first] > 0))
        mine = mine[np.lexsort((self.dates[first[mine]], self.person[first[mine]]))]
        position = 0
        while position < len(mine):
            chain = [int(mine[position])]
            home = self.origin[first[chain[0]]]
            for following in mine[position + 1 :].tolist():
                there = self.destination[last[chain[-1]]]
                same = self.person[first[following]] == self.person[first[chain[0]]]
                if there == home or not same or self.origin[first[following]] != there:
                    break
                chain.append(following)
            if self.destination[last[chain[-1]]] != home:
                chain = chain[:1]  # never brought back, which is reported
            for part in chain[1:]:
                rows, begin = members[part], first[chain[0]]
                later = self.dates[first[part]] - self.dates[begin]
                self.departs_h[rows] += _DAY_H * later
                self.arrives_h[rows] += _DAY_H * later
                self.day[rows] = self.day[begin]
                self.dropped[rows] = stays[rows]
                days[begin] = later + 1
            position += len(chain)
        return days

    def begins_h(self, *, each_person: bool) -> FloatArray:
        """Return the hour of the earliest departure, a person's own or that of all [h].

        Where nobody departs it is 0.
        """
        group = self.person if each_person else np.zeros_like(self.person)
        earliest = np.full(int(group.max()) + 1, np.inf)
        np.fmin.at(earliest, group, self.departs_h)
        begins_h: FloatArray = np.where(np.isinf(earliest), 0.0, earliest)[group]
        return begins_h


def report_sequence(
    file: TableFile,
    rows: DiaryRows,
    latest_h: FloatArray,
    communities: Sequence[str],
    *,
    each_person: bool,
) -> None:
    """Report where nobody can drive a diary, or cannot drive another one the day after.

    Parameters
    ----------
    file : TableFile
        Where problems are reported.
    rows : DiaryRows
        Its rows.
    latest_h : array, shape (rows,)
        Hour by which the diary of each row has to be over [h].
    communities : sequence of str
        Names of the communities.
    each_person : bool
        Whether only the diaries of one person follow each other.
    """
    departs, arrives, origin = rows.departs_h, rows.arrives_h, rows.origin
    destination = rows.destination
    order, new = rows.in_order()
    before = np.full(len(departs), -1)
    before[order[1:]] = np.where(new[1:], -1, order[:-1])
    follows = before >= 0
    last = order[np.append(new[1:], True)]
    home = np.full(len(departs), -1)
    home[last] = origin[order[new]]

    def at(community: int) -> str:
        return communities[community]

    early = follows & (departs < arrives[before] - _SAME_H)
    file.report(
        np.flatnonzero(early),
        "departs_h",
        lambda row: f"departs at {departs[row]:g} h, on the way until {arrives[before[row]]:g} h",
        "trips one after another",
    )
    elsewhere = follows & (origin != destination[before])
    file.report(
        np.flatnonzero(elsewhere),
        "origin",
        lambda row: f"departs from {at(origin[row])}, but is at {at(destination[before[row]])}",
        "where the trip before ended",
    )
    away = (home >= 0) & (destination != home)
    file.report(
        np.flatnonzero(away),
        "destination",
        lambda row: f"the day ends at {at(destination[row])}, but began at {at(home[row])}",
        "where the day began; between dates, a later one that begins there and comes back",
    )
    who = "the same person's days" if each_person else "other days"
    alone = "" if each_person else "; with deal: once, by the person's own earliest departure"
    file.report(
        np.flatnonzero(arrives > latest_h + _SAME_H),
        "departs_h",
        lambda row: (
            f"arrives at {arrives[row]:g} h, when {who} begin at {latest_h[row] % _DAY_H:g} h"
        ),
        f"an arrival by then; departures after midnight as hours above 24{alone}",
    )
