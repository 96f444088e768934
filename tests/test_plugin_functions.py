"""Forecasters, readers and pictures of plugins, wherever those of hMESH are."""

import re
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import hmesh
from hmesh.environment import InputError
from hmesh.plugins import forecaster, picture, reader
from hmesh.runs import audit_run, load_scenario, start_run
from hmesh.runs.command_line import app
from hmesh.runs.plots import draw_plots
from hmesh.runs.plugins.loading import load_plugins
from hmesh.runs.world.dataset_files import import_dataset, load_dataset
from hmesh.runs.world.setting import make_setting

pytestmark = pytest.mark.usefixtures("plugins_withdrawn")

PLUGIN = '''
import numpy as np
import pandas as pd
from hmesh.plugins import Drawing, Foreign, forecaster, picture, reader


@forecaster("mean_of_days")
class MeanOfDays:
    """The mean of what was read at the same time of day, times a factor."""

    def __init__(self, history, day_slots, factor=1.0):
        self.day_slots, self.factor = day_slots, factor

    def forecast(self, past, steps, at):
        day = self.day_slots
        whole = past[len(past) % day :].reshape(-1, day, past.shape[1])
        return self.factor * np.nanmean(whole, axis=0)[np.arange(steps) % day]


@reader("two_columns")
def read_two_columns(source, options):
    rows = pd.read_csv(source, sep=";", names=["load"])
    zone = options.needed("time_zone", "the file does not state it", "Asia/Tokyo")
    first = pd.Timestamp("2024-01-15T00:00")
    times = first + pd.to_timedelta(np.arange(len(rows)), unit="h")
    return Foreign(
        name="two-columns", source=source.name, licence="none", time_zone=zone, clock="wall",
        labels="start", start=first, end=times[-1] + pd.Timedelta("1h"), resolution=60,
        tables={
            "members": pd.DataFrame({"member": ["a"], "kind": ["household"]}),
            "profiles": pd.DataFrame(
                {"time": times, "member": "a", "load_kw": rows["load"].to_numpy()}
            ),
        },
    )


@picture("price_line")
def draw_price_line(data):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    figure.subplots().plot(data.hours("utility_price")[0, 0])
    highest = data.hours("utility_price")[0, 0].max()
    return Drawing(f"The utility asks {highest:.1f} at most", figure)
'''


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "functions.py"
    path.write_text(PLUGIN)
    return path


def stored(plugin: Path, **forecast: Any) -> Any:
    given = {
        "hours": 2,
        "plots": False,
        "strategies": ["community_storage_optimal"],
        "community_storage.history_days": 3,
        "community_storage.horizon_days": 1,
        "community_storage.forecaster": forecast,
    }
    return load_scenario("community-storage", given, None, [str(plugin)])


def test_a_forecaster_of_a_plugin_is_used_and_audited(plugin: Path, tmp_path: Path) -> None:
    scenario = stored(plugin, kind="mean_of_days", options={"factor": 0.9})
    assert scenario.resolved()["community_storage"]["forecaster"]["kind"] == "mean_of_days"
    start_run(scenario, tmp_path / "run")
    report = audit_run(tmp_path / "run")
    assert report.passed, report.failed
    again = hmesh.read_run(tmp_path / "run").scenario
    assert again.community_storage.forecaster == scenario.community_storage.forecaster


@pytest.mark.parametrize(
    ("forecast", "message"),
    [
        ({"kind": "mean_of_day"}, r"forecaster.kind: there is no forecaster 'mean_of_day' .*"
         r"register it with @forecaster in a file named in `plugins:`.*mean 'mean_of_days'"),
        ({"kind": "mean_of_days", "option": {}}, "there is no key 'option'"),
        ({"kind": "ridge", "penalty": -1.0}, "forecaster.penalty: -1.0 is not allowed"),
    ],
)  # fmt: skip
def test_a_wrong_forecaster_is_named(forecast: dict[str, Any], message: str, plugin: Path) -> None:
    with pytest.raises(InputError, match=message):
        stored(plugin, **forecast)


def test_a_forecaster_needs_its_plugin_and_its_options(plugin: Path) -> None:
    stored(plugin, kind="mean_of_days")
    given = {"community_storage.forecaster": {"kind": "mean_of_days"}}
    with pytest.raises(InputError, match=r"a forecaster of the plugin functions.py .*--plugin"):
        load_scenario("community-storage", given)
    scenario = stored(plugin, kind="mean_of_days", options={"speed": 1.0})
    with pytest.raises(InputError, match=r"cannot be made: TypeError: .*unexpected .*'speed'"):
        make_setting(scenario)


def test_what_a_forecaster_returns_is_checked(plugin: Path, tmp_path: Path) -> None:
    plugin.write_text(PLUGIN.replace("[np.arange(steps) % day]", "[:1]"))
    with pytest.raises(InputError, match="returns a forecast of shape"):
        start_run(stored(plugin, kind="mean_of_days"), tmp_path / "run")


def test_a_reader_of_a_plugin_imports(plugin: Path, tmp_path: Path) -> None:
    (tmp_path / "loads.txt").write_text("0.5\n0.7\n0.6\n")
    done = CliRunner().invoke(
        app,
        [
            *("import", "two_columns", str(tmp_path / "loads.txt"), "--time-zone", "Asia/Tokyo"),
            *("--plugin", str(plugin), "--out", str(tmp_path / "data")),
        ],
    )
    assert done.exit_code == 0, done.output
    dataset = load_dataset(tmp_path / "data")
    assert dataset.series["profiles"].keys == ("a",)
    done = CliRunner().invoke(
        app,
        ["import", "two_column", "x", "--plugin", str(plugin), "--out", str(tmp_path / "d")],
    )
    assert done.exit_code == 2
    reported = re.sub(r"\s+", " ", done.output)
    assert "register it with @reader in a file named by --plugin" in reported
    assert "did you mean 'two_columns'" in reported


def test_what_a_reader_returns_is_checked(plugin: Path, tmp_path: Path) -> None:
    load_plugins((), tmp_path, [str(plugin)], installed=False)

    @reader("nothing")
    def read_nothing(source: Path, options: Any) -> None:
        return None

    from hmesh.plugins import ImportOptions

    with pytest.raises(InputError, match=r"reader 'nothing' .*returns NoneType .*a Foreign"):
        import_dataset("nothing", tmp_path, tmp_path / "out", ImportOptions())
    assert not (tmp_path / "out").exists()


def test_a_picture_of_a_plugin_is_drawn_and_in_the_report(plugin: Path, tmp_path: Path) -> None:
    given = ["vehicles.count=3", "hours=2", "strategies=[typical]", "plots=false"]
    start_run(load_scenario("three-communities", given, None, [str(plugin)]), tmp_path / "run")
    (drawn,) = draw_plots(tmp_path / "run", only="price_line")
    assert drawn.path == tmp_path / "run" / "plots" / "price_line.png"
    assert drawn.path.is_file()
    page = hmesh.report(tmp_path / "run", tmp_path / "page.html", audit=False).read_text()
    assert f"<figcaption>{drawn.finding}</figcaption>" in page
    start_run(load_scenario("three-communities", given), tmp_path / "other")
    with pytest.raises(InputError, match="there is no picture 'price_line'"):
        draw_plots(tmp_path / "other", only="price_line")
    other = hmesh.report(tmp_path / "other", tmp_path / "other.html", audit=False).read_text()
    assert "Pictures of plugins" not in other


def test_names_and_arguments_are_checked() -> None:
    with pytest.raises(InputError, match="another forecaster has this name: forecaster 'ridge' of"):
        forecaster("ridge")(lambda history, day_slots: None)
    with pytest.raises(InputError, match=r"takes other .*a function of history, day_slots"):
        forecaster("mine")(lambda: None)
    with pytest.raises(InputError, match="another picture has this name: picture 'charging'"):
        picture("charging")(lambda data: None)
    with pytest.raises(InputError, match="another reader has this name: reader 'epw' of hMESH"):
        reader("epw")(lambda source, options: None)
    with pytest.raises(InputError, match="'My picture' is not a valid name"):
        picture("My picture")(lambda data: None)
