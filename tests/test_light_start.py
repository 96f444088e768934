"""What commands import: nothing heavy that they do not use."""

import gc
import subprocess
import sys
import textwrap

from hmesh.runs.garbage import look_as_usual, look_seldom
from hmesh.runs.terminal import progress_bar

# Libraries that only pictures, solvers, tables read back or the live view need.
HEAVY = ("matplotlib", "numba", "pandas", "plotly", "pyarrow", "scipy", "solara", "tqdm")


def modules_after(program: str) -> set[str]:
    """Return the modules that a program of its own has imported, as it prints them at last."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return set(done.stdout.split("modules:")[-1].split())


def command(*words: str) -> str:
    """Return a program that runs a command and prints what it has imported."""
    return f"""
        import sys
        from hmesh.runs.command_line import app
        try:
            app({list(words)!r})
        except SystemExit as end:
            assert not end.code, end.code
        print("modules:", *sys.modules)
        """


def test_help_imports_no_library_but_that_of_the_command_line() -> None:
    imported = modules_after(command("--help"))
    assert "typer" in imported
    assert imported.isdisjoint((*HEAVY, "mesa", "networkx", "numpy", "simpy"))


def test_check_imports_nothing_that_only_a_run_needs() -> None:
    imported = modules_after(command("check", "three-communities"))
    assert "numpy" in imported
    left_out = (*HEAVY, "networkx", "simpy", "hmesh.runs.world.simulation", "hmesh.runs.run")
    assert imported.isdisjoint(left_out)


def test_garbage_is_looked_for_seldom_while_a_program_starts_and_as_usual_in_a_run() -> None:
    usual, frozen = gc.get_threshold(), gc.get_freeze_count()
    look_as_usual()
    assert (gc.get_threshold(), gc.get_freeze_count()) == (usual, frozen)
    try:
        look_seldom()
        assert gc.get_threshold()[0] > usual[0]
        with progress_bar(shown=False):
            assert gc.get_threshold() == usual
            assert gc.get_freeze_count() > frozen
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)


def test_mesa_is_whole_though_it_is_imported_light() -> None:
    imported = modules_after("""
        import random, sys
        from hmesh.environment.light_mesa import LATER, mesa
        assert not any(name in sys.modules for name in LATER), "imported too early"

        class Walker(mesa.Agent):
            def __init__(self, model, speed):
                super().__init__(model)
                self.speed = speed

        class Model(mesa.Model):
            pass

        model = Model(rng=1)
        Walker.create_agents(model, 3, [1, 2, 3])
        assert [walker.speed for walker in model.agents] == [1, 2, 3]
        from mesa.discrete_space import HexGrid
        grid = HexGrid((4, 4), random=random.Random(1))
        there = grid._cells[1, 2]
        assert grid.find_nearest_cell(there.position).coordinate == (1, 2)
        collector = mesa.DataCollector(model_reporters={"walkers": lambda m: len(m.agents)})
        collector.collect(model)
        assert collector.get_model_vars_dataframe()["walkers"].tolist() == [3]
        import logging
        assert "MESA.mesa.model" in logging.root.manager.loggerDict
        assert mesa.mesa_logging.get_module_logger("mesa.model").name == "MESA.mesa.model"
        print("modules:", *sys.modules)
        """)
    assert {"pandas", "scipy.spatial"} <= imported


def test_mesa_is_imported_whole_where_other_threads_could_see_stand_ins() -> None:
    imported = modules_after("""
        import sys, threading
        done = threading.Event()
        other = threading.Thread(target=done.wait)
        other.start()
        from hmesh.environment.light_mesa import mesa
        done.set()
        other.join()
        print("modules:", *sys.modules)
        """)
    assert {"mesa", "pandas", "scipy.spatial"} <= imported


def test_a_name_of_a_stand_in_is_what_it_stands_for() -> None:
    modules_after("""
        from hmesh.environment.light_mesa import mesa
        from hmesh.environment.light_mesa import _Name
        tree = _Name("collections", "OrderedDict")
        assert isinstance(tree(a=1), tree) and not isinstance({}, tree)
        assert list(tree.fromkeys("ab")) == ["a", "b"]
        print("modules:")
        """)
