"""Make the mutants of a module with the operators of mutmut, each as the text of the whole module.

Names are those of mutmut: the module, the function or the class and its method, and a number.
"""

import difflib
from collections import Counter
from collections.abc import Iterator
from contextlib import chdir
from functools import lru_cache
from pathlib import Path

import libcst as cst
from mutmut.mutation.file_mutation import Mutation, create_mutations, deep_replace
from mutmut.mutation.trampoline_templates import CLASS_NAME_SEPARATOR, mangle_function_name

ROOT = Path(__file__).parents[1]


def mutant_names(root: Path, module: str) -> list[str]:
    """Return the names of all mutants of a module, which is named by its path."""
    return list(_mutants(root / module, module)[1])


def mutated(root: Path, mutant: str) -> str:
    """Return the text of the module of a mutant, with its change."""
    module = module_of(mutant)
    tree, found = _mutants(root / module, module)
    change = found[mutant]
    text: str = deep_replace(tree, change.original_node, change.mutated_node).code  # type: ignore[union-attr]
    return text


def change_of(root: Path, mutant: str) -> str:
    """Return what a mutant changes, as a difference of lines."""
    module = module_of(mutant)
    before = (root / module).read_text(encoding="utf-8").splitlines()
    after = mutated(root, mutant).splitlines()
    lines = difflib.unified_diff(before, after, f"{module}", f"{module}", lineterm="")
    return "\n".join([f"# {mutant}", *lines, ""])


def module_of(mutant: str) -> str:
    """Return the path of the module of a mutant."""
    module = mutant.rpartition(".x")[0]
    return f"{module.removeprefix('hmesh.').replace('.', '/')}.py"


def function_of(mutant: str) -> str:
    """Return the function that a mutant changes, as notes of tests name it."""
    mangled = mutant.rpartition(".x")[2].rpartition("__mutmut_")[0]
    if mangled.startswith(CLASS_NAME_SEPARATOR):
        name = mangled.removeprefix(CLASS_NAME_SEPARATOR).replace(CLASS_NAME_SEPARATOR, ".")
    else:
        name = mangled.removeprefix("_")
    return f"{module_of(mutant)}::{name}"


@lru_cache(maxsize=2)
def _mutants(path: Path, module: str) -> tuple[cst.Module, dict[str, Mutation]]:
    """Return a module, and what each of its mutants changes."""
    # mutmut reads its section of pyproject.toml where it stands.
    with chdir(ROOT):
        tree, changes, _, _ = create_mutations(str(path), path.read_text(encoding="utf-8"))
    prefix = f"hmesh.{module.removesuffix('.py').replace('/', '.')}"
    mangled = dict(_functions(tree))
    found, counts = dict[str, Mutation](), Counter[str]()
    for change in changes:
        name = mangled.get(change.contained_by_top_level_function)  # type: ignore[arg-type]
        if name is not None:
            counts[name] += 1
            found[f"{prefix}.{name}__mutmut_{counts[name]}"] = change
    return tree, found


def _functions(tree: cst.Module) -> Iterator[tuple[cst.FunctionDef, str]]:
    """Yield the functions of a module and the methods of its classes, with their names."""
    for node in tree.body:
        if isinstance(node, cst.FunctionDef):
            yield node, mangle_function_name(name=node.name.value, class_name=None)
        elif isinstance(node, cst.ClassDef) and isinstance(node.body, cst.IndentedBlock):
            for each in node.body.body:
                if isinstance(each, cst.FunctionDef):
                    yield (
                        each,
                        mangle_function_name(name=each.name.value, class_name=node.name.value),
                    )
