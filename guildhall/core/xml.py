"""XML that somebody sends, read in time linear in its size and within limits.

Invariant: no document type, no entity and no outside file is ever read. Elements are counted and their depth is watched
while the text is read, so that a file that goes beyond a limit is refused where it does, before a tree of it exists.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError, TreeBuilder

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import DefusedXMLParser

#: Elements within each other. The deepest file that is read here has nine.
MAX_DEPTH = 32
#: Elements in all. A raid of 72 people over six hours has some 3,000.
MAX_ELEMENTS = 100_000
#: Attributes in all; no file that is read here has more than three an element.
MAX_ATTRIBUTES = 100_000
#: Different names of elements and attributes. EQdkp numbers those of a list (``i0``, ``i1``, …); the others are some hundred.
MAX_NAMES = 10_000


class XmlRefused(Exception):
    """The XML cannot be read; the text of the exception says why, as half a sentence (“it is nested …”)."""


class XmlMalformed(XmlRefused):
    """It is not XML, or not all of it."""


class _BoundedTree(TreeBuilder):
    """Builds the tree and gives up where it becomes too deep or too large."""

    def __init__(self, max_elements: int) -> None:
        super().__init__()
        self._depth = 0
        self._elements = self._max_elements = max_elements
        self._attributes = max(MAX_ATTRIBUTES, max_elements)
        self._names: dict[str, str] = {}

    def begin(self, name: str, attributes: list[str]) -> None:
        """Begin an element, as expat reports it: names as ``uri}tag``, attributes as names and values in turn."""
        self._depth += 1
        self._elements -= 1
        if self._depth > MAX_DEPTH:
            raise XmlRefused(f"it is nested deeper than {MAX_DEPTH} elements")
        if self._elements < 0:
            raise XmlRefused(f"it has more than {self._max_elements:,} elements")
        if not attributes:
            self.start(self._full(name), {})
            return
        self._attributes -= len(attributes) // 2
        if self._attributes < 0:
            raise XmlRefused("it has too many attributes")
        self.start(
            self._full(name), {self._full(key): value for key, value in zip(*[iter(attributes)] * 2, strict=True)}
        )

    def finish(self, name: str) -> None:
        """End an element."""
        self._depth -= 1
        self.end(self._full(name))

    def _full(self, name: str) -> str:
        """Return the name as ElementTree writes it, ``{uri}tag``; the same text for the same name."""
        full = self._names.get(name)
        if full is None:
            if len(self._names) >= MAX_NAMES:
                raise XmlRefused(f"it has more than {MAX_NAMES:,} different names of elements")
            full = self._names[name] = "{" + name if "}" in name else name
        return full


def read_xml(data: bytes, *, max_elements: int = MAX_ELEMENTS) -> Element:
    """Return the root element of `data`.

    Raises:
        XmlMalformed: it is not well-formed.
        XmlRefused: it declares a document type, or is deeper or larger than the limits.
    """
    tree = _BoundedTree(max_elements)
    parser = DefusedXMLParser(target=tree, forbid_dtd=True)
    # The parser's own handler makes each name and each element's attributes anew, which takes half of the time.
    parser.parser.StartElementHandler = tree.begin
    parser.parser.EndElementHandler = tree.finish
    try:
        # In one piece: expat before 2.6 takes time quadratic in a long token that comes in pieces.
        parser.feed(data)
        root = parser.close()
    except DefusedXmlException as error:
        raise XmlRefused("it declares a document type or entities, which are never read; take that part out") from error
    except (ParseError, ValueError, LookupError, AssertionError) as error:
        raise XmlMalformed(f"it is not well-formed: {str(error)[:100]}") from error
    assert isinstance(root, Element)
    return root
