"""Compare a student with its teacher on a folder of any images, without labels.

It prints three figures:
- agreement: the share of images for which both predict the same class (segmentation: of pixels;
  several labels: of labels);
- the mean KL divergence of the student from the teacher, in nats;
- the expected calibration error of the student, with the teacher's class as the label: the mean
  distance between agreement and confidence, over 15 bins of the student's confidence.
Images are resized to cover the image size, and cropped.
"""

import argparse
import copy
import json
from pathlib import Path

from ssdkd.atomic import write_whole
from ssdkd.commands.options import add_cfg_options, add_config, add_image_size, add_role


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_config(parser)
    parser.add_argument(
        'checkpoint', help='student.pth, a round_*.pth, or any state dict of the student'
    )
    parser.add_argument('images', help='folder of images; FOLDER also finds FOLDER.tar')
    parser.add_argument(
        '--out', help='figure to write (default: agreement.png beside the checkpoint)'
    )
    add_role(parser)
    add_image_size(parser)
    parser.add_argument(
        '--batch-size', type=int, default=32, help='images per batch (default: 32)'
    )
    add_cfg_options(parser)


def run(args: argparse.Namespace) -> None:
    import torch
    from mmengine.utils import track_iter_progress

    from ssdkd.apis import build_network, check_distils, load_config, sample_size
    from ssdkd.datasets.files import ImageFiles, cover_and_crop
    from ssdkd.distillers.teacher_checks import take_logits
    from ssdkd.evaluation import AgreementMeter
    from ssdkd.models import channels_of
    from ssdkd.registry import TASKS
    from ssdkd.visualization import plot_reliability

    cfg = load_config(args)
    check_distils(cfg)
    files = ImageFiles(args.images)
    size = sample_size(cfg, args.image_size)
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    teacher = build_network(cfg, 'teacher').to(device)
    student = build_network(cfg, args.role, args.checkpoint).to(device)
    channels = channels_of(teacher)
    task = TASKS.build(copy.deepcopy(cfg.model.task))
    for network in (teacher, student):
        take_logits(network, size, task)
    meter = AgreementMeter()
    batches = [
        files.names[i : i + args.batch_size]
        for i in range(0, len(files.names), args.batch_size)
    ]
    for names in track_iter_progress(batches):
        images = torch.stack(
            [cover_and_crop(files.open(name, channels), size) for name in names]
        )
        images = images.to(device).float() / 255
        with torch.no_grad():
            logits = student(images), teacher(images)
        meter.update(*map(task.outcomes, logits))
    results = meter.results()
    out = Path(args.out) if args.out else Path(args.checkpoint).with_name('agreement.png')
    plot_reliability(results, out, task.cases)
    facts = dict(student=args.checkpoint, images_of=args.images, image_size=list(size))
    write_whole(out.with_suffix('.json'), json.dumps(facts | results, indent=1) + '\n')
    error = results['agreement_error']
    error = '' if error is None else f' (standard error over images {error:.2f})'
    print(f'\n{results["images"]} images of {size[0]}x{size[1]} pixels; cases are {task.cases}')
    print(f'agreement with the teacher: {results["agreement"]:.2f} %{error}')
    print(f'mean KL(teacher || student): {results["kl"]:.4f} nats')
    print(f'expected calibration error: {results["ece"]:.2f} percentage points')
    print(
        f'mean confidence: student {results["student_confidence"]:.2f} %, '
        f'teacher {results["teacher_confidence"]:.2f} %'
    )
    print(f'figure: {out}')
