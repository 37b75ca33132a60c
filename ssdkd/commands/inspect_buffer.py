"""Draw the samples of a run by class, by priority, by age, and by similarity.

It writes by_class.png, by_priority.png, by_age.png and look_alikes.png. The last one has
samples with their nearest neighbours, and the distances in grey levels (root mean square).
"""

import argparse
from pathlib import Path

from ssdkd.errors import ConfigError

ALIKE = 5.0  # grey levels below which two samples are called alike


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('run', help='work directory (its newest round) or a round_*.pth')
    parser.add_argument('--out', help="folder (default: 'buffer' in the work directory)")
    parser.add_argument('--columns', type=int, default=10, help='samples per row (default: 10)')
    parser.add_argument(
        '--classes',
        nargs='+',
        metavar='NAME',
        help='names of the classes, in the order of the outputs',
    )
    parser.add_argument(
        '--queries',
        type=int,
        default=2000,
        help='number of samples to find neighbours for, evenly over the buffer; the time grows '
        'with them (default: 2000)',
    )


def run(args: argparse.Namespace) -> None:
    import torch
    from mmengine.utils import track_iter_progress

    from ssdkd.buffers import read_samples
    from ssdkd.visualization.buffer_grids import (
        nearest_neighbours,
        rows_by_age,
        rows_by_class,
        rows_by_priority,
        rows_of_look_alikes,
        save_rows,
    )

    samples = read_samples(args.run)
    out = Path(args.out) if args.out else samples.path.with_name('buffer')
    images, columns = samples.columns['image'], args.columns
    classes = len(samples.class_counts)
    if args.classes and classes and len(args.classes) != classes:
        raise ConfigError(f'--classes gives {len(args.classes)} names, but there are {classes}')
    print(f'{len(samples)} samples of {images.shape[2]}x{images.shape[3]} in {samples.path}')
    if classes:
        save_rows(
            samples,
            rows_by_class(samples, columns, args.classes),
            out / 'by_class.png',
            columns,
        )
        counts = samples.class_counts
        print(f'samples of a class: {counts.min():.0f} to {counts.max():.0f}')
    else:
        print('the buffer stores no classes: by_class.png is left out')
    save_rows(samples, rows_by_priority(samples, columns), out / 'by_priority.png', columns)
    save_rows(samples, rows_by_age(samples, columns), out / 'by_age.png', columns)
    for name, column in (
        ('priority', 'priority'),
        ('round of birth', 'birth'),
        ('uses', 'uses'),
    ):
        values = samples.columns[column].double()
        print(f'{name}: {values.min():.4g} to {values.max():.4g}, median {values.median():.4g}')
    if len(samples) < 2:
        return
    step = max(1, len(samples) / args.queries)
    queries = torch.arange(0, len(samples), step).long()
    distances, neighbours = nearest_neighbours(images, queries, 5, track_iter_progress)
    rows = rows_of_look_alikes(samples, distances, neighbours, queries, 10)
    save_rows(samples, rows, out / 'look_alikes.png', columns)
    nearest = distances[:, 0]
    print(
        f'\nnearest neighbours of {len(queries)} samples: median distance '
        f'{nearest.median():.1f} grey levels, smallest {nearest.min():.1f}; '
        f'{100 * (nearest < ALIKE).double().mean():.1f} % are alike (nearer than {ALIKE:g}), '
        f'{100 * (nearest == 0).double().mean():.1f} % are copies'
    )
    print(f'figures: {out}')
