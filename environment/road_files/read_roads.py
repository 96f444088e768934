"""Road networks of any format, by the ending of their file."""

from pathlib import Path

from hmesh.environment.errors import InputError, Problem, missing_file
from hmesh.environment.road_files.network import RoadFileContent

# Endings, and what such a file holds.
FORMATS = {
    ".graphml": "GraphML as OSMnx saves it",
    ".geojson": "lines of GeoJSON",
    ".json": "lines of GeoJSON",
    ".csv": "a table of roads, with one of junctions",
    ".xml": "a network of MATSim",
    ".gz": "a network of MATSim",
}


def read_road_file(path: Path, nodes: Path | None = None) -> RoadFileContent:
    """Read the junctions and roads of a file.

    Parameters
    ----------
    path : Path
        The file.
    nodes : Path, optional
        The table of junctions, where the file is a table of roads.

    Raises
    ------
    InputError
        If it cannot be read, or is of no known format.
    """
    if problems := missing_file(path):
        raise InputError(problems)
    match path.suffix.lower():
        case ".graphml":
            from hmesh.environment.road_files.graphml import read_graphml

            return read_graphml(path)
        case ".geojson" | ".json":
            from hmesh.environment.road_files.geojson import read_geojson

            return read_geojson(path)
        case ".csv" if nodes is not None:
            from hmesh.environment.road_files.node_and_edge_tables import read_tables

            return read_tables(path, nodes)
        case ".csv":
            message = "is a table of roads, and nodes names no table of its junctions"
            raise InputError([Problem(str(path), message, "nodes: FILE.csv")])
        case ".xml" | ".gz":
            from hmesh.environment.road_files.matsim_network import read_matsim_network

            return read_matsim_network(path)
        case ending:
            allowed = "; ".join(f"{known} {what}" for known, what in FORMATS.items())
            raise InputError([Problem(str(path), f"ends in {ending!r}", allowed)])
