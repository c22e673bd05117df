"""XML files of others: a tree without anything that a document type could declare."""

from pathlib import Path
from xml.etree import ElementTree
from xml.parsers import expat

from multiposenet.errors import AnnotationError
from multiposenet.json_table import fail, read_bytes

_MAX_DEPTH = 30


def read(path: Path) -> ElementTree.Element:
    """Reads a file.

    A document type is refused as a whole, and with it entities, which can make a small file large
    or name other files.

    Raises:
        AnnotationError: it cannot be read, is no XML, or has a document type.
    """
    content, depth = read_bytes(path), 0
    builder, parser = ElementTree.TreeBuilder(), expat.ParserCreate()

    def start(name, attributes):
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            fail(path, "file", "nested too deeply", "export it anew")
        builder.start(name, attributes)

    def end(name):
        nonlocal depth
        depth -= 1
        builder.end(name)

    def refuse(*_):
        fail(path, "file", "has a document type (DOCTYPE)", "remove it")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.ExternalEntityRefHandler = refuse
    try:
        parser.Parse(content, True)
        return builder.close()
    except AnnotationError:
        raise
    except (expat.ExpatError, ValueError, LookupError, AssertionError) as error:
        line = getattr(error, "lineno", parser.CurrentLineNumber)
        fail(path, "file", f"not XML at line {line}", "export it anew")
