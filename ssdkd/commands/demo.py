"""Train a teacher on scikit-learn's digits, distil it without data, and report.

It takes about four minutes on two CPU cores. The teacher stays in work_dirs/digits_resnet20,
and later calls reuse it.
"""

import argparse
import shutil
from pathlib import Path

from ssdkd.interrupt import hinting

CONFIG = 'cls/digits_resnet20_resnet8_ssdkd'
TEACHER_CONFIG = 'teachers/digits_resnet20'
TEACHER = Path('work_dirs/digits_resnet20/teacher.pth')
WORK_DIR = 'work_dirs/demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--work-dir',
        default=WORK_DIR,
        help=f'folder of student and report (default: {WORK_DIR}, which is emptied first)',
    )
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        default=[],
        metavar='KEY=VALUE',
        help='change config values of the distillation',
    )


def run(args: argparse.Namespace) -> None:
    from ssdkd.commands.main import run_command
    from ssdkd.runs.files import STUDENT

    if args.work_dir == WORK_DIR:
        shutil.rmtree(WORK_DIR, ignore_errors=True)
    options = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    with hinting(lambda: 'the same command starts again with the student'):
        if TEACHER.is_file():
            print(f'Teacher: using {TEACHER}, which is there already.', flush=True)
        else:
            where = ['--work-dir', str(TEACHER.parent), '--resume']
            run_command('train-teacher', TEACHER_CONFIG, *where)
        run_command('train', CONFIG, '--work-dir', args.work_dir, *options)
        out = Path(args.work_dir)
        student = str(out / STUDENT)
        run_command('test', CONFIG, student, '--work-dir', str(out / 'test'), *options)
    print()
    run_command('report', args.work_dir)
