"""A few days that stand for all days of a year, found by the shape of their loads.

Source: battery sharing among commercial buildings, Frontiers in Energy Research 10 (2022) 929693,
section 3.4: principal components of the daily load curves, then K-means among them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hmesh.environment.arrays import FloatArray
from hmesh.environment.extras import optional
from hmesh.environment.last_digits import first_lowest

VARIANCE_KEPT = 0.95
STARTS = 10


@dataclass(frozen=True, slots=True, eq=False)
class RepresentativeDays:
    """Clusters of days, the largest first.

    Attributes
    ----------
    cluster : array of int, shape (days,)
        Cluster to which each day belongs.
    weight : array, shape (clusters,)
        Days of each cluster.
    load_kwh : array, shape (clusters, steps)
        Mean load of the days of each [kWh].
    typical_day : array of int, shape (clusters,)
        The day nearest to that mean.
    components : int
        Principal components that were kept.
    error_kwh : float
        Root mean square difference of the days of the year from those that stand for them [kWh].
    inertia : float
        Sum of squared distances to the centres of the clusters, for an elbow plot [kWh^2].
    silhouette : float
        Mean silhouette, -1..1: how much nearer a day is to its own cluster than to the next; NaN
        with one cluster [-].
    """

    cluster: NDArray[np.intp]
    weight: FloatArray
    load_kwh: FloatArray
    typical_day: NDArray[np.intp]
    components: int
    error_kwh: float
    inertia: float
    silhouette: float

    def mean_of(self, loads_kwh: FloatArray) -> FloatArray:
        """Return the mean of loads over the days of each cluster.

        Parameters
        ----------
        loads_kwh : array, shape (loads, days, steps)
            Loads [kWh].

        Returns
        -------
        array, shape (loads, clusters, steps)
            Their means [kWh]; those of parts sum up to that of the whole.
        """
        clusters = range(len(self.weight))
        return np.stack([loads_kwh[:, self.cluster == k].mean(axis=1) for k in clusters], axis=1)


def representative_days(
    load_kwh: FloatArray, clusters: int, random: np.random.Generator
) -> RepresentativeDays:
    """Cluster the days of a load.

    Parameters
    ----------
    load_kwh : array, shape (days, steps)
        Load of every day [kWh].
    clusters : int
        How many, at least 1 and at most as many as there are different days.
    random : numpy.random.Generator
        Where the first centres are drawn from.

    Raises
    ------
    ValueError
        If there are fewer different days than clusters.
    """
    use = "representative days"
    k_means = optional("sklearn.cluster", "learning", use).KMeans
    pca = optional("sklearn.decomposition", "learning", use).PCA
    silhouette_score = optional("sklearn.metrics", "learning", use).silhouette_score

    different = len(np.unique(load_kwh, axis=0))
    if not 1 <= clusters <= different:
        raise ValueError(f"{clusters} clusters of {different} different days")
    components, points = 0, load_kwh
    if different > 1:
        analysis = pca(VARIANCE_KEPT).fit(load_kwh)
        components, points = int(analysis.n_components_), analysis.transform(load_kwh)
    found = k_means(clusters, n_init=STARTS, random_state=int(random.integers(2**31))).fit(points)
    # Of clusters as large, the one of the earlier day first: how they are numbered is chance.
    _, first_day = np.unique(found.labels_, return_index=True)
    order = np.lexsort((first_day, -np.bincount(found.labels_, minlength=clusters)))
    cluster = np.argsort(order)[found.labels_]
    means = np.stack([load_kwh[cluster == k].mean(axis=0) for k in range(clusters)])
    distance = ((load_kwh - means[cluster]) ** 2).mean(axis=1)
    days = np.arange(len(load_kwh))
    typical = [days[cluster == k][first_lowest(distance[cluster == k])] for k in range(clusters)]
    scored = 1 < clusters < len(load_kwh)
    return RepresentativeDays(
        cluster=cluster.astype(np.intp),
        weight=np.bincount(cluster, minlength=clusters).astype(np.float64),
        load_kwh=means,
        typical_day=np.array(typical, dtype=np.intp),
        components=components,
        error_kwh=float(np.sqrt(distance.mean())),
        inertia=float(found.inertia_),
        silhouette=float(silhouette_score(points, cluster)) if scored else np.nan,
    )
