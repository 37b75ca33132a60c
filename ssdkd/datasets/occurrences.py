"""How often each class occurs in a val set, and what a class that never does may mean."""

import numpy as np
from torch import Tensor

from ssdkd.errors import ConfigError
from ssdkd.words import count


class Occurrences:
    """Counts of the labels of a val set.

    Args:
        num_classes (int): Labels are 0 ... num_classes - 1.
        void (int | None): The label that means "none of them"; None: there is none.
        shifted (bool): mmseg's ``reduce_zero_label``: label 0 has become void, and the others
            one less. Defaults to False.

    Attributes:
        counts: [num_classes] int64, pixels or images.
        voids: Those without a class.
        zeros: Those that were label 0 before they were shifted.
    """

    def __init__(self, num_classes: int, void: int | None = None, shifted: bool = False):
        self.num_classes = num_classes
        self.void = void
        self.shifted = shifted
        self.counts = np.zeros(num_classes, np.int64)
        self.voids = self.zeros = 0
        first = int(shifted)
        self._known = {*range(first, num_classes + first)} | ({0, 255} if shifted else set())
        if void is not None:
            self._known.add(void if void == 255 else void + first)

    def add(self, labels: Tensor | np.ndarray, name: str = '') -> None:
        """Count labels of any shape.

        Args:
            labels: Integers, before they are shifted.
            name: Where they are from, for messages. Defaults to '': labels that are neither
                classes nor void have been refused before, or are passed over.

        Raises:
            ConfigError: A label is neither a class nor void.
        """
        labels = np.asarray(labels)
        length = max(256, self.num_classes)
        if labels.size and (labels.min() < 0 or labels.max() >= length):
            self._refuse(np.unique(labels), name)
            labels = labels[(labels >= 0) & (labels < length)]
        found = np.bincount(labels.flatten(), minlength=length)
        self._refuse(np.flatnonzero(found), name)
        if self.shifted:
            self.zeros += int(found[0])
            # As mmseg does it: 255 stays void.
            found = np.concatenate([found[1:255], [0, found[0] + found[255]]])
        if self.void is not None and 0 <= self.void < length:
            self.voids += int(found[self.void])
        self.counts += found[: self.num_classes]

    def _refuse(self, labels: np.ndarray, name: str) -> None:
        wrong = [label for label in labels.tolist() if label not in self._known]
        if not wrong or not name:
            return
        meant = f'0 ... {self.num_classes - 1}'
        if self.shifted:
            meant = f'1 ... {self.num_classes} with reduce_zero_label=True'
        if self.void is not None:
            meant += f'; {self.void} is void'
        raise ConfigError(
            f'{name} holds label {", ".join(map(str, wrong[:5]))}, but '
            f'num_classes={self.num_classes} ({meant}); convert the labels, or correct '
            'num_classes' + ', or ignore_index of the data set' * (self.void is not None)
        )

    @property
    def total(self) -> int:
        """All pixels or images that were counted."""
        return int(self.counts.sum()) + self.voids

    def findings(self, where: str, part: str = '') -> list[str]:
        """A line on classes that never occur; none if all do.

        Args:
            where: Name of the val set, for messages.
            part: What was counted, such as ``'the first 1,000 images'``. Defaults to all.

        Raises:
            ConfigError: Of two classes the second one never occurs and void does: masks with
                255 for it. Of a part, this is a line, too.
        """
        inside = part and f' in {part}'
        missing = np.flatnonzero(self.counts == 0).tolist()
        if not missing:
            return []
        if self.num_classes == 2 and missing == [1] and self.voids and not self.shifted:
            line = (
                f'{where}: the masks hold 0 and {self.void} alone{inside}, and {self.void} is '
                f'void, so that no pixel is of class 1; write 1 for {self.void}: '
                f'mask // {self.void}'
            )
            if part:  # others may hold class 1
                return [line]
            raise ConfigError(line)
        first = ', '.join(map(str, missing[:5])) + ', ...' * (len(missing) > 5)
        line = (
            f'{where}: {count(len(missing), "class")} of {self.num_classes} never '
            f'{"occurs" if len(missing) == 1 else "occur"}{inside} ({first}): '
        )
        if self.shifted and self.num_classes - 1 in missing and self.zeros:
            return [
                f'{line}reduce_zero_label=True makes label 0 void and every other label one '
                'less; if label 0 is a class, set reduce_zero_label=False'
            ]
        rest = part and 'unless the others hold them, '
        return [f'{line}{rest}nothing measures them; check the labels and num_classes']
