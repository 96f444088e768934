"""Positions on the Earth and on a plane: distances, and a plane that touches the Earth."""

from dataclasses import dataclass

import numpy as np

from hmesh.environment.arrays import FloatArray

EARTH_RADIUS_KM = 6371.0
KM_PER_DEGREE = EARTH_RADIUS_KM * np.pi / 180.0


def great_circle_km(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return distances on the Earth along great circles, by the haversine formula [km].

    Parameters
    ----------
    first, second : array, shape (..., 2)
        Longitude and latitude, east and north positive [deg].

    Returns
    -------
    array, shape (...)
        The distances [km].
    """
    (east, north), (other_east, other_north) = (
        np.moveaxis(np.radians(places), -1, 0) for places in (first, second)
    )
    half = np.sin((other_north - north) / 2) ** 2
    half = half + np.cos(north) * np.cos(other_north) * np.sin((other_east - east) / 2) ** 2
    distance: FloatArray = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(half, 1.0)))
    return distance


def plane_km(first: FloatArray, second: FloatArray) -> FloatArray:
    """Return straight distances on a plane [km].

    Parameters
    ----------
    first, second : array, shape (..., 2)
        To the east and to the north [km].

    Returns
    -------
    array, shape (...)
        The distances [km].
    """
    distance: FloatArray = np.hypot(*np.moveaxis(second - first, -1, 0))
    return distance


@dataclass(frozen=True, slots=True)
class Plane:
    """A plane that touches the Earth, for regions of up to some hundred kilometres.

    Parallels keep the length that they have at the middle latitude (equirectangular projection),
    so that a map has one scale.

    Attributes
    ----------
    longitude, latitude : float
        Where it touches [deg].
    """

    longitude: float
    latitude: float

    def to_km(self, degrees: FloatArray) -> FloatArray:
        """Return positions to the east and to the north of the middle, shape (..., 2) [km]."""
        return (degrees - [self.longitude, self.latitude]) * self._scale()

    def to_degrees(self, km: FloatArray) -> FloatArray:
        """Return longitude and latitude of positions of the plane, shape (..., 2) [deg]."""
        return km / self._scale() + [self.longitude, self.latitude]

    def _scale(self) -> FloatArray:
        return KM_PER_DEGREE * np.array([np.cos(np.radians(self.latitude)), 1.0])
