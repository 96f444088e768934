"""Reference pages: one for each module, and a table of them on the page of each room.

MkDocs calls these functions while it builds the site. The pages exist only in the site: a module
that is added, renamed or removed changes them by itself. They are found by the search and from the
table of their room, not in the navigation, which would repeat hundreds of links on every page.
"""

import ast
from dataclasses import dataclass
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Of `runs` a page holds a whole package, since its modules serve each other and few scripts.
ROOMS = ("environment", "markets", "agents")
MARK = "<!-- modules -->"


@dataclass(frozen=True)
class Module:
    """A module with a page: dotted name, first line of its docstring, and its public names."""

    name: str
    about: str
    names: tuple[str, ...]

    @property
    def page(self) -> str:
        """Path of the page below docs."""
        return f"reference/{self.name.removeprefix('hmesh.').replace('.', '/')}.md"


def _read(path: Path, name: str) -> Module:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    about = (ast.get_docstring(tree) or "").split("\n\n", 1)[0].replace("\n", " ")
    defined = (
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_")
    )
    return Module(name, about, tuple(defined))


def modules(room: str) -> list[Module]:
    """Return the modules of a room that have a page, in the order of their names."""
    folder = ROOT / room
    paths = (
        folder.rglob("*.py")
        if room in ROOMS
        else (*folder.glob("*.py"), *folder.glob("*/__init__.py"))
    )
    found = []
    for path in sorted(paths):
        parts = (room, *path.relative_to(folder).with_suffix("").parts)
        if parts[-1] == "__init__":
            parts = parts[:-1]
        if len(parts) > 1 and not parts[-1].startswith("_"):
            found.append(_read(path, ".".join(("hmesh", *parts))))
    return found


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a page for each module."""
    for room in (*ROOMS, "runs"):
        for module in modules(room):
            whole = "true" if room == "runs" else "false"
            options = f"    options:\n      show_submodules: {whole}\n"
            text = f"# {module.name}\n\n::: {module.name}\n{options}"
            files.append(File.generated(config, module.page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the table of modules on the page of a room."""
    if MARK not in markdown:
        return markdown
    room = Path(page.file.src_path).stem
    rows = ["| module | what it holds | names |", "| --- | --- | --- |"]
    for module in modules(room):
        link = module.page.removeprefix("reference/")
        names = ", ".join(f"`{name}`" for name in module.names)
        about = module.about.replace("|", "\\|")
        rows.append(f"| [{module.name.split('.', 2)[2]}]({link}) | {about} | {names} |")
    return markdown.replace(MARK, "\n".join(rows))
