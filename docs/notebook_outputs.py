"""Execute every notebook with its small settings, and store what it shows.

Run as ``python docs/notebook_outputs.py [NAME ...]``; without names all are executed. What changes
from one execution to the next, such as times, is not stored.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "notebooks"


def executed(path: Path) -> nbformat.NotebookNode:
    """Return a notebook with its outputs, as it is stored."""
    book = nbformat.read(path, as_version=4)
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    NotebookClient(book, timeout=3000, resources={"metadata": {"path": str(ROOT)}}).execute()
    for cell in book.cells:
        if cell.cell_type == "code":
            cell.metadata = {}
            cell.outputs = [out for out in cell.outputs if out.output_type != "stream"]
    book.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return book


def main() -> None:
    """Execute and store the notebooks that are named."""
    names = sys.argv[1:] or sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    for name in names:
        path = FOLDER / f"{name}.ipynb"
        book = executed(path)
        nbformat.write(book, path)
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1e3:,.0f} kB")


if __name__ == "__main__":
    main()
