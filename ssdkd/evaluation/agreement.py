"""Agreement of a student with its teacher, on images without labels."""

import math

import torch
from torch import Tensor

from ssdkd.tasks import kl_divergence


class AgreementMeter:
    """Agreement and calibration of a student against its teacher's answers.

    A *case* is an image, in segmentation a pixel, of several labels each of them. The
    student's *confidence* is its largest class probability. Results:

    - ``agreement``: share of cases in which both say the same class, in percent, with its
      standard error over images, ``agreement_error`` (pixels of an image are not independent);
    - ``kl``: mean ``KL(teacher || student)`` at temperature 1, in nats;
    - ``ece``: expected calibration error (Naeini et al. 2015; Guo et al. 2017, arXiv
      1706.04599) with the teacher's class in the place of the label: over bins of equal width
      of the student's confidence, the mean distance of the bin's agreement and its mean
      confidence, weighted by its cases, in percentage points;
    - ``kappa``: Cohen's kappa (1960, "A coefficient of agreement for nominal scales"),
      ``(p - q) / (1 - q)`` of the agreement p and the agreement q that two networks would have
      by chance which predict each class as often as these do: 1 is full agreement, 0 what
      chance gives, also where both always predict the same class;
    - ``student_confidence`` and ``teacher_confidence``: means, in percent.

    Args:
        bins (int): Number of bins. Defaults to 15.
    """

    def __init__(self, bins: int = 15):
        # Of each bin: cases, cases that agree, sum of the confidence.
        self.bins = torch.zeros(bins, 3, dtype=torch.float64)
        self.per_image: list[float] = []
        self.predicted: Tensor | None = None  # cases by class, of the student and the teacher
        self.kl = self.teacher_confidence = 0.0

    @torch.no_grad()
    def update(self, student: Tensor, teacher: Tensor) -> None:
        """Add the logits of both for the same images, as :meth:`BaseTask.outcomes` gives them.

        Args:
            student: [N, C, ...].
            teacher: Of the same shape.
        """
        confidence, label = student.double().softmax(dim=1).max(dim=1)
        teacher_confidence, wanted = teacher.double().softmax(dim=1).max(dim=1)
        hits = (label == wanted).double()
        self.per_image += (
            hits.flatten(1).mean(dim=1).tolist() if hits.ndim > 1 else hits.tolist()
        )
        counts = [
            torch.bincount(x.flatten(), minlength=student.shape[1]) for x in (label, wanted)
        ]
        counts = torch.stack(counts).double().cpu()
        self.predicted = counts if self.predicted is None else self.predicted + counts
        self.kl += float(kl_divergence(student, teacher, 1.0).double().sum())
        self.teacher_confidence += float(teacher_confidence.sum())
        number = len(self.bins)
        index = (confidence.flatten() * number).ceil().long().clamp(1, number) - 1
        values = torch.stack([torch.ones_like(hits), hits, confidence], dim=-1)
        self.bins.index_add_(0, index.cpu(), values.reshape(-1, 3).cpu())

    def results(self) -> dict:
        """The figures, and under ``bins`` those of each bin that has cases.

        Raises:
            RuntimeError: There were no images.
        """
        if not self.per_image:
            raise RuntimeError('the meter has seen no images: update it first')
        cases, hits, confidence = self.bins.sum(dim=0).tolist()
        images = torch.tensor(self.per_image, dtype=torch.float64)
        error = float(images.std()) / math.sqrt(len(images)) if len(images) > 1 else math.nan
        gaps = (self.bins[:, 1] - self.bins[:, 2]).abs().sum()
        rows = [
            dict(
                low=100 * i / len(self.bins),
                high=100 * (i + 1) / len(self.bins),
                cases=int(n),
                agreement=100 * k / n,
                confidence=100 * c / n,
            )
            for i, (n, k, c) in enumerate(self.bins.tolist())
            if n
        ]
        return dict(
            images=len(images),
            cases=int(cases),
            agreement=100 * hits / cases,
            kappa=cohens_kappa(hits / cases, self.predicted / cases),
            agreement_error=None if math.isnan(error) else 100 * error,
            kl=self.kl / cases,
            ece=100 * float(gaps) / cases,
            student_confidence=100 * confidence / cases,
            teacher_confidence=100 * self.teacher_confidence / cases,
            bins=rows,
        )


def cohens_kappa(agreement: float, frequencies: Tensor) -> float:
    """Agreement beyond chance, at most 1.

    Args:
        agreement: Share of cases in which two raters agree.
        frequencies: [2, K], how often each of the two says each class; rows sum to 1.
    """
    chance = float(frequencies.prod(dim=0).sum())
    return 0.0 if chance > 1 - 1e-9 else (agreement - chance) / (1 - chance)
