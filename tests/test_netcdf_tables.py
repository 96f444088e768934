"""NetCDF files as tables of members, classic and on HDF5, each with the outcome by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hmesh.environment.calendar import Calendar
from hmesh.environment.datasets.readers import ImportOptions, read_foreign
from hmesh.environment.errors import InputError
from hmesh.runs.world.dataset_files import import_dataset

BERLIN = "Europe/Berlin"
LOAD = np.arange(48.0).reshape(24, 2) / 10
PRICE = np.linspace(80.0, 103.0, 24)


def classic(path: Path, units: str = "hours since 2024-06-02 22:00:00", **more: str) -> Path:
    """Write what xarray writes without further packages: netCDF 3."""
    from scipy.io import netcdf_file

    with netcdf_file(path, "w") as file:
        for name, size in (("time", 24), ("house", 2), ("letters", 5)):
            file.createDimension(name, size)
        time = file.createVariable("time", "i4", ("time",))
        time[:] = np.arange(24)
        time.units = units
        for name, text in more.items():
            setattr(time, name, text)
        house = file.createVariable("house", "c", ("house", "letters"))
        house[:] = np.array([list("mill "), list("kiln ")], dtype="S1")
        load = file.createVariable("load", "f8", ("time", "house"))
        load[:] = LOAD
        load.units = "kWh"
        price = file.createVariable("price", "i2", ("time",))
        price[:] = np.round(PRICE * 10)
        price[3] = -9999
        price.units, price.scale_factor = "EUR/MWh", 0.1
        price._FillValue = np.int16(-9999)
    return path


def on_hdf5(path: Path) -> Path:
    """Write what xarray writes as netCDF 4."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        time = file.create_dataset("time", data=np.arange(24, dtype=np.int64) * 60)
        time.attrs["units"] = "minutes since 2024-06-03T00:00:00+02:00"
        house = file.create_dataset("house", data=["mill", "kiln"], dtype=h5py.string_dtype())
        load = file.create_dataset("load", data=LOAD.T)
        load.attrs["units"] = "kWh"
        for scale in (time, house):
            scale.make_scale(scale.name.strip("/"))
        load.dims[0].attach_scale(house)
        load.dims[1].attach_scale(time)
    return path


def test_a_classic_file(tmp_path: Path) -> None:
    source = classic(tmp_path / "town.nc")
    dataset = import_dataset("csv", source, tmp_path / "out", ImportOptions(time_zone=BERLIN))
    calendar = Calendar("2024-06-03T00:00", BERLIN)
    loads = dataset.loads(calendar, 24)
    assert loads.members == ("mill", "kiln")
    np.testing.assert_allclose(loads.load_kwh, LOAD)
    price = dataset.series["market"].over("price", calendar, 24)[:, 0]
    due = np.round(PRICE, 1) / 1000
    due[3] = (due[2] + due[4]) / 2  # a gap of an hour, filled and reported
    np.testing.assert_allclose(price, due, atol=1e-12)
    assert dataset.filled_share("market") == {"": pytest.approx(1 / 24)}


def test_a_file_on_hdf5(tmp_path: Path) -> None:
    source = on_hdf5(tmp_path / "town.nc")
    dataset = import_dataset("csv", source, tmp_path / "out", ImportOptions(time_zone=BERLIN))
    loads = dataset.loads(Calendar("2024-06-03T00:00", BERLIN), 24)
    assert loads.members == ("mill", "kiln")
    np.testing.assert_allclose(loads.load_kwh, LOAD)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"units": "months since 2024-01-01"}, "has 0 axes of time"),
        ({"calendar": "noleap"}, "calendar 'noleap'"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        read_foreign("csv", classic(tmp_path / "town.nc", **more), ImportOptions(time_zone=BERLIN))
    assert message in str(error.value)


def test_what_is_no_netcdf(tmp_path: Path) -> None:
    for content, message in ((b"time,load\n", "is no netCDF"), (b"CDF\x01x", "cannot be read")):
        (tmp_path / "a.nc").write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_foreign("csv", tmp_path / "a.nc", ImportOptions(time_zone=BERLIN))
