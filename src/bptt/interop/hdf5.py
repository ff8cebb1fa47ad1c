"""Read groups, texts and arrays of an HDF5 file that may be hostile, by h5py.

Only what lies in the file itself is read: links to other files or names, external and virtual
arrays, references, and filters that would load a plugin are refused, and so are sizes that the
file's own bytes do not account for.
"""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import extras
from ..errors import InteropError
from ..safe_files import printable
from .files import MOST_BYTES, MOST_ENTRIES

__all__ = ["Tree", "opened"]

_DEPTH = 32  # groups in groups
_TEXT = 64 * 2**20  # bytes of an attribute
_RATIO = 100  # bytes of an array for each that is stored, above _SMALL
_SMALL = 2**20
_FILTERS = {1, 2, 3}  # deflate, shuffle, checksum: the ones in the library itself


@contextlib.contextmanager
def opened(path: str, image: bytes | None = None) -> Iterator["Tree"]:
    """Open a file, or the bytes of one, and yield its root.

    Raises
    ------
    InteropError
        It is damaged, or holds what is not read.
    ConfigError
        h5py is not installed.
    """
    h5py = extras.load("h5py", "interop", "to read and write files of Keras")
    try:
        if image is None:
            file = h5py.File(path, "r", locking=False)
        else:
            file = h5py.File(h5py.h5f.open_file_image(image, flags=h5py.h5f.ACC_RDONLY), "r")
        with file:
            yield Tree(h5py, file, path)
    except (OSError, LookupError, RuntimeError, ValueError, TypeError, ArithmeticError) as error:
        if isinstance(error, InteropError):
            raise
        raise InteropError(
            f"{path} is a damaged HDF5 file ({printable(error, 120)}); expected one that "
            f"h5py reads."
        ) from error
    except MemoryError as error:
        raise InteropError(f"{path} needs more memory than there is.") from error


class Tree:
    """A group of a file. Counts the entries and bytes that all groups of the file give."""

    def __init__(self, h5py: Any, group: Any, path: str, of: "Tree | None" = None, depth: int = 0):
        self._h5py, self._group, self.path = h5py, group, path
        self._root = self if of is None else of._root
        self._depth = depth
        if of is None:
            self._bytes, self._entries = 0, 0
        if depth > _DEPTH:
            raise InteropError(f"{path} has more than {_DEPTH} groups in one another.")

    def names(self) -> list[str]:
        """Return the names in the group."""
        if len(self._group) > MOST_ENTRIES:
            raise InteropError(f"{self.path} has {len(self._group)} entries in a group.")
        return list(self._group)

    def __contains__(self, name: str) -> bool:
        return isinstance(self._group.get(name, getlink=True), self._h5py.HardLink)

    def __getitem__(self, name: str) -> "Tree | np.ndarray":
        """Return a group or an array by its path, whose every link is checked."""
        tree: Tree | np.ndarray = self
        for part in filter(None, name.split("/")):
            if not isinstance(tree, Tree):
                raise InteropError(f"{self.path} has no {printable(name, 100)!r}.")
            tree = tree._entry(part)
        return tree

    def group(self, name: str) -> "Tree":
        """Return a group by its path."""
        if not isinstance(found := self[name], Tree):
            raise InteropError(f"{self.path} has an array at {printable(name, 100)!r}.")
        return found

    def array(self, name: str) -> np.ndarray:
        """Return an array by its path."""
        if isinstance(found := self[name], Tree):
            raise InteropError(f"{self.path} has a group at {printable(name, 100)!r}.")
        return found

    def _entry(self, name):
        root, shown = self._root, printable(name, 100)
        root._entries += 1
        if root._entries > MOST_ENTRIES:
            raise InteropError(f"{self.path} has more than {MOST_ENTRIES} entries.")
        link = self._group.get(name, getlink=True)
        if link is None:
            raise InteropError(f"{self.path} has no {shown!r} in {self._group.name!r}.")
        if not isinstance(link, self._h5py.HardLink):
            raise InteropError(
                f"{self.path}: {shown!r} is a link to another place; expected an array or a group."
            )
        entry = self._group[name]
        if isinstance(entry, self._h5py.Group):
            return Tree(self._h5py, entry, self.path, self, self._depth + 1)
        if isinstance(entry, self._h5py.Dataset):
            return self._read(entry, shown)
        raise InteropError(f"{self.path}: {shown!r} is no array and no group.")

    def _read(self, data, shown):
        """Read an array of numbers after its type, its size and its storage are checked."""
        plan = data.id.get_create_plist()
        filters = {plan.get_filter(i)[0] for i in range(plan.get_nfilters())}
        if data.external or data.is_virtual or not filters <= _FILTERS:
            raise InteropError(
                f"{self.path}: {shown!r} lies in another file or needs a plugin; expected an array "
                f"in the file itself."
            )
        shape = data.shape
        if data.dtype.kind not in "fiub" or shape is None or len(shape) > 8:
            raise InteropError(f"{self.path}: {shown!r} is {data.dtype}; expected numbers.")
        size, stored = math.prod(shape) * data.dtype.itemsize, data.id.get_storage_size()
        self._root._bytes += size
        if size > max(_SMALL, _RATIO * stored) or (size and not stored):
            raise InteropError(
                f"{self.path}: {shown!r} has {size} bytes, of which {stored} are stored; expected "
                f"at most {_RATIO} times as many as are stored."
            )
        if self._root._bytes > MOST_BYTES:
            raise InteropError(f"{self.path} has more than {MOST_BYTES} bytes of arrays.")
        return np.asarray(data[()])

    def arrays(self, skip: frozenset[str] = frozenset()) -> dict[str, np.ndarray]:
        """Return all arrays below the group by their paths, but for groups of the names `skip`."""
        found: dict[str, np.ndarray] = {}
        for name in self.names():
            if name in skip:
                continue
            entry = self._entry(name)
            if isinstance(entry, Tree):
                found |= {f"{name}/{below}": a for below, a in entry.arrays(skip).items()}
            else:
                found[name] = entry
        return found

    def text(self, name: str) -> str | None:
        """Return an attribute that is a text; None if there is none."""
        texts = self._texts(name)
        if texts is None:
            return None
        if len(texts) == 1:
            return texts[0]
        raise InteropError(f"{self.path}: attribute {name} has {len(texts)} texts; expected one.")

    def texts(self, name: str) -> list[str]:
        """Return an attribute that is a list of texts; long ones lie in name0, name1, ..."""
        if (texts := self._texts(name)) is not None:
            return texts
        texts, part = [], 0
        while (more := self._texts(f"{name}{part}")) is not None:
            texts, part = texts + more, part + 1
        return texts

    def has(self, name: str) -> bool:
        """Return whether there is an attribute."""
        return name in self._group.attrs

    def _texts(self, name):
        if name not in self._group.attrs:
            return None
        attribute = self._group.attrs.get_id(name)
        count = math.prod(attribute.shape)
        if not count:  # an empty list of names has no type of its own
            return []
        if count > MOST_ENTRIES or attribute.get_storage_size() > _TEXT:
            raise InteropError(f"{self.path}: attribute {name} is too large.")
        if attribute.dtype.kind not in "SOU":
            raise InteropError(
                f"{self.path}: attribute {name} is {attribute.dtype}; expected text."
            )
        values = np.atleast_1d(np.asarray(self._group.attrs[name], dtype=object)).tolist()
        texts = [v.decode() if isinstance(v, bytes) else v for v in values]
        if not all(isinstance(t, str) for t in texts):
            raise InteropError(f"{self.path}: attribute {name} holds other things than text.")
        return texts
