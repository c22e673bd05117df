"""What README, docs and cards show exists: verbs, options, recipes' fields, modules, files.

Commands are parsed by the command line's own parser and not run. In a fence a command is complete;
one in a sentence, or with `...`, may leave out what the sentence is not about.
"""

import argparse
import ast
import re
import shlex
from pathlib import Path

import pytest

from multiposenet import cli
from multiposenet.errors import InputError
from multiposenet.training import recipes
from multiposenet.training.registry import STAGES

ROOT = Path(__file__).resolve().parent.parent
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("weights/cards/*.md")),
]
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.M | re.S)
PLACEHOLDER = re.compile(r"[A-Z][A-Z_]*")
PACKAGES = {"multiposenet": "multiposenet", "multiposenet.training": "training"}


def fences(text, *languages):
    return [match[3] for match in FENCE.finditer(text) if match[2] in languages]


def spans(text):
    """Inline code, which may go over a line's end."""
    return [" ".join(m.split()) for m in re.findall(r"`([^`]+)`", FENCE.sub("", text))]


def commands(text, start):
    """(command, whether it is complete) of all that begin with some words."""
    for block in fences(text, "sh", "bash"):
        block = re.sub(r"#.*", "", block.replace("\\\n", " "))
        for name, value in re.findall(r'^(\w+)="(.*)"$', block, re.M):
            block = block.replace(f"${name}", value)
        for line in re.split(r"\n|&&|;|\|(?= )", block):
            if (at := line.find(start)) >= 0:
                yield " ".join(line[at:].split()), "..." not in line and "[" not in line
    for span in spans(text):
        if (at := span.find(start)) >= 0 and not span[at - 1 : at].strip("/ "):
            yield span[at:], False


def relax(parser):
    """The parser, content with what it gets."""
    for group in parser._mutually_exclusive_groups:
        group.required = False
    for group in parser._mutually_exclusive_groups:
        group.required = False
    for action in parser._actions:
        action.required = False
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                relax(sub)
        elif not action.option_strings and action.nargs is None:
            action.nargs = "?"
            action.default = next(iter(action.choices or ["-"]))
        elif action.option_strings and action.nargs is None and not action.const:
            action.nargs = "?"
    return parser


def of_verb(words):
    """The parser that reads the last of the words."""
    parser = cli.parser()
    for word in words:
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction) and word in action.choices:
                parser = action.choices[word]
                break
    return parser


def filled(words):
    """The words with something in place of placeholders that a choice or a number is wanted for."""
    parser, result, option = of_verb(words), [], None
    positionals = [a for a in parser._actions if not a.option_strings and a.choices]
    for place, word in enumerate(words):
        if word.startswith("--"):
            option = parser._option_string_actions.get(word.split("=")[0])
        elif PLACEHOLDER.fullmatch(word):
            wanted = option if option else (positionals or [None])[0] if place == 1 else None
            if wanted is not None and wanted.choices:
                word = next(iter(wanted.choices))
            elif wanted is not None and wanted.type in (int, float):
                word = "1"
        elif "|" in word:
            word = word.split("|")[0]
        result.append(word)
    return result


def parse(command, complete):
    """What the command line makes of a command; SystemExit where it is wrong."""
    command = re.sub(r"(--[\w-]+) \.\.\.", r"\1 coco:FOLDER", command)
    words = shlex.split(re.sub(r"\[|\]|\.\.\.", " ", command))[1:]
    parser = cli.parser() if complete else relax(cli.parser())
    return parser.parse_args(filled(words))


def check_fields(args):
    """`--set NAME=VALUE` of a known stage and recipe."""
    known = STAGES.get(getattr(args, "stage", None))
    if known and getattr(args, "set", None) and args.recipe in known.recipes:
        named = {name: value for name, value in args.set if not PLACEHOLDER.fullmatch(name)}
        recipes.change(known.recipe(args.recipe)(), named)


def file_of(module):
    """The file of a module of this project, without importing it; None if there is none."""
    for package in sorted(PACKAGES, key=len, reverse=True):
        if module == package or module.startswith(package + "."):
            inner = module.removeprefix(package).strip(".").replace(".", "/")
            stem = ROOT / PACKAGES[package] / inner
            found = [stem.with_suffix(".py")] if inner else []
            return next((p for p in [*found, stem / "__init__.py"] if p.is_file()), None)
    return None


def ids(page):
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_parse(page, capsys):
    wrong = []
    for command, complete in commands(page.read_text(encoding="utf-8"), "multiposenet "):
        command = command.removesuffix(" --help")
        if command == "multiposenet":
            continue
        try:
            check_fields(parse(command, complete))
        except (SystemExit, InputError) as error:
            wrong.append(f"{command}: {capsys.readouterr().err.splitlines()[-1:] or error}")
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_programs_exist_and_know_their_options(page):
    wrong = []
    for command, _ in commands(page.read_text(encoding="utf-8"), "python "):
        words = shlex.split(command)[1:]
        if words[0] == "-m" and words[1].startswith("multiposenet"):
            file = file_of(words[1])
        elif words[0].endswith(".py"):
            file = ROOT / words[0]
        else:
            continue
        if file is None or not file.is_file():
            wrong.append(command)
            continue
        source = file.read_text(encoding="utf-8")
        options = [word.split("=")[0] for word in words if word.startswith("--")]
        wrong += [f"{command}: {option}" for option in options if f'"{option}"' not in source]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_imports_in_examples_exist(page):
    wrong = []
    for block in fences(page.read_text(encoding="utf-8"), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and file_of(node.module) is not None:
                source = file_of(node.module).read_text(encoding="utf-8")
                for name in (alias.name for alias in node.names):
                    inside = file_of(f"{node.module}.{name}")
                    if inside is None and not re.search(rf"\b{name}\b", source):
                        wrong.append(f"{node.module}.{name}")
            elif isinstance(node, ast.ImportFrom) and node.module.startswith("multiposenet"):
                wrong.append(node.module)
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_and_files_exist(page):
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    wrong = [link for link in links if not (page.parent / link).exists()]
    for span in spans(text):
        # A file or folder of the checkout: as written, or within the library.
        if re.fullmatch(r"(?:\w+/)+(?:\w+\.(?:py|md|ipynb|yaml))?", span):
            ours = (ROOT / span.split("/")[0]).is_dir() or span.endswith((".py", ".md", ".ipynb"))
            if ours and not ((ROOT / span).exists() or (ROOT / "multiposenet" / span).exists()):
                wrong.append(span)
    assert wrong == []


def test_what_is_wrong_is_seen(capsys):
    assert parse("multiposenet train STAGE --data FORMAT:FOLDER ... --run DIR", False).run == "DIR"
    assert parse("multiposenet bench [--people 1,3,20]", False).verb == "bench"
    for command in (
        "multiposenet predct",
        "multiposenet predict --otu x",
        "multiposenet figures x",
    ):
        with pytest.raises(SystemExit):
            parse(command, False)
    with pytest.raises(SystemExit):
        parse("multiposenet train prn --workers many", True)
    with pytest.raises(InputError):
        check_fields(parse("multiposenet train prn --set width=3", True))
    assert file_of("multiposenet.training.recipes").name == "__init__.py"
    assert file_of("multiposenet.nothing") is None
    capsys.readouterr()
