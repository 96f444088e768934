"""Which module may import which, beyond what import-linter holds."""

import grimp
import networkx as nx
import pytest

from hmesh.runs.schemes.registry import schemes


def circles(*, types: bool) -> list[set[str]]:
    """Return the modules that import each other in a circle."""
    graph = grimp.build_graph("hmesh", exclude_type_checking_imports=not types)
    imports = nx.DiGraph(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )
    return [circle for circle in nx.strongly_connected_components(imports) if len(circle) > 1]


def test_no_module_imports_itself_through_others() -> None:
    assert circles(types=False) == []


def test_types_are_imported_in_a_circle_within_one_folder_at_most() -> None:
    for circle in circles(types=True):
        assert len({module.rpartition(".")[0] for module in circle}) == 1, circle


@pytest.mark.parametrize("name", list(schemes()))
def test_every_part_of_a_scheme_stands_where_its_descriptor_says(name: str) -> None:
    scheme = schemes()[name]
    parts = [name for name in scheme.__dataclass_fields__ if name not in ("name", "description")]
    for name in parts:
        scheme.part(name)
    assert all(callable(draw) for _, draw in scheme.all_pictures())
